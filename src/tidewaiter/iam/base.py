"""The identity that tidewaiter begins with, in the account where it runs."""

from typing import Final

from tidewaiter.iam import trust
from tidewaiter.iam.blueprint import (
    Attachment,
    InstanceProfile,
    OidcProvider,
    PodIdentity,
    Policy,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.wishes import Runs, Wishes

_DESCRIPTION: Final = "tidewaiter runs as this role"
_KEY_NOTE: Final = (
    "A user's key is valid until somebody takes it away: take a role wherever tidewaiter runs in AWS. Make the key by "
    "hand (`aws iam create-access-key`), and keep it where secrets are kept."
)
_ISSUER_NOTE: Final = (
    "An account knows an identity provider once: leave it out where the cluster has been made known to IAM already."
)
_NOTES: Final = {
    Runs.USER: (_KEY_NOTE,),
    Runs.EC2: ("Give the instance the profile, and require IMDSv2 of it.",),
    Runs.ECS: ("Name the role as the task role of the task definition (`taskRoleArn`), not as its execution role.",),
    Runs.IRSA: (_ISSUER_NOTE, "Annotate the service account with `eks.amazonaws.com/role-arn` and the role's ARN."),
    Runs.POD_IDENTITY: ("The cluster needs the add-on `eks-pod-identity-agent`.",),
    Runs.EXISTING: ("The principal keeps all that it may do already: `tidewaiter iam doctor` tells what is too much.",),
}
_UNTAGGED: Final = (
    "The association is made without session tags, for they would go on to each further role, which would have to "
    "allow it. So the trust policy cannot name the service account: who may pass the role to EKS decides."
)


def arn(wishes: Wishes) -> str:
    """The ARN of the identity, as trust policies name it."""
    if wishes.runs is Runs.EXISTING:
        return wishes.existing_arn
    kind = "user" if wishes.runs is Runs.USER else "role"
    return f"arn:{wishes.partition}:iam::{wishes.account}:{kind}/{wishes.name}"


def resources(wishes: Wishes, policies: tuple[Policy, ...]) -> tuple[Resource, ...]:
    """What makes the identity, with these policies."""
    match wishes.runs:
        case Runs.USER:
            return (User(name=wishes.name, policies=policies),)
        case Runs.EXISTING:
            return (Attachment(principal_arn=wishes.existing_arn, policies=policies),)
        case Runs.EC2:
            role = Role(name=wishes.name, description=_DESCRIPTION, trust=trust.by_ec2(wishes), policies=policies)
            return (role, InstanceProfile(name=wishes.name, role=wishes.name))
        case Runs.ECS:
            return (Role(name=wishes.name, description=_DESCRIPTION, trust=trust.by_ecs(wishes), policies=policies),)
        case Runs.IRSA:
            provider = OidcProvider(issuer=wishes.issuer)
            trusted = trust.by_service_account(wishes, provider)
            return (provider, Role(name=wishes.name, description=_DESCRIPTION, trust=trusted, policies=policies))
        case Runs.POD_IDENTITY:
            role = Role(name=wishes.name, description=_DESCRIPTION, trust=trust.by_pods(wishes), policies=policies)
            return (role, _association(wishes))


def notes(wishes: Wishes) -> tuple[str, ...]:
    """What has to be done by hand, or to be known."""
    untagged = wishes.runs is Runs.POD_IDENTITY and not trust.has_session_tags(wishes)
    return (*_NOTES[wishes.runs], _UNTAGGED) if untagged else _NOTES[wishes.runs]


def _association(wishes: Wishes) -> PodIdentity:
    return PodIdentity(
        cluster=wishes.cluster,
        namespace=wishes.namespace,
        service_account=wishes.service_account,
        role=wishes.name,
        session_tags=trust.has_session_tags(wishes),
    )
