"""The advisory database: what is put in, what comes out, and what is refused."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.errors import DatabaseError, FeedError, TidewaiterError
from tidewaiter.feeds.database import SCHEMA, Database, build
from tidewaiter.feeds.folder import Ceilings
from tidewaiter.feeds.osv import Osv
from tidewaiter.model.advisory import Advisory, Feed, Status

Json = dict[str, Any]
Record = Callable[..., Json]
Pack = Callable[..., Path]
Opened = Callable[..., Database]


def row(ecosystem: str, name: str, fixed: str = "1.0") -> Json:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}


def parsed(record: Json) -> Advisory:
    (advisory,) = Osv().parse(json.dumps(record).encode())
    return advisory


def found(database: Database, ecosystem: str, name: str) -> dict[str, str]:
    """The advisories on a package, and the version that each says is fixed."""
    candidates = database.candidates([(ecosystem, name)]).get((ecosystem, name), ())
    headers = database.advisories(candidate.number for candidate in candidates)
    return {headers[one.number].id: one.affected.ranges[0].events[1].version for one in candidates}


def test_rows_are_found_by_ecosystem_with_release_and_name(record: Record, pack: Pack, opened: Opened) -> None:
    folder = pack(
        {
            "1.json": record("DSA-1-1", affected=[row("Debian:12", "openssl", "3"), row("Debian:11", "openssl", "2")]),
            "2.json": record("DSA-2-1", affected=[row("Debian:12", "openssl", "4"), row("Debian:12", "zlib", "5")]),
            "3.json": record("UBUNTU-CVE-1", affected=[row("Ubuntu:22.04:LTS", "openssl", "6")]),
        }
    )
    with opened(folder) as database:
        assert found(database, "Debian:12", "openssl") == {"DSA-1-1": "3", "DSA-2-1": "4"}
        assert found(database, "Debian:11", "openssl") == {"DSA-1-1": "2"}
        assert found(database, "Ubuntu:22.04:LTS", "openssl") == {"UBUNTU-CVE-1": "6"}
        assert found(database, "Debian:10", "openssl") == {}
        assert found(database, "Debian:12", "open") == {}
        assert found(database, "Debian", "openssl") == {}
        assert dict(database.ecosystems()) == {"Debian:11": 1, "Debian:12": 3, "Ubuntu:22.04:LTS": 1}


def test_many_keys_are_answered_at_once_and_absent_ones_left_out(record: Record, pack: Pack, opened: Opened) -> None:
    rows = [row("Debian:12", f"package-{number}", f"{number}") for number in range(50)]
    with opened(pack({"1.json": record("DSA-1-1", affected=rows)})) as database:
        keys = [("Debian:12", f"package-{number}") for number in range(100)]
        answer = database.candidates([*keys, *keys])
        assert set(answer) == set(keys[:50])
        assert all(len(candidates) == 1 for candidates in answer.values())


def test_a_candidate_is_the_row_as_it_was_published(record: Record, pack: Pack, opened: Opened) -> None:
    published = record(
        "UBUNTU-CVE-2024-1",
        affected=[
            {
                **row("Ubuntu:Pro:18.04:LTS", "linux", "4.15"),
                "versions": ["4.14", "4.14.1"],
                "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
                "ecosystem_specific": {"status": "released", "priority": "low"},
            }
        ],
    )
    key = ("Ubuntu:Pro:18.04:LTS", "linux")
    with opened(pack({"1.json": published})) as database:
        (candidate,) = database.candidates([key])[key]
        assert candidate.affected == parsed(published).affected[0]
        assert candidate.affected.status is Status.PRO_ONLY


def test_a_header_is_the_advisory_without_its_rows(record: Record, pack: Pack, opened: Opened) -> None:
    published = [
        record(
            f"GHSA-{number}",
            aliases=[f"CVE-2024-{number}"],
            summary="x" * number,
            references=[{"url": "https://example.org"}],
        )
        for number in range(100)
    ]
    with opened(pack({f"{number}.json": told for number, told in enumerate(published)})) as database:
        numbers = [candidate.number for candidate in database.candidates([("npm", "left-pad")])["npm", "left-pad"]]
        headers = database.advisories(numbers)
        assert sorted(numbers) == list(range(100))
        whole = {told["id"]: parsed(told) for told in published}
        assert {header.id for header in headers.values()} == set(whole)
        for header in headers.values():
            assert header.affected == ()
            assert header.aliases == whole[header.id].aliases
            assert header.summary == whole[header.id].summary
        assert database.advisories([5, 99, 100, 4711, -1]).keys() == {5, 99}


@pytest.mark.parametrize(
    ("ecosystem", "published", "normal"),
    [("PyPI", "Zope.Interface", "zope-interface"), ("NuGet", "Newtonsoft.Json", "newtonsoft.json")],
)
def test_names_are_kept_as_published_and_found_as_the_ecosystem_compares_them(
    record: Record, pack: Pack, opened: Opened, ecosystem: str, published: str, normal: str
) -> None:
    with opened(pack({"1.json": record("PYSEC-1", affected=[row(ecosystem, published)])})) as database:
        (candidate,) = database.candidates([(ecosystem, normal)])[ecosystem, normal]
        assert candidate.affected.name == published
        assert database.candidates([(ecosystem, published)]) == {}


def test_withdrawn_and_informational_advisories_are_counted_and_never_match(
    record: Record, pack: Pack, opened: Opened
) -> None:
    folder = pack(
        {
            "1.json": record("ALSA-1", affected=[row("AlmaLinux:9", "bash", "1")]),
            "2.json": record("ALSA-2", affected=[row("AlmaLinux:9", "bash", "2")], withdrawn="2024-02-01T00:00:00Z"),
            "3.json": record("ALBA-3", affected=[row("AlmaLinux:9", "bash", "3")]),
        }
    )
    with opened(folder) as database:
        assert found(database, "AlmaLinux:9", "bash") == {"ALSA-1": "1"}
        assert dict(database.ecosystems()) == {"AlmaLinux:9": 1}
        (feed,) = database.feeds()
        assert (feed.advisories, feed.withdrawn, feed.informational, feed.affected) == (3, 1, 1, 3)


def test_a_feed_says_what_it_holds_and_how_new_it_is(record: Record, pack: Pack, opened: Opened) -> None:
    folder = pack(
        {
            "1.json": record("DSA-1-1", modified="2024-03-01", affected=[row("Debian:12", "a"), row("Debian:12", "b")]),
            "2.json": record("DLA-2-1", modified="2024-03-05T23:00:00-05:00", affected=[row("Debian:10", "a")]),
            "3.json": record("GHSA-1", modified="2023-01-01T00:00:00.5Z"),
        }
    )
    with opened(folder) as database:
        debian, ghsa = database.feeds()
        assert debian == Feed(
            name="debian",
            advisories=2,
            affected=3,
            withdrawn=0,
            broken=0,
            newest="2024-03-06T04:00:00Z",
            fingerprint=debian.fingerprint,
        )
        assert debian.fingerprint.startswith("sha256:")
        assert (ghsa.name, ghsa.newest) == ("ghsa", "2023-01-01T00:00:00Z")
        assert ghsa.fingerprint != debian.fingerprint


def test_the_fingerprint_of_a_feed_is_of_its_advisories_wherever_they_lie(
    record: Record, pack: Pack, opened: Opened
) -> None:
    one, two, other = record("DSA-1-1"), record("DSA-2-1"), record("DSA-2-1", summary="changed")

    def fingerprint(*folders: Path) -> str:
        with opened(*folders) as database:
            return database.feeds()[0].fingerprint

    together = fingerprint(pack({"a.json": one, "b.json": two}, folder="together"))
    apart = fingerprint(pack({"x/1.json": two}, folder="left", name="z.zip"), pack({"1.json": one}, folder="right"))
    changed = fingerprint(pack({"a.json": one, "b.json": other}, folder="changed"))
    assert together == apart
    assert together != changed


def test_of_two_texts_the_newer_counts_and_the_other_is_counted(record: Record, pack: Pack, opened: Opened) -> None:
    old = pack(
        {"1.json": record("DSA-1-1", modified="2024-01-01T00:00:00Z", affected=[row("Debian:12", "bash", "1")])},
        folder="old",
    )
    new = pack(
        {"1.json": record("DSA-1-1", modified="2024-01-01T00:00:00.1Z", affected=[row("Debian:12", "dash", "2")])},
        folder="new",
    )
    for folders in ((old, new), (new, old)):
        with opened(*folders) as database:
            assert found(database, "Debian:12", "bash") == {}
            assert found(database, "Debian:12", "dash") == {"DSA-1-1": "2"}
            assert database.manifest().advisories == 1
            assert sorted(read.superseded for read in database.manifest().inputs) == [0, 1]


def test_of_two_texts_as_new_both_speak(record: Record, pack: Pack, opened: Opened) -> None:
    """A publisher who tells one advisory in a file for each release must not lose a release."""
    folder = pack(
        {
            "8.json": record("ALSA-1", affected=[row("AlmaLinux:8", "bash", "1"), row("AlmaLinux:8", "dash", "3")]),
            "9.json": record("ALSA-1", affected=[row("AlmaLinux:9", "bash", "2"), row("AlmaLinux:8", "dash", "3")]),
            "10.json": record("ALSA-1", affected=[row("AlmaLinux:10", "bash", "4")]),
        }
    )
    with opened(folder) as database:
        assert found(database, "AlmaLinux:8", "bash") == {"ALSA-1": "1"}
        assert found(database, "AlmaLinux:9", "bash") == {"ALSA-1": "2"}
        assert found(database, "AlmaLinux:10", "bash") == {"ALSA-1": "4"}
        assert len(database.candidates([("AlmaLinux:8", "dash")])["AlmaLinux:8", "dash"]) == 1
        assert database.manifest().inputs[0].superseded == 2


def test_a_twin_of_a_withdrawn_text_matches_only_if_its_own_header_does(
    record: Record, pack: Pack, opened: Opened
) -> None:
    for number in range(8):  # which of the two headers counts is a matter of their digests
        live = record("GHSA-1", summary=f"{number}")
        withdrawn = record("GHSA-1", summary=f"{number}", withdrawn="2024-02-01T00:00:00Z")
        folder = pack({"1.json": live, "2.json": withdrawn}, folder=f"{number}")
        with opened(folder) as database:
            matches = len(database.candidates([("npm", "left-pad")]))
            assert matches == (not database.advisories([0])[0].withdrawn)


def test_nothing_of_an_older_twin_survives_a_newer_text(record: Record, pack: Pack, opened: Opened) -> None:
    folder = pack(
        {
            "a.json": record("ALSA-1", affected=[row("AlmaLinux:8", "bash", "1")]),
            "b.json": record("ALSA-1", affected=[row("AlmaLinux:8", "bash", "2")]),
            "c.json": record("ALSA-1", modified="2025-01-01T00:00:00Z", affected=[row("AlmaLinux:8", "bash", "3")]),
        }
    )
    with opened(folder) as database:
        assert found(database, "AlmaLinux:8", "bash") == {"ALSA-1": "3"}


def test_a_regression_update_without_cves_is_about_those_of_the_first(
    record: Record, pack: Pack, opened: Opened
) -> None:
    folder = pack(
        {
            "1.json": record("DSA-5-1", upstream=["CVE-2024-1", "CVE-2024-2"], affected=[row("Debian:12", "a", "1")]),
            "2.json": record("DSA-5-2", affected=[row("Debian:12", "b", "2")]),
            "3.json": record("DSA-6-2", upstream=["CVE-2024-3"], affected=[row("Debian:12", "c", "3")]),
            "4.json": record("DSA-7-2", affected=[row("Debian:12", "d", "4")]),
        }
    )
    with opened(folder) as database:
        upstream = {header.id: header.upstream for header in database.advisories(range(4)).values()}
    assert upstream == {
        "DSA-5-1": ("CVE-2024-1", "CVE-2024-2"),
        "DSA-5-2": ("CVE-2024-1", "CVE-2024-2"),
        "DSA-6-2": ("CVE-2024-3",),
        "DSA-7-2": (),
    }


def test_the_same_input_gives_the_same_bytes(record: Record, pack: Pack, tmp_path: Path) -> None:
    records = {
        f"{number}.json": record(f"DSA-{number}-1", affected=[row("Debian:12", f"p{number % 7}")])
        for number in range(90)
    }
    one = pack(records, folder="one", name="a.zip")
    two = pack({"x.json": record("GHSA-1"), "broken.json": b"{"}, folder="two", name="b.zip")
    (two / "loose.json").write_text(json.dumps(record("GHSA-2")))
    copies = [tmp_path / "copied" / name for name in ("one", "two")]
    for original, copy in zip((one, two), copies, strict=True):
        shutil.copytree(original, copy, copy_function=shutil.copyfile)
        os.utime(next(copy.iterdir()), (1, 1))
    outputs = []
    for number, folders in enumerate(([one, two], [two, one], copies, copies[::-1])):
        build(folders, tmp_path / f"{number}.db", warn=lambda _: None)
        outputs.append((tmp_path / f"{number}.db").read_bytes())
    assert len(set(outputs)) == 1


def test_a_broken_record_is_told_left_out_and_counted(record: Record, pack: Pack, tmp_path: Path) -> None:
    bad = record("DSA-1-1", affected=[{}, {}, {}, row("Debian:12", "bash")])
    bad["affected"][3]["ranges"][0]["events"][1]["fixed"] = 5
    folder = pack({"DSA-1.json": bad, "DSA-2.json": record("DSA-2-1"), "GHSA-1.json": b"not json"}, name="Debian.zip")
    warnings: list[str] = []
    manifest = build([folder], tmp_path / "out.db", warn=warnings.append)
    assert warnings[0] == "Debian.zip/DSA-1.json: affected[3].ranges[0].events[1].fixed: expected a string"
    assert warnings[1].startswith("Debian.zip/GHSA-1.json: not JSON: ")
    assert {feed.name: (feed.advisories, feed.broken) for feed in manifest.feeds} == {"debian": (1, 1), "ghsa": (0, 1)}
    (read,) = manifest.inputs
    assert (read.name, read.advisories, read.broken) == ("Debian.zip", 1, 2)
    assert manifest.broken == 2
    with Database.open(tmp_path / "out.db") as database:
        assert database.manifest() == manifest


def test_a_record_beyond_the_ceiling_is_told_and_counted(record: Record, pack: Pack, tmp_path: Path) -> None:
    folder = pack({"DSA-1.json": record("DSA-1-1"), "DSA-2.json": record("DSA-2-1", details="x" * 10_000)})
    warnings: list[str] = []
    manifest = build([folder], tmp_path / "out.db", warn=warnings.append, ceilings=Ceilings(record_bytes=5000))
    assert len(warnings) == 1
    assert warnings[0].startswith("all.zip/DSA-2.json: 1")
    assert (manifest.advisories, manifest.broken) == (1, 1)


def test_rows_that_name_no_package_are_counted_apart(record: Record, pack: Pack, opened: Opened) -> None:
    git = {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}
    nameless = {"package": {"ecosystem": "Debian:12", "name": ""}}
    with opened(pack({"1.json": record("PSF-1", affected=[git, nameless, row("PyPI", "a")])})) as database:
        (read,) = database.manifest().inputs
        assert (read.affected, read.nameless) == (1, 2)
        assert database.manifest().feeds[0].affected == 1
        assert dict(database.ecosystems()) == {"PyPI": 1}


@pytest.mark.parametrize("members", [{}, {"a.json": b"{"}, {"README.md": b"x"}])
def test_a_folder_without_any_advisory_is_refused(pack: Pack, tmp_path: Path, members: Json) -> None:
    with pytest.raises(FeedError, match="no advisories were found"):
        build([pack(members)], tmp_path / "out.db", warn=lambda _: None)
    assert not (tmp_path / "out.db").exists()


def test_a_broken_archive_fails_the_build_and_leaves_the_old_database(
    record: Record, pack: Pack, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "advisories.db"
    output.parent.mkdir()
    good = pack({"1.json": record("DSA-1-1")}, folder="good")
    build([good], output, warn=pytest.fail)
    before = output.read_bytes()
    whole = pack({f"{number}.json": record(f"DSA-{number}-1") for number in range(30)}, folder="bad") / "all.zip"
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(FeedError, match=r"all\.zip: cannot be read"):
        build([good, whole.parent], output, warn=pytest.fail)
    assert output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["advisories.db"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_the_old_database_and_no_other_file(
    record: Record, pack: Pack, tmp_path: Path, interruption: type[BaseException]
) -> None:
    output = tmp_path / "out" / "advisories.db"
    output.parent.mkdir()
    folder = pack({"1.json": record("DSA-1-1"), "2.json": b"{"})
    output.write_bytes(b"old")

    def interrupt(_: str) -> None:
        raise interruption

    with pytest.raises(interruption):
        build([folder], output, warn=interrupt)
    assert output.read_bytes() == b"old"
    assert [path.name for path in output.parent.iterdir()] == ["advisories.db"]


@pytest.mark.parametrize("output", ["missing/advisories.db", "folder"])
def test_an_output_that_can_not_be_written_is_an_error_of_the_database(
    record: Record, pack: Pack, tmp_path: Path, output: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    with pytest.raises(DatabaseError, match="cannot be written"):
        build([pack({"1.json": record("DSA-1-1")})], tmp_path / output, warn=pytest.fail)
    assert sorted(path.name for path in tmp_path.iterdir()) in (["bulk", "folder"], ["folder"])


def test_progress_runs_from_something_to_all_of_it(record: Record, pack: Pack, tmp_path: Path) -> None:
    folder = pack({f"{number}.json": record(f"DSA-{number}-1") for number in range(40)})
    told: list[tuple[int, int]] = []
    build([folder], tmp_path / "out.db", warn=pytest.fail, advance=lambda done, total: told.append((done, total)))
    dones = [done for done, _ in told]
    assert dones == sorted(set(dones))
    assert {total for _, total in told} == {(folder / "all.zip").stat().st_size}
    assert dones[0] > 0
    assert dones[-1] == told[-1][1]


def test_a_missing_database_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        Database.open(tmp_path / "no such.db")
    assert str(caught.value) == (
        f"{tmp_path}/no such.db: there is no advisory database. Build one with `tidewaiter db build`"
    )


def test_a_database_is_found_under_any_name(record: Record, pack: Pack, tmp_path: Path) -> None:
    output = tmp_path / "a?mode=rw#%41 \N{SNOWMAN}.db"
    build([pack({"1.json": record("DSA-1-1")})], output, warn=pytest.fail)
    with Database.open(output) as database:
        assert database.manifest().advisories == 1


def _other_schema(content: bytes) -> bytes:
    return content[:60] + (SCHEMA + 1).to_bytes(4) + content[64:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"", "is no advisory database of tidewaiter"),
        (lambda _: b"SQLite format 3\0", "is no advisory database of tidewaiter"),
        (lambda _: b"PK\3\4" * 1000, "is no advisory database of tidewaiter"),
        (_other_schema, r"was made by another version of tidewaiter \(its schema is 2, this version reads 1\)"),
        (lambda content: content[:-1], "is cut off"),
        (lambda content: content[:8192], "is cut off"),
        (lambda content: content + b"\0", "is cut off"),
    ],
)
def test_what_is_no_whole_database_of_this_version_is_refused(
    record: Record, pack: Pack, tmp_path: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    output = tmp_path / "out.db"
    build([pack({"1.json": record("DSA-1-1")})], output, warn=pytest.fail)
    output.write_bytes(change(output.read_bytes()))
    with pytest.raises(DatabaseError, match=message) as caught:
        Database.open(output)
    assert caught.value.advice == "Build it again with `tidewaiter db build`"


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE manifest (content TEXT)")
    connection.close()
    with pytest.raises(DatabaseError, match="is no advisory database of tidewaiter"):
        Database.open(path)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be read: Is a directory"):
        Database.open(tmp_path)


@pytest.mark.parametrize("page", [0, 1, 2, 3])
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_damage_is_told_as_such(record: Record, pack: Pack, tmp_path: Path, page: int, filling: bytes) -> None:
    output = tmp_path / "out.db"
    build([pack({"1.json": record("DSA-1-1", affected=[row("Debian:12", "bash")])})], output, warn=pytest.fail)
    content = bytearray(output.read_bytes())
    start = page * 8192 + (100 if page == 0 else 0)
    content[start : (page + 1) * 8192] = filling * (8192 * (page + 1) - start)
    output.write_bytes(content)
    with pytest.raises(TidewaiterError) as caught:
        _read_all(output)
    assert isinstance(caught.value, DatabaseError)
    assert "is damaged" in str(caught.value)


def _read_all(path: Path) -> None:
    """Everything that can be asked; an answer that is less than what was built is no answer."""
    with Database.open(path) as database:
        assert database.manifest().advisories == 1
        assert len(database.candidates([("Debian:12", "bash")])) == 1
        assert len(database.advisories([0])) == 1


def test_a_blob_that_claims_to_unpack_beyond_measure_is_damage(record: Record, pack: Pack, tmp_path: Path) -> None:
    import zstandard

    output = tmp_path / "out.db"
    build([pack({"1.json": record("DSA-1-1", affected=[row("Debian:12", "bash")])})], output, warn=pytest.fail)
    bomb = zstandard.compress(b"\0" * ((64 << 20) + 1))
    with sqlite3.connect(output) as connection:
        connection.execute("UPDATE package SET content = ?", (bomb,))
        connection.execute("UPDATE header SET content = ?", (b"no frame",))
    connection.close()
    with Database.open(output) as database:
        with pytest.raises(DatabaseError, match="is damaged"):
            database.candidates([("Debian:12", "bash")])
        with pytest.raises(DatabaseError, match="is damaged"):
            database.advisories([0])


def test_reading_changes_nothing(record: Record, pack: Pack, opened: Opened, tmp_path: Path) -> None:
    with opened(pack({"1.json": record("DSA-1-1")})) as database:
        before = (tmp_path / "advisories.db").read_bytes()
        assert database.advisories([0])[0].id == "DSA-1-1"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            database._connection.execute("DELETE FROM header")
    assert (tmp_path / "advisories.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["advisories.db", "bulk"]
