"""One name for one vulnerability. https://ossf.github.io/osv-schema/#aliases-field."""

from fakes.advisories import advisory
from tidewaiter.match.vulnerabilities import names
from tidewaiter.model.advisory import Advisory


def named(*advisories: Advisory) -> dict[str, tuple[str, ...]]:
    return {identifier: found for (_, identifier), found in names(advisories).items()}


def test_the_cve_is_the_name_if_there_is_one() -> None:
    ghsa = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa", aliases=("CVE-2024-0001", "GO-2024-1"))
    assert named(ghsa) == {"GHSA-aaaa-bbbb-cccc": ("CVE-2024-0001",)}
    assert named(advisory("DEBIAN-CVE-2024-0002", cve="CVE-2024-0002")) == {"DEBIAN-CVE-2024-0002": ("CVE-2024-0002",)}
    assert named(advisory("CVE-2024-0003", feed="osv")) == {"CVE-2024-0003": ("CVE-2024-0003",)}


def test_an_id_that_spells_a_cve_stands_for_it() -> None:
    assert named(advisory("UBUNTU-CVE-2024-0001", feed="ubuntu")) == {"UBUNTU-CVE-2024-0001": ("CVE-2024-0001",)}
    usn = advisory("USN-1-1", feed="ubuntu", upstream=("UBUNTU-CVE-2024-0001", "UBUNTU-CVE-2024-0002"))
    assert named(usn) == {"USN-1-1": ("CVE-2024-0001", "CVE-2024-0002")}


def test_aliases_hold_both_ways_and_all_along_the_chain() -> None:
    first = advisory("PYSEC-2024-1", feed="pypa", aliases=("GHSA-aaaa-bbbb-cccc",))
    second = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa", aliases=("SNYK-1",))
    third = advisory("SNYK-1", feed="osv", aliases=("CVE-2024-0001",))
    assert set(named(first, second, third).values()) == {("CVE-2024-0001",)}
    assert set(named(third, second, first).values()) == {("CVE-2024-0001",)}


def test_without_a_cve_githubs_name_is_the_name_of_all() -> None:
    first = advisory("GO-2024-1", feed="go", aliases=("GHSA-aaaa-bbbb-cccc",))
    second = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa")
    assert set(named(first, second).values()) == {("GHSA-aaaa-bbbb-cccc",)}
    assert named(advisory("RUSTSEC-2024-1", feed="rustsec")) == {"RUSTSEC-2024-1": ("RUSTSEC-2024-1",)}


def test_an_advisory_on_several_cves_speaks_of_each_and_does_not_make_them_one() -> None:
    dsa = advisory("DSA-1-1", upstream=("CVE-2024-0001", "CVE-2024-0002"))
    first = advisory("DEBIAN-CVE-2024-0001", cve="CVE-2024-0001")
    second = advisory("DEBIAN-CVE-2024-0002", cve="CVE-2024-0002")
    assert named(dsa, first, second) == {
        "DSA-1-1": ("CVE-2024-0001", "CVE-2024-0002"),
        "DEBIAN-CVE-2024-0001": ("CVE-2024-0001",),
        "DEBIAN-CVE-2024-0002": ("CVE-2024-0002",),
    }


def test_an_advisory_that_is_only_an_alias_of_one_on_several_speaks_of_all_of_them() -> None:
    both = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa", aliases=("CVE-2024-0001", "CVE-2024-0002"))
    other = advisory("GO-2024-1", feed="go", aliases=("GHSA-aaaa-bbbb-cccc",))
    assert named(both, other)["GO-2024-1"] == ("CVE-2024-0001", "CVE-2024-0002")


def test_upstream_names_are_followed_but_not_back() -> None:
    ghsa = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa", aliases=("CVE-2024-0001",))
    other = advisory("GHSA-dddd-eeee-ffff", feed="ghsa")
    alsa = advisory("ALSA-1", feed="almalinux", upstream=("GHSA-aaaa-bbbb-cccc", "CVE-2024-0009"))
    found = named(ghsa, other, alsa)
    assert found["ALSA-1"] == ("CVE-2024-0001", "CVE-2024-0009")
    assert found["GHSA-aaaa-bbbb-cccc"] == ("CVE-2024-0001",)
    assert named(advisory("DSA-2-1", upstream=("GHSA-dddd-eeee-ffff",)), other)["DSA-2-1"] == ("GHSA-dddd-eeee-ffff",)


def test_related_is_no_alias_but_errata_that_name_their_cves_nowhere_else_mean_it() -> None:
    ghsa = advisory("GHSA-aaaa-bbbb-cccc", feed="ghsa", related=("CVE-2024-0001",))
    assert named(ghsa) == {"GHSA-aaaa-bbbb-cccc": ("GHSA-aaaa-bbbb-cccc",)}
    for erratum in ("RHSA-2024:8709", "RLSA-2023:0005", "ALSA-2023:1", "SUSE-SU-2024:1-1", "USN-1-1"):
        found = named(advisory(erratum, feed="osv", related=("CVE-2024-0001", "BUG-7")))
        assert found == {erratum: ("CVE-2024-0001",)}


def test_a_regression_update_inherits_the_vulnerabilities_of_the_first_edition() -> None:
    first = advisory("DSA-5-1", upstream=("CVE-2024-0001", "CVE-2024-0002"))
    again = advisory("DSA-5-2")
    own = advisory("DSA-5-3", cve="CVE-2024-0003")
    found = named(first, again, own)
    assert found["DSA-5-2"] == ("CVE-2024-0001", "CVE-2024-0002")
    assert found["DSA-5-3"] == ("CVE-2024-0003",)
    assert named(advisory("DLA-7-2")) == {"DLA-7-2": ("DLA-7-2",)}


def test_a_temporary_debian_id_is_its_own_name() -> None:
    assert named(advisory("DEBIAN-TEMP-0001234-ABCDEF")) == {"DEBIAN-TEMP-0001234-ABCDEF": ("TEMP-0001234-ABCDEF",)}
