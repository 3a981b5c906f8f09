"""The extractor of rpm packages: which files it takes, and what it makes of them."""

import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.errors import MalformedError, TidewaiterError, UnsupportedError
from tidewaiter.inventory.rpm import Rpm
from tidewaiter.inventory.rpm.entry import source_package
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage
from tidewaiter.simulator.rpmdb import (
    InstalledFile,
    InstalledRpm,
    berkeley_database,
    berkeley_file,
    header,
    ndb_database,
    sqlite_database,
    sqlite_file,
)

OPENSSL = InstalledRpm(
    name="openssl-libs",
    version="1.1.1k",
    release="5.el8_5",
    epoch=1,
    source_rpm="openssl-1.1.1k-5.el8_5.src.rpm",
    vendor="Red Hat, Inc.",
    licence="OpenSSL and ASL 2.0",
    files=(InstalledFile("/usr/lib64/libssl.so.1.1.1k", 0o100755),),
)
NODE = InstalledRpm(name="nodejs", version="14.1", release="1.el8", module="nodejs:14:8030020201124152102:229f0a1c")
KEY = InstalledRpm(name="gpg-pubkey", version="fd431d51", release="4ae0493b", architecture="")

WRITERS: dict[str, Callable[[Sequence[InstalledRpm]], bytes]] = {
    "var/lib/rpm/Packages": berkeley_database,
    "usr/lib/sysimage/rpm/Packages.db": ndb_database,
    "var/lib/rpm/rpmdb.sqlite": sqlite_database,
}
KINDS = pytest.mark.parametrize("path", list(WRITERS))


def extracted(*packages: InstalledRpm, path: str = "var/lib/rpm/rpmdb.sqlite") -> Extraction:
    return Rpm().extract(path, WRITERS[path](packages))


def versions(*packages: InstalledRpm) -> list[str]:
    return [package.version for package in extracted(*packages).packages]


@KINDS
def test_a_package_is_told_with_all_its_fields(path: str) -> None:
    assert extracted(OPENSSL, path=path) == Extraction(
        packages=(
            Package(
                purl="",
                type="rpm",
                name="openssl-libs",
                version="1:1.1.1k-5.el8_5",
                source=SourcePackage(name="openssl", version="1.1.1k-5.el8_5"),
                architecture="x86_64",
                vendor="Red Hat, Inc.",
                licenses=("OpenSSL and ASL 2.0",),
                locations=(Location(path=path),),
                extractor="rpm",
            ),
        ),
        owned=("usr/lib64/libssl.so.1.1.1k",),
    )


@KINDS
def test_public_keys_are_no_packages(path: str) -> None:
    assert [package.name for package in extracted(KEY, NODE, KEY, path=path).packages] == ["nodejs"]
    assert extracted(KEY, path=path) == Extraction()


@KINDS
def test_a_database_without_packages_is_sound(path: str) -> None:
    assert extracted(path=path) == Extraction()


def test_the_module_is_told() -> None:
    assert extracted(NODE).packages[0].module == "nodejs:14:8030020201124152102:229f0a1c"


@pytest.mark.parametrize(
    ("epoch", "version"), [(None, "2-3"), (0, "2-3"), (1, "1:2-3"), (4294967295, "4294967295:2-3")]
)
def test_the_version_begins_with_the_epoch_unless_that_is_missing_or_0(epoch: int | None, version: str) -> None:
    assert versions(InstalledRpm(name="a", version="2", release="3", epoch=epoch)) == [version]


