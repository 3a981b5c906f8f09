"""From options to what is asked: roles with their external IDs, filters, and the words that are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tidewaiter.aws.targets import AccountRequest, OrganizationRequest
from tidewaiter.cli.main import command
from tidewaiter.cli.quest import account_requests, chain_of, filters_of, organization_request, wishes_of, words_of
from tidewaiter.errors import UsageError
from tidewaiter.fleet.filters import Filters
from tidewaiter.image.limits import Limits
from tidewaiter.model.image import Platform

ONE, TWO = (f"arn:aws:iam::{account}:role/tidewaiter" for account in ("111122223333", "222233334444"))
SECRET = "x-7f3a-not-to-be-told"
Parse = Callable[..., click.Context]


@pytest.fixture
def parse(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Parse:
    """The context of a command line, without running it."""
    for name in ("CR_TYPE", "CR_ROLE_ARN", "CR_EXTERNAL_ID", "CR_REGION"):
        monkeypatch.delenv(name, raising=False)

    def parsed(*arguments: str) -> click.Context:
        context, left = click.Context(command, info_name="tidewaiter", auto_envvar_prefix="TIDEWAITER"), [*arguments]
        current: click.Command = command
        while isinstance(current, click.Group):
            name, *left = left
            following = current.get_command(context, name)
            assert following
            current = following
            context = current.make_context(name, left, parent=context) if not isinstance(current, click.Group) else (
                click.Context(current, info_name=name, parent=context)
            )  # fmt: skip
        return context

    return parsed


def requests(context: click.Context) -> tuple[AccountRequest, ...]:
    return tuple(account_requests(context.params))


def test_without_a_role_it_is_the_own_account_in_all_regions(parse: Parse) -> None:
    assert requests(parse("ecr", "list")) == (AccountRequest(),)


def test_regions_are_those_of_every_role(parse: Parse) -> None:
    context = parse("ecr", "list", "--role-arn", ONE, "--role-arn", TWO, "--region", "eu-west-1,us-east-1")
    regions = ("eu-west-1", "us-east-1")
    assert requests(context) == (
        AccountRequest(role_arn=ONE, regions=regions),
        AccountRequest(role_arn=TWO, regions=regions),
    )


@pytest.mark.parametrize(("given", "told"), [([], ["", ""]), (["a1"], ["a1", "a1"]), (["a1", "b2"], ["a1", "b2"])])
def test_external_ids_pair_with_roles_in_order_or_one_is_for_all(
    parse: Parse, given: list[str], told: list[str]
) -> None:
    options = [word for each in given for word in ("--external-id", each)]
    context = parse("ecr", "list", "--role-arn", ONE, "--role-arn", TWO, *options)
    assert [request.external_id for request in requests(context)] == told


def test_a_region_of_sts_that_there_is_not_is_refused_before_it_is_needed(parse: Parse) -> None:
    with pytest.raises(UsageError, match="Did you mean us-east-1"):
        chain_of(parse("ecr", "list", "--sts-region", "us-esat-1").params)
    chain_of(parse("ecr", "list", "--sts-region", "cn-north-1", "--sts-region", "us-east-1").params)


@pytest.mark.parametrize(
    ("roles", "ids", "said"),
    [
        (0, 1, "--external-id belongs to a --role-arn, and there is none"),
        (1, 2, "there are 2 external IDs for 1 roles. Give --external-id once for all roles"),
        (3, 2, "there are 2 external IDs for 3 roles"),
    ],
)
def test_external_ids_that_fit_no_role_are_refused(parse: Parse, roles: int, ids: int, said: str) -> None:
    arguments = ["--role-arn", ONE] * roles + ["--external-id", SECRET] * ids
    with pytest.raises(UsageError) as caught:
        requests(parse("ecr", "list", *arguments))
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_accounts_of_a_file_are_added_and_keep_their_own_regions(parse: Parse, alone: Path) -> None:
    Path("accounts.yaml").write_text(f"- role_arn: {TWO}\n  regions: [us-east-1]\n- {{}}\n")
    context = parse("ecr", "list", "--role-arn", ONE, "--accounts", "accounts.yaml", "--region", "eu-west-1")
    assert requests(context) == (
        AccountRequest(role_arn=ONE, regions=("eu-west-1",)),
        AccountRequest(role_arn=TWO, regions=("us-east-1",)),
        AccountRequest(regions=("eu-west-1",)),
    )


def test_the_environment_sets_an_external_id_where_nobody_sees_it(
    parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_ECR_LIST_ROLE_ARN", f"{ONE} {TWO}")
    monkeypatch.setenv("TIDEWAITER_ECR_LIST_EXTERNAL_ID", f"a1 {SECRET}")
    assert [(each.role_arn, each.external_id) for each in requests(parse("ecr", "list"))] == [
        (ONE, "a1"),
        (TWO, SECRET),
    ]


@pytest.mark.parametrize("kind", [None, "", "ecr", "ECR"])
def test_the_names_of_another_tool_are_heeded(parse: Parse, monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    for name, value in (("CR_ROLE_ARN", ONE), ("CR_EXTERNAL_ID", SECRET), ("CR_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)
    if kind is not None:
        monkeypatch.setenv("CR_TYPE", kind)
    expected = AccountRequest(role_arn=ONE, external_id=SECRET, regions=("eu-west-1",))
    assert requests(parse("ecr", "scan")) == (expected,)


def test_they_are_not_heeded_where_they_are_about_another_registry(
    parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CR_ROLE_ARN", ONE)
    monkeypatch.setenv("CR_TYPE", "docker-hub")
    assert requests(parse("ecr", "list")) == (AccountRequest(),)


def test_flags_and_own_names_come_before_those_of_another_tool(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CR_ROLE_ARN", ONE)
    assert requests(parse("ecr", "list", "--role-arn", TWO)) == (AccountRequest(role_arn=TWO),)
    monkeypatch.setenv("TIDEWAITER_ECR_LIST_ROLE_ARN", TWO)
    assert requests(parse("ecr", "list")) == (AccountRequest(role_arn=TWO),)


def test_an_organization_is_asked_for_with_all_its_filters(parse: Parse) -> None:
    context = parse(
        "org", "list", "--management-role-arn", ONE, "--management-external-id", "m1", "--external-id", "x1",
        "--member-role-name", "reader", "--account", "111122223333,222233334444", "--exclude-account", "333344445555",
        "--ou", "Workloads/Shop, old", "--exclude-ou", "ou-1", "--region", "eu-west-1", "--exclude-region", "us-east-1",
        "--no-management",
    )  # fmt: skip
    assert organization_request(context.params) == OrganizationRequest(
        management_role_arn=ONE,
        management_external_id="m1",
        member_role_name="reader",
        member_external_id="x1",
        accounts=("111122223333", "222233334444"),
        exclude_accounts=("333344445555",),
        ous=("Workloads/Shop, old",),
        exclude_ous=("ou-1",),
        regions=("eu-west-1",),
        exclude_regions=("us-east-1",),
        management=False,
    )


def test_an_organization_is_asked_for_whole_by_default(parse: Parse) -> None:
    assert organization_request(parse("org", "list").params) == OrganizationRequest()


def test_an_external_id_without_its_management_role_is_refused(parse: Parse) -> None:
    with pytest.raises(UsageError, match="belongs to a --management-role-arn"):
        organization_request(parse("org", "list", "--management-external-id", SECRET).params)


def test_filters_and_wishes_are_taken_over(parse: Parse) -> None:
    context = parse(
        "org", "scan", "--repository", "team/*", "--exclude-repository", "old/*", "--tag", "v*",
        "--exclude-tag", "*-rc", "--newest", "3", "--max-age", "90", "--pulled-within", "30", "--no-untagged",
        "--platform", "linux/amd64", "--platform", "linux/arm64", "--workers", "7", "--limit", "layer_bytes=1GiB",
    )  # fmt: skip
    wishes = wishes_of(context.params)
    assert wishes.filters == Filters(
        repositories=("team/*",),
        exclude_repositories=("old/*",),
        tags=("v*",),
        exclude_tags=("*-rc",),
        newest=3,
        max_age=90,
        pulled_within=30,
        untagged=False,
    )
    assert wishes.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert (wishes.workers, wishes.limits.layer_bytes) == (7, 1 << 30)


def test_without_filters_everything_is_wanted(parse: Parse) -> None:
    context = parse("ecr", "scan")
    assert filters_of(context.params) == Filters()
    wishes = wishes_of(context.params)
    assert (wishes.platforms, wishes.limits) == ((), Limits())
    assert wishes.workers >= 1


def test_a_wrong_platform_is_named(parse: Parse) -> None:
    with pytest.raises(UsageError, match="--platform: not a platform: 'linux'"):
        wishes_of(parse("ecr", "scan", "--platform", "linux").params)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ecr", "scan"], "tidewaiter ecr scan"),
        (
            ["ecr", "scan", "--role-arn", ONE, "--external-id", SECRET, "--region", "eu-west-1,us-east-1", "--public"],
            f"tidewaiter ecr scan --role-arn {ONE} --region eu-west-1 --region us-east-1 --public",
        ),
        (
            ["org", "scan", "--management-role-arn", ONE, "--management-external-id", SECRET, "--repository", "a b*",
             "--newest", "3", "--store", f"postgresql://me:{SECRET}@db/fleet", "--format", "json", "--quiet"],
            f"tidewaiter org scan --management-role-arn {ONE} --repository 'a b*' --newest 3",
        ),
    ],
)  # fmt: skip
def test_the_words_of_a_command_say_what_is_looked_at_and_no_secret(
    parse: Parse, arguments: list[str], words: str
) -> None:
    assert words_of(parse(*arguments)) == words


def test_what_the_environment_sets_is_told_too(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_ORG_LIST_NEWEST", "3")
    monkeypatch.setenv("TIDEWAITER_ORG_LIST_EXTERNAL_ID", SECRET)
    assert words_of(parse("org", "list")) == "tidewaiter org list --newest 3"


def test_every_option_that_chooses_is_among_the_words_and_no_other(parse: Parse) -> None:
    from tidewaiter.cli.quest import _TOLD

    about_reporting = {
        "format", "output", "output_dir", "report_format", "quiet", "severity", "only_fixed", "fail_on", "db", "store",
        "workers", "limit", "sts_region",
    }  # fmt: skip
    secret = {"external_id", "management_external_id", "broker_key"}
    about_the_way = {"broker", "broker_key_file", "broker_patience", "broker_insecure"}
    named: set[str | Any] = set()
    for words in (("ecr", "scan"), ("ecr", "list"), ("org", "scan"), ("org", "list"), ("iam", "doctor")):
        named |= {parameter.name for parameter in parse(*words).command.params}
    assert named == _TOLD | about_reporting | secret | about_the_way
