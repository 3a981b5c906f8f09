"""Puts a module up in the simulated AWS, as Terraform would: each resource by the call that its provider makes.

Where the simulated cloud has something of its own for it (identity providers), that is made.
"""

from typing import Any

from aws_clients import client
from stacks import Site
from terraform_modules import Made, Module


def apply(text: str, site: Site, **given: Any) -> None:
    """Makes all resources of a module in an account, with variables that are not as they are by default.

    Fails where the module is for another account.
    """
    module = Module.of(text, account=site.account.id, **given)
    for provider in module.declared("provider"):
        known = module.worked_out(provider)["allowed_account_ids"]
        assert site.account.id in known, "allowed_account_ids are others"
    for made in module.resources():
        _make(site, made)


def _make(site: Site, made: Made) -> None:
    given = made.given
    iam = client(site.cloud, site.operator, "iam")
    match made.kind:
        case "aws_iam_role":
            iam.create_role(
                RoleName=given["name"],
                Description=given["description"],
                MaxSessionDuration=given["max_session_duration"],
                AssumeRolePolicyDocument=given["assume_role_policy"],
            )
        case "aws_iam_role_policy":
            iam.put_role_policy(RoleName=given["role"], PolicyName=given["name"], PolicyDocument=given["policy"])
        case "aws_iam_user":
            iam.create_user(UserName=given["name"])
        case "aws_iam_user_policy":
            iam.put_user_policy(UserName=given["user"], PolicyName=given["name"], PolicyDocument=given["policy"])
        case "aws_iam_instance_profile":
            iam.create_instance_profile(InstanceProfileName=given["name"])
            iam.add_role_to_instance_profile(InstanceProfileName=given["name"], RoleName=given["role"])
        case "aws_iam_openid_connect_provider":
            site.account.provider(given["url"].removeprefix("https://"), audiences=given["client_id_list"])
        case "aws_eks_pod_identity_association":
            """A pod's agent has its role in the simulated cloud without one."""
        case _:
            _make_in(site, made)


def _make_in(site: Site, made: Made) -> None:
    """What each region has for itself."""
    given = made.given
    events, sqs = (client(site.cloud, site.operator, service, made.region) for service in ("events", "sqs"))
    match made.kind:
        case "aws_ecr_pull_time_update_exclusion":
            ecr = client(site.cloud, site.operator, "ecr", made.region)
            ecr.register_pull_time_update_exclusion(principalArn=given["principal_arn"])
        case "aws_sqs_queue":
            sqs.create_queue(QueueName=given["name"])
        case "aws_sqs_queue_policy":
            address = sqs.get_queue_url(QueueName=given["queue_url"].rpartition("/")[2])["QueueUrl"]
            sqs.set_queue_attributes(QueueUrl=address, Attributes={"Policy": given["policy"]})
        case "aws_cloudwatch_event_rule":
            events.put_rule(Name=given["name"], EventPattern=given["event_pattern"], State="ENABLED")
        case "aws_cloudwatch_event_target":
            events.put_targets(Rule=given["rule"], Targets=[{"Id": "target", "Arn": given["arn"]}])
        case _:
            raise AssertionError(made.kind)
