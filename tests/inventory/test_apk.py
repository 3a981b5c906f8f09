"""apk's database of installed packages, by the fields of https://wiki.alpinelinux.org/wiki/Apk_spec."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.inventory import stanzas
from tidewaiter.inventory.apk import Apk
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Extraction, Location, Package, SourcePackage

ImageFiles = Callable[[str], Iterator[tuple[str, bytes | None]]]

DATABASE = "lib/apk/db/installed"

FIXTURE = """\
C:Q1Wk5uTHBLgWZzqUCi7zzYSJg2QvI=
P:ssl_client
V:1.36.1-r2
A:x86_64
S:4912
I:28672
T:External ssl_client for busybox wget
U:https://busybox.net/
L:GPL-2.0-only
o:busybox
m:Sören Tempel <soeren+alpine@soeren-tempel.net>
t:1688652183
c:d3c2bc7d3e2dbd8f2a0dd3e5e8a0e9e1b3cda6ee
D:so:libc.musl-x86_64.so.1 so:libcrypto.so.3 so:libssl.so.3
p:cmd:ssl_client=1.36.1-r2
r:busybox-initscripts
F:usr
F:usr/bin
R:ssl_client
a:0:0:755
Z:Q1iaMFeTGtwjnBBGmVDGZIfVQRxMU=

C:Q1K6Pbm4Bs3ML4bRBPMmq2yp8q5mM=
P:musl
V:1.2.4-r1
A:x86_64
L:MIT
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1zM6V4GzuHwM5tZjdzPyVUyzBUlE=
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q17yJ3JFNypA4mxhJJr0ou6CzsJVI=
F:
R:.top

