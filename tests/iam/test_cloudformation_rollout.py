"""Templates put up in the simulated AWS, whose IAM then decides, and looked at by the real command.

What moto's CloudFormation lacks (`stacks.LACKING`) is made by hand from the same templates.
"""

import json

import pytest

from aws_clients import client
from harbours import MEMBERS, REGION, SCANNED, Harbour, Look
from stacks import PATIENT
from tidewaiter.iam.cloudformation import render
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology, Wishes
from topology_samples import HOME, MANAGEMENT, wished


def put_up(harbour: Harbour, wishes: Wishes) -> None:
    """All templates, in their order."""
    harbour.prepare(wishes)
    wanted = blueprint(wishes)
    for part, rendered in zip(wanted.parts, render(wanted), strict=True):
        for account in [part.account] if part.account else MEMBERS:
            harbour.sites[account].put_up(rendered, region=(part.regions or (REGION,))[0])


@pytest.mark.parametrize(
    ("topology", "runs"),
    [(Topology.SINGLE, runs) for runs in Runs]
    + [(Topology.ORGANIZATION, Runs.EC2), (Topology.ORGANIZATION, Runs.IRSA)]
    + [(Topology.CROSS_ACCOUNT, Runs.POD_IDENTITY), (Topology.BROKERED, Runs.USER)],
)
def test_what_is_put_up_is_enough_for_the_scan_that_it_is_for(
    harbour: Harbour, look: Look, topology: Topology, runs: Runs
) -> None:
    wishes = wished(topology, runs)
    put_up(harbour, wishes)
    before = len(harbour.cloud.calls)
    done = look(wishes)
    assert done.code == 1, done.err or done.out
    assert {image["state"] for image in done.json["images"]} == {"scanned"}
    assert {image["account"] for image in done.json["images"]} == SCANNED[topology]
    assert all(call.allowed for call in harbour.cloud.calls[before:])


def test_a_wrong_external_id_opens_nothing(harbour: Harbour, look: Look) -> None:
    wishes = wished(Topology.ORGANIZATION)
    put_up(harbour, wishes)
    done = look(wished(Topology.ORGANIZATION, management_external_ids=("harbour-9",)))
    assert done.code == 2
    assert "sts:AssumeRole" in done.out + done.err


def test_parameters_change_what_is_put_up(harbour: Harbour) -> None:
    management = render(blueprint(wished(Topology.ORGANIZATION, Runs.USER)))[1]
    trusted = harbour.sites[HOME].account.arn("user/operator")
    outputs = harbour.sites[MANAGEMENT].put_up(management, RoleName="lister", TrustedPrincipalArn=trusted)
    assert outputs == {"RoleArn": f"arn:aws:iam::{MANAGEMENT}:role/lister"}
    sts = client(harbour.cloud, harbour.sites[HOME].operator, "sts")
    session = sts.assume_role(RoleArn=outputs["RoleArn"], RoleSessionName="operator", ExternalId="harbour-4")
    assert session["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{MANAGEMENT}:assumed-role/lister/operator"


def test_a_stack_set_makes_the_member_role_in_each_account(harbour: Harbour) -> None:
    """Managed by itself: one that AWS manages asks moto's own organizations, of which ours knows nothing."""
    rendered = next(file for file in render(blueprint(wished(Topology.ORGANIZATION))) if file.part == "member")
    cloudformation = client(harbour.cloud, harbour.sites[MANAGEMENT].operator, "cloudformation", REGION, PATIENT)
    cloudformation.create_stack_set(StackSetName="tidewaiter-member", TemplateBody=rendered.text)
    cloudformation.create_stack_instances(StackSetName="tidewaiter-member", Accounts=list(MEMBERS), Regions=[REGION])
    for number in MEMBERS:
        role = harbour.cloud.directory.role(f"arn:aws:iam::{number}:role/tidewaiter-member")
        assert role is not None
        assert f"arn:aws:ecr:*:{number}:repository/*" in str(role.policies)


def test_pulls_leave_no_time_once_the_exclusion_is_put_up(harbour: Harbour, look: Look) -> None:
    wishes = wished(Topology.SINGLE, exclusion_regions=(REGION,), events_regions=(REGION,))
    put_up(harbour, wishes)
    assert look(wishes).code == 1
    ecr = client(harbour.cloud, harbour.sites[HOME].operator, "ecr", REGION)
    (image,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
    assert "lastRecordedPullTime" not in image


def test_without_the_exclusion_they_do(harbour: Harbour, look: Look) -> None:
    wishes = wished(Topology.SINGLE)
    put_up(harbour, wishes)
    assert look(wishes).code == 1
    ecr = client(harbour.cloud, harbour.sites[HOME].operator, "ecr", REGION)
    (image,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
    assert "lastRecordedPullTime" in image


def test_the_rule_names_the_queue_and_the_queue_the_rule(harbour: Harbour) -> None:
    """moto matches events only with a library that nothing else here needs: so none is sent."""
    site = harbour.sites[HOME]
    wishes = wished(Topology.SINGLE, exclusion_regions=(REGION,), events_regions=(REGION,))
    outputs = site.put_up(next(file for file in render(blueprint(wishes)) if file.part == "events"))
    events, sqs = (client(harbour.cloud, site.operator, service, REGION) for service in ("events", "sqs"))
    (rule,) = events.list_rules()["Rules"]
    assert (rule["Arn"], rule["State"]) == (outputs["RuleArn"], "ENABLED")
    assert json.loads(rule["EventPattern"])["detail"]["action-type"] == ["PUSH", "DELETE"]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == outputs["QueueArn"]
    policy = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["Policy"])["Attributes"]["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Resource"] == outputs["QueueArn"]
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": outputs["RuleArn"]}}
