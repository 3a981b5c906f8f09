"""Manifests of distroless rpm images: what `rpm -qa` printed when the image was built."""

import pytest

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm import Rpm
from tidewaiter.model.gap import Why
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

PATH = "var/lib/rpmmanifest/container-manifest-2"
GLIBC = "glibc\t2.38-8.azl3\t1722\t1721\tMicrosoft Corporation\t(none)\t1087\tx86_64\t0\tglibc-2.38-8.azl3.src.rpm"
BIND = "bind-libs\t9.20.0-1.azl3\t1\t1\t(none)\t32\t1\taarch64\t32\tbind-9.20.0-1.azl3.src.rpm"
KEY = "gpg-pubkey\t3135ce90-5e6fda74\t1\t1\t(none)\t(none)\t0\t(none)\t0\t(none)"


def extracted(*lines: str) -> Extraction:
    return Rpm().extract(PATH, "".join(f"{line}\n" for line in lines).encode())


def test_a_line_is_a_package() -> None:
    assert extracted(GLIBC) == Extraction(
        packages=(
            Package(
                purl="",
                type="rpm",
                name="glibc",
                version="2.38-8.azl3",
                source=SourcePackage(name="glibc", version="2.38-8.azl3"),
                architecture="x86_64",
                vendor="Microsoft Corporation",
                locations=(Location(path=PATH),),
                extractor="rpm",
            ),
        )
    )


def test_the_epoch_is_told_and_what_is_none_is_empty() -> None:
    (package,) = extracted(BIND).packages
    assert (package.version, package.vendor, package.architecture) == ("32:9.20.0-1.azl3", "", "aarch64")


def test_keys_and_empty_lines_are_no_packages() -> None:
    assert [package.name for package in extracted(KEY, "", GLIBC, "", BIND).packages] == ["glibc", "bind-libs"]


def test_lines_may_end_as_on_windows_and_have_more_fields() -> None:
    (package,) = extracted(f"{GLIBC}\tmore\r").packages
    assert package.source == SourcePackage(name="glibc", version="2.38-8.azl3")


@pytest.mark.parametrize(
    "line",
    [
        "glibc",
        "glibc 2.38",
        GLIBC.replace("\t0\t", "\tzero\t"),
        GLIBC.replace("\t0\t", f"\t{'1' * 5000}\t"),
        GLIBC.replace("glibc\t", "\t", 1),
    ],
)
def test_a_broken_line_is_a_gap_that_names_it_and_the_others_are_told(line: str) -> None:
    found = extracted(BIND, line)
    assert [package.name for package in found.packages] == ["bind-libs"]
    (gap,) = found.gaps
    assert (gap.why, gap.subject) == (Why.MALFORMED, PATH)
    assert "line 2: " in gap.detail


def test_a_manifest_of_more_packages_than_there_are_is_read_no_further_and_a_gap() -> None:
    (gap,) = extracted(*[KEY] * 140_000, GLIBC).gaps
    assert (gap.why, gap.subject) == (Why.LIMIT, PATH)


@pytest.mark.parametrize("content", [b"", b"\n", b"junk\n", b"\x00\xff" * 100])
def test_a_manifest_that_lists_nothing_is_malformed(content: bytes) -> None:
    """It is written by a query of the database: an empty one is a query that failed."""
    with pytest.raises(MalformedError):
        Rpm().extract(PATH, content)
