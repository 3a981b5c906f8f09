"""Who may become a role: trust policies, each for exactly one principal."""

from collections.abc import Mapping
from typing import Final

from tidewaiter.aws import hosts
from tidewaiter.iam.blueprint import OidcProvider
from tidewaiter.iam.documents import Condition, Document, Principal, Statement
from tidewaiter.iam.rights import ASSUME
from tidewaiter.iam.wishes import Topology, Wishes

_BY_TOKEN: Final = "sts:AssumeRoleWithWebIdentity"  # noqa: S105 - the name of an action


def by_principal(arn: str, external_ids: tuple[str, ...]) -> Document:
    """Trust in a role or user, that has to say one of the external IDs if there are any."""
    named = (Condition(operator="StringEquals", key="sts:ExternalId", values=external_ids),) if external_ids else ()
    return _document("TrustTidewaiter", Principal(kind="AWS", names=(arn,)), ASSUME, conditions=named)


def by_ec2(wishes: Wishes) -> Document:
    """Trust in EC2, which gives the role to instances with its profile.

    This service's name, unlike others, ends as the hosts of the partition do: IAM in China knows no ec2.amazonaws.com.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
    """
    return _service("TrustInstances", f"ec2.{hosts.partition(wishes.partition).suffix}")


def by_ecs(wishes: Wishes) -> Document:
    """Trust in ECS for the tasks of this account.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    tasks = f"arn:{wishes.partition}:ecs:*:{wishes.account}:*"
    conditions = (
        Condition(operator="ArnLike", key="aws:SourceArn", values=(tasks,)),
        Condition(operator="StringEquals", key="aws:SourceAccount", values=(wishes.account,)),
    )
    return _service("TrustTasks", "ecs-tasks.amazonaws.com", conditions=conditions)


def by_service_account(wishes: Wishes, provider: OidcProvider) -> Document:
    """Trust in the tokens that a cluster's provider gives to one service account.

    https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    claims = {
        f"{provider.issuer}:aud": provider.audience,
        f"{provider.issuer}:sub": f"system:serviceaccount:{wishes.namespace}:{wishes.service_account}",
    }
    arn = f"arn:{wishes.partition}:iam::{wishes.account}:oidc-provider/{provider.issuer}"
    principal = Principal(kind="Federated", names=(arn,))
    return _document("TrustServiceAccount", principal, _BY_TOKEN, conditions=_equal(claims))


def by_pods(wishes: Wishes) -> Document:
    """Trust in EKS Pod Identity; for one service account only, where its session tags tell which it is.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    tags = {
        "aws:RequestTag/eks-cluster-name": wishes.cluster,
        "aws:RequestTag/kubernetes-namespace": wishes.namespace,
        "aws:RequestTag/kubernetes-service-account": wishes.service_account,
    }
    principal = Principal(kind="Service", names=("pods.eks.amazonaws.com",))
    conditions = _equal(tags) if has_session_tags(wishes) else ()
    return _document("TrustPods", principal, ASSUME, "sts:TagSession", conditions=conditions)


def has_session_tags(wishes: Wishes) -> bool:
    """Whether EKS shall tag sessions: not where they become other roles, to whom the tags would go on.

    Each of these would have to allow it, and the tags take most of the room that a session's policy needs too.
    """
    return wishes.topology is Topology.SINGLE


def _service(sid: str, name: str, *, conditions: tuple[Condition, ...] = ()) -> Document:
    return _document(sid, Principal(kind="Service", names=(name,)), ASSUME, conditions=conditions)


def _equal(values: Mapping[str, str]) -> tuple[Condition, ...]:
    return tuple(Condition(operator="StringEquals", key=key, values=(value,)) for key, value in values.items())


def _document(sid: str, principal: Principal, *actions: str, conditions: tuple[Condition, ...]) -> Document:
    return Document(statements=(Statement(sid=sid, actions=actions, principal=principal, conditions=conditions),))
