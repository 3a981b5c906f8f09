"""Puts a blueprint up in a simulated AWS: its roles, users and policies, as the documents say them."""

from collections.abc import Mapping

from tidewaiter.iam.blueprint import ANY_PLACE, Attachment, Blueprint, PullTimeExclusion, Role, User
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys

Accounts = Mapping[str, SimulatedAccount]


def put_up(cloud: SimulatedAws, blueprint: Blueprint, accounts: Accounts, members: Accounts) -> dict[str, Keys]:
    """Everything in its account, that for each member in all `members`: the keys of the users by name."""
    keys: dict[str, Keys] = {}
    for part in blueprint.parts:
        for account in (accounts[part.account],) if part.account in accounts else members.values():
            for resource in part.resources:
                keys.update(_put(cloud, account, resource))
    return keys


def _put(cloud: SimulatedAws, account: SimulatedAccount, resource: object) -> dict[str, Keys]:
    match resource:
        case Role():
            policies = [policy.document.written() for policy in resource.policies]
            account.role(resource.name, trust=resource.trust.written(), policy=policies)
        case User():
            policies = [policy.document.written() for policy in resource.policies]
            return {resource.name: account.user(resource.name, policy=policies)}
        case PullTimeExclusion():
            principal = resource.principal_arn.replace(ANY_PLACE, account.id)
            for region in resource.regions:
                account.registry(region).exclusions[principal] = cloud.clock.now()
        case Attachment():
            raise AssertionError("an identity that is there already is the test's own to make")
    return {}