"""


def extract(text: str | bytes, path: str = DATABASE) -> Extraction:
    return Apk().extract(path, text.encode() if isinstance(text, str) else text)


def record(**fields: str) -> str:
    given_fields = {"P": "foo", "V": "1.0-r0", "A": "x86_64"} | fields
    return "".join(f"{key}:{value}\n" for key, value in given_fields.items()) + "\n"


def named(extraction: Extraction) -> list[tuple[str, str]]:
    return [(package.name, package.version) for package in extraction.packages]


def only(extraction: Extraction) -> Package:
    assert not extraction.gaps
    assert len(extraction.packages) == 1
    return extraction.packages[0]


# What is read of a record.


def test_a_record_gives_the_whole_package() -> None:
    assert extract(FIXTURE).packages[0] == Package(
        purl="",
        type="apk",
        name="ssl_client",
        version="1.36.1-r2",
        source=SourcePackage(name="busybox", version="1.36.1-r2"),
        architecture="x86_64",
        vendor="Sören Tempel <soeren+alpine@soeren-tempel.net>",
        licenses=("GPL-2.0-only",),
        locations=(Location(path=DATABASE),),
        extractor="apk",
    )


def test_a_package_without_origin_is_its_own_source() -> None:
    assert extract(FIXTURE).packages[1].source == SourcePackage(name="musl", version="1.2.4-r1")


def test_a_licence_expression_stays_whole() -> None:
    assert only(extract(record(L="MIT AND (BSD-2-Clause OR GPL-2.0-or-later)"))).licenses == (
        "MIT AND (BSD-2-Clause OR GPL-2.0-or-later)",
    )


def test_provided_packages_are_names_and_the_rest_of_what_is_provided_is_left_out() -> None:
    provides = (
        "so:libfoo.so.1=1.2.3 cmd:foo=1.0-r0 pc:foo=1.0 /bin/sh py3.11:foo=1 nodejs-lts=20.1 bar foo-compat~2 bar>3"
    )
    assert only(extract(record(p=provides))).provides == ("nodejs-lts", "bar", "foo-compat")


def test_fields_are_told_apart_by_case() -> None:
    package = only(extract(record(o="origin", p="provided", m="maintainer", l="small", a="0:0:755", v="9")))
    assert (package.version, package.architecture, package.licenses) == ("1.0-r0", "x86_64", ())


def test_a_package_of_the_last_century_has_only_name_and_version() -> None:
    assert only(extract("P:foo\nV:1.0\n")) == Package(
        purl="",
        type="apk",
        name="foo",
        version="1.0",
        source=SourcePackage(name="foo", version="1.0"),
        locations=(Location(path=DATABASE),),
        extractor="apk",
    )


# Owned files.


def test_files_stand_in_the_folder_named_before_them() -> None:
    assert extract(FIXTURE).owned == (
        "usr/bin/ssl_client",
        "lib/ld-musl-x86_64.so.1",
        "lib/libc.musl-x86_64.so.1",
        ".top",
    )


@pytest.mark.parametrize("database", ["srv/jail/lib/apk/db/installed", "srv/jail/usr/lib/apk/db/installed"])
def test_files_in_a_chroot_are_named_from_the_images_root(database: str) -> None:
    assert extract(FIXTURE, database).owned[0] == "srv/jail/usr/bin/ssl_client"


def test_files_of_a_merged_system_are_named_from_the_images_root() -> None:
    assert extract(FIXTURE, "usr/lib/apk/db/installed").owned[0] == "usr/bin/ssl_client"


def test_a_file_name_keeps_its_spaces() -> None:
    assert extract(record() + "P:b\nV:1\nF:etc/a b\nR: c \n").owned == ("etc/a b/ c ",)


def test_a_file_name_that_is_not_utf_8_stays_what_it_is() -> None:
    assert extract(b"P:b\nV:1\nF:etc\nR:caf\xe9\n").owned == ("etc/caf\udce9",)


def test_a_database_of_a_million_files_keeps_its_packages() -> None:
    content = b"P:big\nV:1\nF:etc\n" + b"R:x\n" * stanzas.MOST_FILES + b"\nP:next\nV:2\n"
    extraction = extract(content)
    assert named(extraction) == [("big", "1"), ("next", "2")]
    assert extraction.owned == ()
    assert [gap.why for gap in extraction.gaps] == [Why.LIMIT]


# How it may be written.


@pytest.mark.parametrize(
    "text",
    [FIXTURE.rstrip("\n"), "\n\n" + FIXTURE.replace("\n\n", "\n\n\n\n")],
    ids=["no final newline", "many blank lines"],
)
def test_blank_lines_do_not_matter(text: str) -> None:
    assert extract(text) == extract(FIXTURE)


def test_carriage_returns_belong_to_no_package() -> None:
    assert extract(FIXTURE.replace("\n", "\r\n")).packages == extract(FIXTURE).packages


def test_an_empty_database_has_no_packages_and_no_gap() -> None:
    assert extract("") == extract("\n") == Extraction()


# What is broken is told, and costs nothing but itself.


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("V:1.0-r0\nA:x86_64\n", "P: '', V: '1.0-r0'"),
        ("P:half\nA:x86_64\n", "P: 'half', V: ''"),
        ("P:half\nV:\n", "P: 'half', V: ''"),
        ("P:two words\nV:1\n", "P: 'two words', V: '1'"),
        ("P:half\nV:1 beta\n", "P: 'half', V: '1 beta'"),
        ("P:\x1b[2Jhalf\nV:1\n", "P: '\\x1b[2Jhalf', V: '1'"),
        ("garbage\n", "P: '', V: ''"),
    ],
)
def test_a_broken_record_is_a_gap_with_its_line_and_the_rest_goes_on(broken: str, said: str) -> None:
    extraction = extract(record(P="before") + broken + "\n" + record(P="after"))
    assert [package.name for package in extraction.packages] == ["before", "after"]
    (gap,) = extraction.gaps
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, Why.MALFORMED, DATABASE)
    assert gap.detail == f"line 5: a record was left out, it names no package and version ({said})"


def test_records_that_run_into_each_other_are_both_read() -> None:
    extraction = extract("P:one\nV:1\nF:etc\nR:one\nP:two\nV:2\nF:etc\nR:two\n")
    assert named(extraction) == [("one", "1"), ("two", "2")]
    assert extraction.owned == ("etc/one", "etc/two")
    assert [gap.detail for gap in extraction.gaps] == [
        "line 1: two packages in one record, taken apart at the second P: line"
    ]


def test_a_record_with_a_megabyte_of_fields_is_left_out_and_told() -> None:
    extraction = extract("P:a\nV:1\np:" + "a " * stanzas.MOST_BYTES + "\n\n" + record())
    assert named(extraction) == [("foo", "1.0-r0")]
    assert [gap.detail for gap in extraction.gaps] == [
        "line 1: a record was left out, its fields are longer than 1,048,576 bytes"
    ]


def test_more_packages_than_any_system_has_are_a_gap() -> None:
    extraction = extract("".join(f"P:p{n}\nV:1\n\n" for n in range(stanzas.MOST_PACKAGES + 10)))
    assert len(extraction.packages) == stanzas.MOST_PACKAGES
    assert [gap.why for gap in extraction.gaps] == [Why.LIMIT]


# Which files are wanted.


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("lib/apk/db/installed", True),
        ("usr/lib/apk/db/installed", True),
        ("srv/jail/lib/apk/db/installed", True),
        ("lib/apk/db/installed.new", False),
        ("lib/apk/db/triggers", False),
        ("var/lib/installed", False),
        ("mylib/apk/db/installed", False),
    ],
)
def test_the_database_is_wanted_at_both_places_and_below_chroots(path: str, wanted: bool) -> None:
    apk = Apk()
    assert apk.wants(path) is wanted
    assert not wanted or path.rpartition("/")[2] in apk.basenames


# Against the real thing.


def test_a_real_alpine_image_has_its_59_packages_and_their_files(image_files: ImageFiles) -> None:
    files = dict(image_files("alpine-node.oci"))
    content = files[DATABASE]
    assert content is not None
    extraction = extract(content)
    assert not extraction.gaps
    assert len(extraction.packages) == 59
    sources = {package.name: package.source.name for package in extraction.packages if package.source}
    assert sources["libssl3"] == sources["libcrypto3"] == "openssl"
    assert sources["ssl_client"] == "busybox"
    assert len(extraction.owned) == 1564
    known = {"bin/busybox", "lib/ld-musl-x86_64.so.1", "sbin/apk"}
    assert known <= set(extraction.owned)
    assert known <= set(files)


# Properties.

WRITTEN = st.lists(
    st.tuples(
        st.from_regex(r"[a-zA-Z0-9._][a-zA-Z0-9._+-]{1,20}", fullmatch=True),
        st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}[a-z]?(_(alpha|rc|p)[0-9]?)?-r[0-9]{1,2}", fullmatch=True),
        st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30),
    ),
    max_size=8,
    unique_by=lambda row: row[:2],
)


@given(WRITTEN)
def test_every_package_that_was_written_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    text = "".join(
        f"C:Q1\nP:{name}\nV:{version}\nT:{maintainer}\nm:{maintainer}\nF:etc\nR:{name}\n\n"
        for name, version, maintainer in rows
    )
    extraction = extract(text)
    assert not extraction.gaps
    assert [(p.name, p.version, p.vendor) for p in extraction.packages] == rows
    assert extraction.owned == tuple(f"etc/{name}" for name, _, _ in rows)


@given(st.lists(st.sampled_from([b"P:a", b"V:1", b"F:", b"R:x", b"F:etc", b"\n", b"\n\n", b"\r", b"\0"])))
def test_any_bytes_end_in_packages_and_gaps(parts: list[bytes]) -> None:
    for package in extract(b"".join(parts)).packages:
        assert package.name
        assert package.version