def test_one_name_in_several_versions_or_architectures_is_several_packages() -> None:
    kernels = [InstalledRpm(name="kernel", version="5.14", release=release) for release in ("70.el9", "162.el9")]
    glibc = [InstalledRpm(name="glibc", version="2", release="1", architecture=arch) for arch in ("i686", "x86_64")]
    found = extracted(*kernels, *glibc).packages
    assert [(package.name, package.version, package.architecture) for package in found] == [
        ("kernel", "5.14-70.el9", "x86_64"),
        ("kernel", "5.14-162.el9", "x86_64"),
        ("glibc", "2-1", "i686"),
        ("glibc", "2-1", "x86_64"),
    ]


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("bash-5.1.8-6.el9.src.rpm", SourcePackage(name="bash", version="5.1.8-6.el9")),
        ("java-8-openjdk-8.402.b06-2.el8.src.rpm", SourcePackage(name="java-8-openjdk", version="8.402.b06-2.el8")),
        ("nvidia-driver-550-1.nosrc.rpm", SourcePackage(name="nvidia-driver", version="550-1")),
        ("(none)", None),
        ("", None),
        ("bash.src.rpm", None),
        ("bash-5.1.src.rpm", None),
        ("-5.1-1.src.rpm", None),
        ("bash-5.1.8-6.el9.x86_64.rpm", None),
    ],
)  # fmt: skip
def test_the_source_package_is_named_by_its_file(file_name: str, expected: SourcePackage | None) -> None:
    assert source_package(file_name) == expected


@pytest.mark.parametrize(
    "path",
    [
        "var/lib/rpm/Packages",
        "var/lib/rpm/Packages.db",
        "var/lib/rpm/rpmdb.sqlite",
        "var/lib/rpm/rpmdb.sqlite-wal",
        "usr/lib/sysimage/rpm/rpmdb.sqlite",
        "usr/share/rpm/rpmdb.sqlite",
        "srv/jail/var/lib/rpm/Packages",
        "var/lib/rpmmanifest/container-manifest-2",
    ],
)
def test_databases_and_manifests_are_wanted_at_their_places(path: str) -> None:
    assert Rpm().wants(path)
    assert path.rpartition("/")[2] in Rpm().basenames


@pytest.mark.parametrize(
    "path",
    [
        "Packages",
        "var/lib/rpm/Name",
        "var/lib/rpm/rpmdb.sqlite-shm",
        "var/lib/rpm/Packages/other",
        "myvar/lib/rpm/Packages",
        "home/me/rpm/Packages",
        "var/lib/rpm/container-manifest-2",
        "var/lib/rpmmanifest/container-manifest-1",
        "var/lib/rpmmanifest/Packages",
    ],
)
def test_other_files_are_not_wanted(path: str) -> None:
    assert not Rpm().wants(path)


def test_files_owned_below_a_chroot_are_told_as_files_of_the_image() -> None:
    content = sqlite_database([OPENSSL])
    assert Rpm().extract("srv/jail/var/lib/rpm/rpmdb.sqlite", content).owned == ("srv/jail/usr/lib64/libssl.so.1.1.1k",)


def test_a_database_behind_a_symbolic_link_belongs_to_the_image_and_is_known_by_its_content() -> None:
    assert Rpm().extract("opt/data/rpms", ndb_database([OPENSSL])).owned == ("usr/lib64/libssl.so.1.1.1k",)


@pytest.mark.parametrize("name", ["", "(none)", "two words", "line\nbreak", "nul\x1b[31m"])
def test_a_package_without_a_proper_name_is_a_gap_and_the_others_are_told(name: str) -> None:
    found = extracted(InstalledRpm(name=name, version="1", release="1"), NODE)
    assert [package.name for package in found.packages] == ["nodejs"]
    assert [(gap.stage, gap.why, gap.subject) for gap in found.gaps] == [
        (Stage.INVENTORY, Why.MALFORMED, "var/lib/rpm/rpmdb.sqlite")
    ]
    assert "row 1" in found.gaps[0].detail


def test_a_package_whose_files_cannot_be_told_is_kept_with_a_gap() -> None:
    blob = header(OPENSSL)
    broken = blob.replace(struct.pack(">I", 1116), struct.pack(">I", 1115))  # no folder numbers
    found = Rpm().extract("var/lib/rpm/rpmdb.sqlite", sqlite_file([broken]))
    assert [package.name for package in found.packages] == ["openssl-libs"]
    assert found.owned == ()
    assert len(found.gaps) == 1


def test_more_owned_files_than_memory_should_hold_are_a_gap() -> None:
    folder = f"/{'x' * 1_000_000}"
    large = [InstalledFile(f"{folder}/{number}.jar") for number in range(40)]
    packages = [InstalledRpm(name=f"p{number}", version="1", release="1", files=tuple(large)) for number in range(3)]
    found = extracted(*packages, OPENSSL)
    assert len(found.packages) == 4
    assert len(found.owned) == 40
    assert [gap.why for gap in found.gaps] == [Why.LIMIT]


