"""Modules and scripts put up in the simulated AWS, whose IAM then decides, and looked at by the real command."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aws_clients import client
from aws_command import AwsCommand
from harbours import MEMBERS, REGION, SCANNED, Harbour, Look
from terraform_applied import apply
from tidewaiter.iam.formats import render
from tidewaiter.iam.rendered import Rendered
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology, Wishes
from topology_samples import HOME, ISSUER, wished

FORMS = ("terraform", "aws-cli")
EKS = ("list-pod-identity-associations", "create-pod-identity-association")
PutUp = Callable[[Rendered, str], None]
"""Puts a file up in the account of a number."""


@pytest.fixture
def module(harbour: Harbour) -> PutUp:
    return lambda file, account: apply(file.text, harbour.sites[account])


@pytest.fixture
def script(harbour: Harbour, tmp_path: Path) -> Iterator[PutUp]:
    (tmp_path / "aws").mkdir()
    with AwsCommand(tmp_path / "aws", {("eks", name): lambda _: {"associations": []} for name in EKS}) as aws:

        def put_up(file: Rendered, account: str) -> None:
            """Runs a script twice."""
            site = harbour.sites[account]
            for _ in range(2):
                done = aws.run(file.text, harbour.cloud.environment(site.operator))
                assert (done.returncode, done.stderr) == (0, "")
            if any(call.operation == "create-open-id-connect-provider" for call in aws.calls):
                site.account.provider(ISSUER)  # the simulated STS asks its own

        yield put_up


def put_up(harbour: Harbour, wishes: Wishes, form: str, one: PutUp) -> None:
    """All files of a format, in their order."""
    harbour.prepare(wishes)
    wanted = blueprint(wishes)
    accounts = {part.name: part.account for part in wanted.parts}
    for file in render(wanted, form):
        for account in [accounts[file.part]] if accounts[file.part] else MEMBERS:
            one(file, account)


@pytest.mark.parametrize(
    ("form", "topology", "runs"),
    [("terraform", Topology.SINGLE, runs) for runs in Runs]
    + [("aws-cli", Topology.SINGLE, runs) for runs in Runs if runs is not Runs.ECS]  # a role like that for EC2
    + [(form, Topology.CROSS_ACCOUNT, Runs.POD_IDENTITY) for form in FORMS]
    + [(form, Topology.BROKERED, Runs.USER) for form in FORMS]
    + [(form, Topology.ORGANIZATION, Runs.EC2) for form in FORMS],
)
def test_what_is_put_up_is_enough_for_the_scan_that_it_is_for(
    harbour: Harbour,
    look: Look,
    request: pytest.FixtureRequest,
    form: str,
    topology: Topology,
    runs: Runs,
) -> None:
    wishes = wished(topology, runs)
    put_up(harbour, wishes, form, request.getfixturevalue("module" if form == "terraform" else "script"))
    before = len(harbour.cloud.calls)
    done = look(wishes)
    assert done.code == 1, done.err or done.out
    assert {image["state"] for image in done.json["images"]} == {"scanned"}
    assert {image["account"] for image in done.json["images"]} == SCANNED[topology]
    assert all(call.allowed for call in harbour.cloud.calls[before:])


@pytest.mark.parametrize("form", FORMS)
def test_pulls_leave_no_time_once_the_exclusion_is_put_up(
    harbour: Harbour, look: Look, request: pytest.FixtureRequest, form: str
) -> None:
    wishes = wished(Topology.SINGLE, exclusion_regions=(REGION,), events_regions=(REGION,))
    put_up(harbour, wishes, form, request.getfixturevalue("module" if form == "terraform" else "script"))
    assert look(wishes).code == 1
    ecr = client(harbour.cloud, harbour.sites[HOME].operator, "ecr", REGION)
    (image,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
    assert "lastRecordedPullTime" not in image


def test_a_module_for_one_account_is_not_applied_in_another(harbour: Harbour) -> None:
    (file, *_) = render(blueprint(wished(Topology.SINGLE)), "terraform")
    with pytest.raises(AssertionError, match="allowed_account_ids"):
        apply(file.text, harbour.sites[MEMBERS[-1]])
