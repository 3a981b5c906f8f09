"""Partitions, regions, ARNs, and the hosts of registries; the facts are compared with botocore's own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.aws import hosts
from tidewaiter.aws.hosts import EcrHost
from tidewaiter.errors import UsageError


def _partitions() -> list[dict[str, Any]]:
    file = Path(botocore.__file__).parent / "data" / "partitions.json"
    partitions: list[dict[str, Any]] = json.loads(file.read_text())["partitions"]
    return partitions


_KNOWN = _partitions()
_REGIONS = [(each["id"], region) for each in _KNOWN for region in each["regions"] if "global" not in region]


def test_all_partitions_of_botocore_are_known() -> None:
    assert len(_KNOWN) == 8
    for known in _KNOWN:
        ours = hosts.partition(known["id"])
        outputs = known["outputs"]
        assert (ours.suffix, ours.home) == (outputs["dnsSuffix"], outputs["implicitGlobalRegion"])


@pytest.mark.parametrize(("partition", "region"), _REGIONS)
def test_every_region_of_botocore_is_in_its_partition(partition: str, region: str) -> None:
    assert hosts.partition_of_region(region) == partition


def test_a_region_that_no_pattern_matches_is_taken_for_one_of_the_largest_partition() -> None:
    assert hosts.partition_of_region("xx-new-1") == "aws"


def test_an_unknown_partition_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="aws-eusc"):
        hosts.partition("aws-moon")


_ACCOUNT = "123456789012"
_HOSTS = [
    ("dkr.ecr.eu-west-1.amazonaws.com", "aws", "eu-west-1", False, False),
    ("dkr.ecr-fips.us-east-1.amazonaws.com", "aws", "us-east-1", True, False),
    ("dkr-ecr.us-west-2.on.aws", "aws", "us-west-2", False, True),
    ("dkr-ecr-fips.us-west-2.on.aws", "aws", "us-west-2", True, True),
    ("dkr.ecr.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1", False, False),
    ("dkr.ecr-fips.us-gov-east-1.amazonaws.com", "aws-us-gov", "us-gov-east-1", True, False),
    ("dkr-ecr-fips.us-gov-east-1.on.aws", "aws-us-gov", "us-gov-east-1", True, True),
    ("dkr.ecr.cn-north-1.amazonaws.com.cn", "aws-cn", "cn-north-1", False, False),
    ("dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", "aws-cn", "cn-northwest-1", False, True),
    ("dkr.ecr.us-iso-east-1.c2s.ic.gov", "aws-iso", "us-iso-east-1", False, False),
    ("dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b", "us-isob-east-1", False, False),
    ("dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e", "eu-isoe-west-1", False, False),
    ("dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f", "us-isof-south-1", False, False),
    ("dkr.ecr.eusc-de-east-1.amazonaws.eu", "aws-eusc", "eusc-de-east-1", False, False),
]


@pytest.mark.parametrize(("rest", "partition", "region", "fips", "dual_stack"), _HOSTS)
def test_every_form_of_a_registrys_host_is_read_and_made(
    rest: str, partition: str, region: str, *, fips: bool, dual_stack: bool
) -> None:
    host = f"{_ACCOUNT}.{rest}"
    expected = EcrHost(account=_ACCOUNT, region=region, partition=partition, fips=fips, dual_stack=dual_stack)
    assert hosts.parse_host(host) == expected
    assert hosts.parse_host(host.upper()) == expected
    assert str(expected) == host
    assert hosts.registry_host(_ACCOUNT, region, fips=fips, dual_stack=dual_stack) == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "docker.io",
        "public.ecr.aws",
        "localhost:5000",
        "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
        "1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.on.aws",
        "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.evil.example.amazonaws.com",
        "123456789012.dkr-ecr.us-iso-east-1.",
        "١٢٣٤٥٦٧٨٩٠١٢.dkr.ecr.eu-west-1.amazonaws.com",
        "evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    ],
)
def test_other_hosts_are_not_taken_for_a_registry_of_aws(host: str) -> None:
    assert hosts.parse_host(host) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_hosts(text: str) -> None:
    found = hosts.parse_host(text)
    assert found is None or str(found) == text.lower()


def test_a_partition_without_dual_stack_registries_has_no_host_for_them() -> None:
    with pytest.raises(UsageError, match="no dual-stack"):
        hosts.registry_host(_ACCOUNT, "us-iso-east-1", dual_stack=True)


def test_an_arn_is_read_into_its_parts_and_back() -> None:
    text = "arn:aws-cn:ecr:cn-north-1:123456789012:repository/a/b:c"
    arn = hosts.parse_arn(text)
    assert (arn.partition, arn.service, arn.region, arn.account) == ("aws-cn", "ecr", "cn-north-1", _ACCOUNT)
    assert arn.resource == "repository/a/b:c"
    assert str(arn) == text


@pytest.mark.parametrize(
    "text", ["", "role/x", "arn:aws:iam::1", "arn:aws:iam::123456789012:", "urn:aws:iam::1:role/x"]
)
def test_what_is_no_arn_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not an ARN"):
        hosts.parse_arn(text)


@pytest.mark.parametrize(
    ("text", "is_one"), [(_ACCOUNT, True), ("12345", False), (_ACCOUNT + "0", False), ("a" * 12, False)]
)
def test_an_account_has_twelve_digits(text: str, *, is_one: bool) -> None:
    assert hosts.is_account(text) is is_one


@pytest.mark.parametrize("module", ["hosts", "permissions", "limiter", "hops", "calls"])
def test_what_the_command_line_needs_of_every_reference_does_not_load_boto3(module: str) -> None:
    code = f"import sys, tidewaiter.aws.{module}; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