def test_one_gap_tells_of_all_damage_with_the_first_places() -> None:
    found = Rpm().extract("var/lib/rpm/rpmdb.sqlite", sqlite_file([header(NODE), *[b"junk"] * 50]))
    (gap,) = found.gaps
    assert gap.detail.startswith("50 places could not be read, so packages may be missing: row 2: ")
    assert "row 5" not in gap.detail


def test_a_file_that_is_broken_all_over_is_read_no_further() -> None:
    found = Rpm().extract("var/lib/rpm/rpmdb.sqlite", sqlite_file([header(NODE), *[b"junk"] * 2000, header(OPENSSL)]))
    assert [package.name for package in found.packages] == ["nodejs"]
    assert found.gaps[0].detail.startswith("1000 places could not be read, and the rest was not read")


def test_a_database_of_nothing_but_damage_is_malformed() -> None:
    with pytest.raises(MalformedError, match="1 place could not be read"):
        Rpm().extract("var/lib/rpm/rpmdb.sqlite", sqlite_file([b"junk"]))


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_an_empty_or_tiny_file_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        Rpm().extract("var/lib/rpm/Packages", content)


def test_a_file_of_another_kind_is_not_supported() -> None:
    with pytest.raises(UnsupportedError):
        Rpm().extract("var/lib/rpm/Packages", b"\x7fELF".ljust(8192, b"\0"))


def test_a_write_ahead_log_with_changes_is_a_gap() -> None:
    path = "var/lib/rpm/rpmdb.sqlite-wal"
    log = struct.pack(">I", 0x377F0683) + bytes(5000)
    (gap,) = Rpm().extract(path, log).gaps
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, Why.UNSUPPORTED, path)
    assert Rpm().extract(path, b"") == Extraction()


SAMPLES = {path: write([OPENSSL, NODE]) for path, write in WRITERS.items()}
SAMPLES["usr/share/rpm/Packages"] = berkeley_file([header(OPENSSL), header(NODE)] * 20, page_size=512)


def looked_at(path: str, content: bytes) -> None:
    """Read a broken file: it ends as packages and gaps, or as one of our errors."""
    try:
        found = Rpm().extract(path, content)
    except TidewaiterError as error:
        assert error.what  # noqa: PT017 - any other exception fails the test
    else:
        assert all(package.name and package.version for package in found.packages)


@pytest.mark.parametrize("path", list(SAMPLES))
def test_a_database_cut_off_anywhere_is_never_silently_sound(path: str) -> None:
    content = SAMPLES[path]
    whole = Rpm().extract(path, content)
    for size in {*range(0, len(content), 397), *range(0, 600, 7), len(content) - 1}:
        try:
            found = Rpm().extract(path, content[:size])
        except (MalformedError, UnsupportedError):
            continue
        assert found.gaps or found == whole
        assert {package.name for package in found.packages} <= {package.name for package in whole.packages}


@pytest.mark.parametrize("path", list(SAMPLES))
@given(data=st.data())
def test_a_database_with_changed_bytes_is_read_or_refused(path: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[path])
    places = st.integers(0, len(content) - 1) | st.integers(0, 255) | st.sampled_from(structured_places(content))
    values = st.sampled_from([b"\0", b"\1", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff"]) | st.binary(
        max_size=4
    )
    for place, value in data.draw(st.lists(st.tuples(places, values), min_size=1, max_size=6)):
        content[place : place + len(value)] = value
    looked_at(path, bytes(content[: len(SAMPLES[path])]))


def structured_places(content: bytearray) -> list[int]:
    """Places with numbers in them, rather than texts and padding."""
    return [place for place, byte in enumerate(content) if 0 < byte < 32][:4000]


@given(
    start=st.sampled_from([b"", b"RpmP\0\0\0\0", b"SQLite format 3\0", bytes(12) + b"\x61\x15\x06\0"]), rest=st.binary()
)
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    looked_at("var/lib/rpm/Packages", (start + rest).ljust(512, b"\0"))
