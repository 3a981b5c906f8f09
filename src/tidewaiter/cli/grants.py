"""The options of `iam render`: the topology, the names, and who asks from where."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from tidewaiter.cli.options import together
from tidewaiter.errors import UsageError
from tidewaiter.iam.wishes import Grants, Runs, Target, Topology, Wishes

TOPOLOGIES = tuple(map(str, Topology))
RUNS = tuple(map(str, Runs))

_Function = TypeVar("_Function", bound=Callable[..., object])
_OWN_ID = re.compile(r"([0-9]{12})=(.+)", re.DOTALL)


def place_options(function: _Function) -> _Function:
    """Where tidewaiter runs, and where the registries are."""
    return together(
        function,
        click.option("--topology", type=click.Choice(TOPOLOGIES), help="Where the registries are."),
        click.option("--account", default="", metavar="ID", help="The account that tidewaiter runs in."),
        click.option(
            "--runs",
            type=click.Choice(RUNS),
            default="ec2",
            show_default=True,
            help="What gives tidewaiter its first credentials there.",
        ),
        click.option(
            "--principal-arn", default="", metavar="ARN", help="The role or user that is there already (existing)."
        ),
        click.option("--issuer", default="", metavar="HOST/PATH", help="The cluster's OIDC issuer (irsa)."),
        click.option("--cluster", default="", metavar="NAME", help="The EKS cluster (pod-identity)."),
        click.option("--namespace", default="tidewaiter", show_default=True, metavar="NAME", help="In Kubernetes."),
        click.option("--service-account", default="tidewaiter", show_default=True, metavar="NAME", help="The same."),
        click.option("--partition", default="aws", show_default=True, metavar="NAME", help="aws, aws-cn, aws-us-gov …"),
        click.option(
            "--target", multiple=True, metavar="ID", help="An account with registries (cross-account, brokered)."
        ),
        click.option(
            "--external-id",
            multiple=True,
            metavar="[ID=]EXTERNAL_ID",
            help="What the roles in targets ask for; repeatable, each is good. With ID= for that account only.",
        ),
        click.option("--management-account", default="", metavar="ID", help="The organization's management account."),
        click.option(
            "--management-external-id", multiple=True, metavar="ID", help="What the management role asks for."
        ),
        click.option("--member-external-id", multiple=True, metavar="ID", help="What the member roles ask for."),
    )


def name_options(function: _Function) -> _Function:
    """How what is made is called."""
    return together(
        function,
        click.option("--name", default="tidewaiter", show_default=True, help="Of the role or user where it runs."),
        click.option("--target-role", default="tidewaiter-reader", show_default=True, help="Of the role in targets."),
        click.option("--management-role", default="tidewaiter-management", show_default=True, help="Of that role."),
        click.option("--member-role", default="tidewaiter-member", show_default=True, help="Of that role."),
    )


def extent_options(function: _Function) -> _Function:
    """How much is granted."""
    return together(
        function,
        click.option(
            "--repository", multiple=True, metavar="GLOB", help="Only these repositories may be read; repeatable."
        ),
        click.option("--public", is_flag=True, help="Also ECR Public."),
        click.option("--no-docker", is_flag=True, help="Not the registry's Docker API, which some blobs need."),
        click.option("--no-regions", is_flag=True, help="Not finding out the regions: they have to be named then."),
        click.option("--no-ou-filters", is_flag=True, help="Not listing organizational units."),
        click.option("--for-doctor", is_flag=True, help="Also what lets the doctor tell more."),
        click.option(
            "--exclusion-region",
            multiple=True,
            metavar="REGION",
            help="Let pulls leave no pull time there; repeatable.",
        ),
        click.option(
            "--events-region", multiple=True, metavar="REGION", help="Put pushes there into a queue; repeatable."
        ),
    )


def wishes_of(options: Mapping[str, Any]) -> Wishes:
    """What is to be put up. Raises UsageError for what no topology can do without."""
    if not options["topology"]:
        raise UsageError("--topology is needed", advice=f"It is one of {', '.join(TOPOLOGIES)}.")
    if not options["account"]:
        raise UsageError("--account is needed: the account that tidewaiter runs in, or shall run in")
    grants = Grants(
        docker=not options["no_docker"],
        public=options["public"],
        regions=not options["no_regions"],
        ou_filters=not options["no_ou_filters"],
        doctor=options["for_doctor"],
    )
    return Wishes(
        topology=Topology(options["topology"]),
        account=options["account"],
        runs=Runs(options["runs"]),
        partition=options["partition"],
        name=options["name"],
        existing_arn=options["principal_arn"],
        issuer=options["issuer"].removeprefix("https://").rstrip("/"),
        namespace=options["namespace"],
        service_account=options["service_account"],
        cluster=options["cluster"],
        targets=_targets(options["target"], options["external_id"]),
        target_role=options["target_role"],
        management_account=options["management_account"],
        management_role=options["management_role"],
        management_external_ids=options["management_external_id"],
        member_role=options["member_role"],
        member_external_ids=options["member_external_id"],
        repositories=options["repository"],
        exclusion_regions=options["exclusion_region"],
        events_regions=options["events_region"],
        grants=grants,
    )


def _targets(accounts: Iterable[str], external_ids: Sequence[str]) -> tuple[Target, ...]:
    """The accounts, each with the external IDs that are for all and those that are its own."""
    several = tuple(dict.fromkeys(accounts))
    parted = [_OWN_ID.fullmatch(given) for given in external_ids]
    strays = sorted({match[1] for match in parted if match and match[1] not in several})
    if strays:
        raise UsageError(f"--external-id names {', '.join(strays)}, and there is no such --target")
    if external_ids and not several:
        raise UsageError("--external-id belongs to a --target, and there is none")
    return tuple(
        Target(
            account=account,
            external_ids=tuple(
                match[2] if match else given
                for given, match in zip(external_ids, parted, strict=True)
                if match is None or match[1] == account
            ),
        )
        for account in several
    )
