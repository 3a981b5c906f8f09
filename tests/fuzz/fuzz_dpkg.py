"""Fuzz target: dpkg's databases."""

from packageurl import PackageURL

from tidewaiter.inventory.dpkg import Dpkg
from tidewaiter.inventory.purl import package_purl
from tidewaiter.model.gap import Why

_SENTINEL = b"\n\nPackage: sentinel\nVersion: 1\n"


def fuzz_one(data: bytes) -> None:
    """Whatever stands in a database, it gives named packages and few gaps, and never hides what comes after it."""
    extraction = Dpkg().extract("var/lib/dpkg/status", data + _SENTINEL)
    assert len(extraction.gaps) <= 22
    for package in extraction.packages:
        assert package.name.isascii()
        assert package.source is not None
        assert PackageURL.from_string(package_purl(package)).version == package.version
    stopped = any(gap.why is Why.LIMIT for gap in extraction.gaps)
    assert stopped or ("sentinel", "1") in {(package.name, package.version) for package in extraction.packages}
