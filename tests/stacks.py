"""CloudFormation's templates: read, worked out with their defaults, and put up in the simulated AWS by moto."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from botocore.config import Config

from aws_clients import client
from tidewaiter.iam.rendered import Rendered
from tidewaiter.simulator.aws import SimulatedAccount, SimulatedAws
from tidewaiter.simulator.keys import Keys

Json = dict[str, Any]

LACKING = frozenset(
    {
        "AWS::ECR::PullTimeUpdateExclusion",
        "AWS::EKS::PodIdentityAssociation",
        "AWS::IAM::OIDCProvider",
        "AWS::SQS::QueuePolicy",
    }
)
"""The kinds of resources of ours that moto's CloudFormation does not know."""

PATIENT = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=120)
"""For the first call to moto's CloudFormation, which imports all of moto."""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_RESOURCE_NAMES = {
    "AWS::IAM::Role": ("iam", "", "RoleName", "role/"),
    "AWS::IAM::User": ("iam", "", "UserName", "user/"),
    "AWS::SQS::Queue": ("sqs", "AWS::Region", "QueueName", ""),
    "AWS::Events::Rule": ("events", "AWS::Region", "Name", "rule/"),
}


class _Loader(yaml.SafeLoader):
    """Reads the short forms of functions as their long ones."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> Json:
    assert isinstance(node, yaml.ScalarNode)
    value = loader.construct_scalar(node)
    if suffix == "GetAtt":
        return {"Fn::GetAtt": value.split(".")}
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def read(text: str) -> Json:
    """A template, its functions in their long forms."""
    found: Json = yaml.load(text, _Loader)
    return found


@dataclass(frozen=True, slots=True)
class Stack:
    """A template with the values of its parameters: its defaults, unless given."""

    template: Json
    values: Mapping[str, str]

    @classmethod
    def of(cls, text: str, *, account: str, region: str = "us-east-1", partition: str = "aws", **given: str) -> "Stack":
        template = read(text)
        declared = template.get("Parameters", {})
        assert not set(given) - set(declared)
        pseudo = {"AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": partition}
        return cls(template, {**{name: each["Default"] for name, each in declared.items()}, **given, **pseudo})

    def resources(self, *kinds: str) -> Iterator[tuple[str, Json]]:
        """The kind and the properties of the resources of these kinds, worked out; of all if none is given."""
        for each in self.template["Resources"].values():
            if not kinds or each["Type"] in kinds:
                yield each["Type"], self.worked_out(each["Properties"])

    def worked_out(self, value: Any) -> Any:
        """A value as CloudFormation hands it on."""
        match value:
            case {"Ref": str(name)}:
                return self.values[name] if name in self.values else self._reference(name)
            case {"Fn::Sub": str(text)}:
                return _VARIABLE.sub(lambda found: self._substitute(found[1]), text)
            case {"Fn::GetAtt": [str(label), "Arn"]}:
                return self._arn(label)
            case dict():
                return {key: self.worked_out(each) for key, each in value.items()}
            case list():
                return [self.worked_out(each) for each in value]
            case _:
                return value

    def _substitute(self, name: str) -> str:
        return f"${{{name[1:]}}}" if name.startswith("!") else self.values[name]

    def _reference(self, label: str) -> str:
        """What a reference to a resource gives: its name, for all that are referred to here."""
        return self._arn(label).rpartition("/")[2]

    def _arn(self, label: str) -> str:
        resource = self.template["Resources"][label]
        service, place, key, start = _RESOURCE_NAMES[resource["Type"]]
        region = self.values[place] if place else ""
        name = self.worked_out(resource["Properties"][key])
        return f"arn:{self.values['AWS::Partition']}:{service}:{region}:{self.values['AWS::AccountId']}:{start}{name}"


@dataclass(frozen=True, slots=True)
class Site:
    """An account of a simulated cloud, and somebody who may do everything there."""

    cloud: SimulatedAws
    account: SimulatedAccount
    operator: Keys

    def put_up(self, rendered: Rendered, *, region: str = "us-east-1", **given: str) -> Mapping[str, str]:
        """Makes a stack of a template, and by hand what moto lacks. Gives back the outputs."""
        cloudformation = client(self.cloud, self.operator, "cloudformation", region, PATIENT)
        cloudformation.create_stack(
            StackName=f"tidewaiter-{rendered.part}",
            TemplateBody=without_lacking(rendered.text),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self.make_lacking(Stack.of(rendered.text, account=self.account.id, region=region, **given), region)
        stack = cloudformation.describe_stacks(StackName=f"tidewaiter-{rendered.part}")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def make_lacking(self, stack: Stack, region: str) -> None:
        """Makes by hand what moto's CloudFormation leaves out of a stack."""
        for kind, properties in stack.resources(*LACKING):
            match kind:
                case "AWS::ECR::PullTimeUpdateExclusion":
                    ecr = client(self.cloud, self.operator, "ecr", region)
                    ecr.register_pull_time_update_exclusion(principalArn=properties["PrincipalArn"])
                case "AWS::IAM::OIDCProvider":
                    issuer = properties["Url"].removeprefix("https://")
                    self.account.provider(issuer, audiences=properties["ClientIdList"])
                case "AWS::SQS::QueuePolicy":
                    self._set_queue_policy(stack, properties, region)
                case "AWS::EKS::PodIdentityAssociation":
                    """A pod's agent has its role in the simulated cloud without one."""

    def _set_queue_policy(self, stack: Stack, properties: Json, region: str) -> None:
        sqs = client(self.cloud, self.operator, "sqs", region)
        for _, queue in stack.resources("AWS::SQS::Queue"):
            address = sqs.get_queue_url(QueueName=queue["QueueName"])["QueueUrl"]
            sqs.set_queue_attributes(QueueUrl=address, Attributes={"Policy": json.dumps(properties["PolicyDocument"])})


def without_lacking(text: str) -> str:
    """The template without what moto does not know; if it knows everything, as it is."""
    template = read(text)
    left_out = {label for label, each in template["Resources"].items() if each["Type"] in LACKING}
    if not left_out:
        return text
    kept = {label: each for label, each in template["Resources"].items() if label not in left_out}
    outputs = {
        name: each
        for name, each in template.get("Outputs", {}).items()
        if not any(label in str(each["Value"]) for label in left_out)
    }
    return json.dumps({**template, "Resources": kept, "Outputs": outputs})
