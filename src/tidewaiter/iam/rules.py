"""What can be wished: checked before anything is made of it, for it ends up in policies, templates and scripts."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from tidewaiter.aws import hosts
from tidewaiter.aws.hops import is_external_id
from tidewaiter.errors import UsageError
from tidewaiter.iam.wishes import Runs, Topology, Wishes

_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names"""

_QUEUE: Final = re.compile(r"[A-Za-z0-9_-]{1,57}")
_PRINCIPAL: Final = re.compile(r"(role|user)/([\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII)
_PROTECTED: Final = ("role/aws-reserved/", "role/aws-service-role/")
_ISSUER: Final = re.compile(r"[a-z0-9.-]+\.[a-z]+(/[\w.~-]+)*", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SERVICE_ACCOUNT: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_REPOSITORY: Final = re.compile(r"[a-z0-9*?][a-z0-9._/*?-]{0,255}")


def check_wishes(wishes: Wishes) -> None:
    """Raises UsageError for the first wish that cannot be, with the option that it is given by."""
    hosts.partition(wishes.partition)
    _check_names(wishes)
    _check_account("--account", wishes.account)
    _check_runs(wishes)
    _check_topology(wishes)
    _check_reach(wishes)


def _check_names(wishes: Wishes) -> None:
    names = {
        "--name": wishes.name,
        "--target-role": wishes.target_role,
        "--management-role": wishes.management_role,
        "--member-role": wishes.member_role,
    }
    for option, name in names.items():
        _demand(_NAME, option, name, "It takes 1 to 64 letters, digits and any of _+=,.@-.")
    if wishes.events_regions:
        _demand(_QUEUE, "--name", wishes.name, "With a queue it takes 1 to 57 letters, digits and any of _-.")


def _check_account(option: str, account: str) -> None:
    if not hosts.is_account(account):
        raise UsageError(f"{account!r} is not the number of an account", where=option, advice="It has 12 digits.")


def _check_runs(wishes: Wishes) -> None:
    needed = {
        "--principal-arn": (wishes.existing_arn, Runs.EXISTING),
        "--issuer": (wishes.issuer, Runs.IRSA),
        "--cluster": (wishes.cluster, Runs.POD_IDENTITY),
    }
    for option, (value, runs) in needed.items():
        _check_belongs(option, bool(value), wishes.runs is runs, f"--runs {runs}", f"--runs {wishes.runs}")
    if wishes.runs is Runs.EXISTING:
        _check_principal(wishes)
    if wishes.runs is Runs.IRSA:
        _demand(_ISSUER, "--issuer", wishes.issuer, "It is the host and path of the provider, without https://.")
    if wishes.runs is Runs.POD_IDENTITY:
        _demand(_CLUSTER, "--cluster", wishes.cluster, "It is the name of an EKS cluster.")
    _demand(_LABEL, "--namespace", wishes.namespace, "It is the name of a namespace in Kubernetes.")
    account = wishes.service_account
    _demand(_SERVICE_ACCOUNT, "--service-account", account, "It is the name of a service account in Kubernetes.")


def _check_belongs(option: str, given: object, wanted: object, by: str, chosen: str) -> None:
    """Wants a value exactly where it belongs to what was chosen."""
    if wanted and not given:
        raise UsageError(f"{by} needs it", where=option)
    if given and not wanted:
        raise UsageError(f"it is for {by}, and {chosen} was chosen", where=option, advice="Leave it out.")


def _check_principal(wishes: Wishes) -> None:
    option = "--principal-arn"
    arn = hosts.parse_arn(wishes.existing_arn)
    if arn.service != "iam" or arn.region or not _PRINCIPAL.fullmatch(arn.resource):
        advice = "It has the form arn:aws:iam::ACCOUNT:role/NAME or arn:aws:iam::ACCOUNT:user/NAME."
        raise UsageError(f"{wishes.existing_arn!r} is not the ARN of a role or user", where=option, advice=advice)
    if arn.resource.startswith(_PROTECTED):
        what = f"{wishes.existing_arn} is a role that AWS manages: it takes no policies of others"
        raise UsageError(what, where=option, advice="Let a role of your own run tidewaiter.")
    if arn.partition != wishes.partition:
        what = f"it lies in the partition {arn.partition}, and {wishes.partition} was given"
        raise UsageError(what, where=option, advice="Roles never cross partitions: correct --partition.")
    if arn.account != wishes.account:
        what = f"it lies in account {arn.account}, and {wishes.account} was given"
        raise UsageError(what, where=option, advice="Correct --account.")


def _check_topology(wishes: Wishes) -> None:
    chosen, of_accounts = f"--topology {wishes.topology}", _has_targets(wishes.topology)
    organized = wishes.topology is Topology.ORGANIZATION
    _check_belongs("--target", wishes.targets, of_accounts, "--topology cross-account or brokered", chosen)
    _check_belongs("--management-account", wishes.management_account, organized, "--topology organization", chosen)
    external_ids = {
        "--management-external-id": wishes.management_external_ids,
        "--member-external-id": wishes.member_external_ids,
    }
    for option, values in external_ids.items():
        _check_belongs(option, values, organized and values, "--topology organization", chosen)
        _check_external_ids(option, values)
    if organized:
        _check_account("--management-account", wishes.management_account)
    _check_targets(wishes)
    _check_distinct(wishes)


def _has_targets(topology: Topology) -> bool:
    return topology in (Topology.CROSS_ACCOUNT, Topology.BROKERED)


def _check_targets(wishes: Wishes) -> None:
    for target in wishes.targets:
        _check_account("--target", target.account)
        _check_external_ids("--external-id", target.external_ids)
        if wishes.topology is Topology.BROKERED and not target.external_ids:
            what = f"account {target.account} has no external ID; each connection needs one of its own"
            raise UsageError(what, where="--external-id", advice="Give --external-id ACCOUNT=EXTERNAL_ID.")
    twice = _twice(target.account for target in wishes.targets)
    if twice:
        raise UsageError(f"account {twice} is named twice", where="--target")
    shared = _twice(each for target in wishes.targets for each in set(target.external_ids))
    if shared and wishes.topology is Topology.BROKERED:
        what = "two accounts have the same external ID; each connection needs one of its own"
        raise UsageError(what, where="--external-id", advice="Give --external-id ACCOUNT=EXTERNAL_ID.")


def _check_external_ids(option: str, values: Iterable[str]) -> None:
    if not all(is_external_id(value) for value in values):
        advice = "It takes 2 to 1224 letters, digits and any of _+=,.@:/-."
        raise UsageError("an external ID is not one that AWS allows", where=option, advice=advice)


def _check_distinct(wishes: Wishes) -> None:
    """Wants two names for two roles that stand in one account."""
    own = () if wishes.runs in (Runs.EXISTING, Runs.USER) else (wishes.name,)
    if wishes.runs is Runs.EXISTING and ":role/" in wishes.existing_arn:
        own = (wishes.existing_arn.rpartition("/")[2],)
    beside: Mapping[str, tuple[str, bool]] = {
        "--target-role": (wishes.target_role, any(each.account == wishes.account for each in wishes.targets)),
        "--management-role": (wishes.management_role, wishes.management_account == wishes.account),
        "--member-role": (wishes.member_role, wishes.topology is Topology.ORGANIZATION),
    }
    for option, (name, together) in beside.items():
        if together and name in own:
            what = f"the role that tidewaiter runs as is called {name!r} too, in the same account"
            raise UsageError(what, where=option, advice="Give it another name.")


def _check_reach(wishes: Wishes) -> None:
    for glob in wishes.repositories:
        advice = "It takes a repository's characters (a-z, 0-9, ._/-), * for any of them, and ? for one."
        _demand(_REPOSITORY, "--repository", glob, advice)
    regions = {"--exclusion-region": wishes.exclusion_regions, "--events-region": wishes.events_regions}
    known = hosts.partition(wishes.partition)
    for option, names in regions.items():
        for name in names:
            _demand(known.regions, option, name, f"It is a region of the partition {known.id}, like {known.home}.")
        if twice := _twice(names):
            raise UsageError(f"{twice} is named twice", where=option)
    if wishes.grants.public and wishes.partition != hosts.DEFAULT_PARTITION:
        raise UsageError(f"ECR Public is not in the partition {wishes.partition}", where="--public")


def _demand(form: re.Pattern[str], option: str, value: str, advice: str) -> None:
    if not form.fullmatch(value):
        raise UsageError(f"{value!r} is not allowed", where=option, advice=advice)


def _twice(values: Iterable[str]) -> str:
    """A value that comes more than once, "" where there is none."""
    return next((value for value, count in Counter(values).items() if count > 1), "")
