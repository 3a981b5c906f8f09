"""What Alpine's security database says beyond the schema."""

from collections.abc import Callable

import pytest

from tidewaiter.model.advisory import Advisory, Affected, Status


def test_alpine_never_affected(parse_row: Callable[..., Affected]) -> None:
    said = {"repo": "main", "not_affected": True}
    row = parse_row("ALPINE-CVE-2016-0682", "Alpine:v3.8", ranges=[], ecosystem_specific=said)
    assert row.status is Status.NOT_AFFECTED


@pytest.mark.parametrize(
    ("identifier", "upstream"),
    [
        ("ALPINE-CVE-2019-2426", "CVE-2019-2426"),
        ("ALPINE-CVE_2019-2426", "CVE-2019-2426"),
        ("ALPINE-2018-16859", "CVE-2018-16859"),
        ("ALPINE-CVE-2017-7472.patch", "CVE-2017-7472"),
        ("ALPINE-XSA-182", "XSA-182"),
        ("ALPINE-wnpa-sec-2017-18", "wnpa-sec-2017-18"),
        ("ALPINE-ZBX-11023", "ZBX-11023"),
    ],
)
def test_alpine_ids_name_what_they_are_about_however_misspelt(
    parse: Callable[..., Advisory], identifier: str, upstream: str
) -> None:
    advisory = parse(identifier)
    assert advisory.upstream == (upstream,)
    assert not advisory.informational


def test_alpine_upstream_is_spelt_right(parse: Callable[..., Advisory]) -> None:
    assert parse("ALPINE-CVE-2017-7472.patch", upstream=["CVE-2017-7472.patch"]).upstream == ("CVE-2017-7472",)


def test_a_cve_that_had_no_number_yet_is_a_vulnerability(parse: Callable[..., Advisory]) -> None:
    advisory = parse("ALPINE-CVE-????-?????")
    assert (advisory.upstream, advisory.informational) == ((), False)


@pytest.mark.parametrize("word", ["(+", "(802.11)", "(OSPF6)", "but", "fixed,", "regression", "-", "-V)", "SMB", "CVE"])
def test_words_of_a_remark_are_no_vulnerabilities(parse: Callable[..., Advisory], word: str) -> None:
    advisory = parse(f"ALPINE-{word}")
    assert (advisory.upstream, advisory.informational) == ((), True)
