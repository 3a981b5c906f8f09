"""Who gets which file, and what happens when one is too large or its reader fails."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewaiter.errors import LimitError, MalformedError, UnsupportedError
from tidewaiter.inventory.allowance import Allowance
from tidewaiter.inventory.catalog import EXTRACTORS, FINGERPRINT, fingerprint
from tidewaiter.inventory.folder import read_folder
from tidewaiter.inventory.walk import Collector, Interest
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Extraction, FileInventory, Package


class Lines:
    """Reads a list of packages, a line each; some lines make it fail."""

    name = "lines"
    version = 1
    basenames = frozenset({"list"})
    parents = frozenset({"lists.d"})
    well_known: tuple[str, ...] = ("var/lib/list", "var/lib/lists.d")
    ceiling = 100

    def wants(self, path: str) -> bool:
        return f"/{path}".endswith("/var/lib/list") or "/var/lib/lists.d/" in f"/{path}"

    def extract(self, _path: str, content: bytes) -> Extraction:
        match content:
            case b"malformed":
                raise MalformedError("a line is broken", advice="Write it again.")
            case b"unsupported":
                raise UnsupportedError("lines of version 2")
            case b"limit":
                raise LimitError("too many lines", limit="lines")
            case b"bug":
                raise ZeroDivisionError("ouch")
        names = content.decode().split()
        return Extraction(packages=tuple(Package(purl="", type="line", name=name, version="1") for name in names))


class OtherLines(Lines):
    name = "other"
    ceiling = 10


def generous() -> Allowance:
    return Allowance(looked=1 << 20, inventory=1 << 20)


def collector(*extractors: Lines, file_bytes: int = 1000, allowance: Allowance | None = None) -> Collector:
    interest = Interest(extractors or (Lines(),))
    return Collector(interest, where="layer sha256:1", file_bytes=file_bytes, allowance=allowance or generous())


def gap_of(files: tuple[FileInventory, ...]) -> Gap:
    (file,) = files
    (gap,) = file.extraction.gaps
    return gap


@pytest.mark.parametrize(
    "path", ["var/lib/list", "srv/jail/var/lib/list", "var/lib/lists.d/any", "var/lib/lists.d/list"]
)
def test_a_file_is_wanted_by_its_own_name_or_its_folders(path: str) -> None:
    assert collector().wants(path, 5)


@pytest.mark.parametrize("path", ["list", "lib/list", "xvar/lib/list", "var/lib/lists.d/a/b", "var/lib/list/x", ""])
def test_other_files_are_not_wanted(path: str) -> None:
    found = collector()
    assert not found.wants(path, 5)
    assert found.files == ()


def test_what_a_file_says_is_kept_with_its_path_and_reader() -> None:
    found = collector()
    found.take("var/lib/list", b"a b")
    (file,) = found.files
    assert (file.path, file.extractor, len(file.extraction.packages)) == ("var/lib/list", "lines", 2)


def test_all_readers_that_want_a_file_get_it() -> None:
    found = collector(Lines(), OtherLines())
    assert found.wants("var/lib/list", 5)
    found.take("var/lib/list", b"a b")
    assert [file.extractor for file in found.files] == ["lines", "other"]


def test_a_file_beyond_the_readers_ceiling_is_a_gap_and_others_still_get_it() -> None:
    found = collector(Lines(), OtherLines())
    assert found.wants("var/lib/list", 50)
    found.take("var/lib/list", b"a " * 25)
    assert [(file.extractor, len(file.extraction.packages)) for file in found.files] == [("other", 0), ("lines", 25)]


def test_a_file_beyond_the_common_ceiling_is_a_gap_that_names_path_layer_and_limit() -> None:
    found = collector(file_bytes=20)
    assert not found.wants("var/lib/list", 21)
    gap = gap_of(found.files)
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, Why.LIMIT, "var/lib/list")
    assert "layer sha256:1" in gap.detail
    assert "limit file_bytes is 20" in gap.detail


@pytest.mark.parametrize(
    ("content", "why", "said"),
    [
        (b"malformed", Why.MALFORMED, "a line is broken. Write it again"),
        (b"unsupported", Why.UNSUPPORTED, "lines of version 2"),
        (b"limit", Why.LIMIT, "too many lines (limit lines)"),
        (b"bug", Why.MALFORMED, "ZeroDivisionError: ouch"),
    ],
)
def test_a_reader_that_fails_leaves_a_gap(content: bytes, why: Why, said: str) -> None:
    found = collector()
    found.take("var/lib/list", content)
    gap = gap_of(found.files)
    assert gap.why is why
    assert gap.detail.startswith("layer sha256:1: ")
    assert said in gap.detail


def test_a_path_belongs_to_the_root_before_its_well_known_part() -> None:
    interest = Interest(EXTRACTORS)
    assert interest.root("var/lib/dpkg/status") == ""
    assert interest.root("srv/jail/var/lib/dpkg/status.d/base") == "srv/jail"
    assert interest.root("usr/lib/apk/db/installed") == ""
    assert interest.root("srv/usr/lib/apk/db/installed") == "srv"
    assert interest.root("jail/etc/os-release") == "jail"


def test_the_fingerprint_changes_with_every_reader_and_version() -> None:
    newer = Lines()
    newer.version = 2
    assert len({FINGERPRINT, fingerprint((Lines(),)), fingerprint((newer,)), fingerprint((OtherLines(),))}) == 4


def test_every_listed_extractor_wants_its_own_well_known_files() -> None:
    for extractor in EXTRACTORS:
        assert extractor.name
        assert extractor.ceiling > 0
        assert extractor.basenames or extractor.parents
    assert len({extractor.name for extractor in EXTRACTORS}) == len(EXTRACTORS)


def look(folder: Path, **limits: int) -> tuple[dict[str, tuple[str, ...]], tuple[Gap, ...]]:
    ceilings = {"entries": 1000, "roots": 10, "file_bytes": 1000, **limits}
    files, gaps = read_folder(str(folder), Interest((Lines(),)), allowance=generous(), **ceilings)
    found = {file.path: tuple(package.name for package in file.extraction.packages) for file in files}
    return found, (*gaps, *(gap for file in files for gap in file.extraction.gaps))


def write(folder: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            file.symlink_to(content[2:])
        else:
            file.write_text(content)


def test_a_folder_is_walked_like_a_layer(tmp_path: Path) -> None:
    write(tmp_path, {"var/lib/list": "a b", "srv/jail/var/lib/list": "c", "var/lib/lists.d/x": "d", "other/list": "e"})
    assert look(tmp_path) == (
        {"var/lib/list": ("a", "b"), "srv/jail/var/lib/list": ("c",), "var/lib/lists.d/x": ("d",)},
        (),
    )


@pytest.mark.parametrize(
    "links",
    [
        {"var": "->system/var"},
        {"var": "->/system/var"},
        {"var/lib": "->../system/var/lib"},
        {"var/lib/list": "->../../system/var/lib/there", "system/var/lib/there": "a"},
        {"var/lib/list": "->/../../../../system/x", "system/x": "a"},
    ],
)
def test_links_in_a_folder_lead_within_its_root(tmp_path: Path, links: dict[str, str]) -> None:
    write(tmp_path, {"system/var/lib/listed": "", **links})
    if "a" not in links.values():
        write(tmp_path, {"system/var/lib/list": "a"})
    found, gaps = look(tmp_path)
    assert found.get("var/lib/list", found.get("system/var/lib/list")) == ("a",)
    assert gaps == ()


def test_a_folder_behind_a_link_is_read_under_its_well_known_name(tmp_path: Path) -> None:
    write(tmp_path, {"var/lib/lists.d": "->/opt/all", "opt/all/one": "a", "opt/all/two": "b"})
    assert look(tmp_path)[0] == {"var/lib/lists.d/one": ("a",), "var/lib/lists.d/two": ("b",)}


def test_nothing_outside_of_the_root_is_opened(tmp_path: Path) -> None:
    write(tmp_path, {"outside/list": "secret", "root/var/lib/list": "->../../../outside/list"})
    write(tmp_path, {"root/var/lib/lists.d": f"->{tmp_path}/outside"})
    found, gaps = look(tmp_path / "root")
    assert found == {}
    assert {gap.why for gap in gaps} == {Why.MALFORMED}


def test_a_link_in_a_chroot_leads_within_the_chroot(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"srv/jail/var/lib/lists.d/x": "b", "srv/jail/var/lib/list": "->/opt/l", "srv/jail/opt/l": "a", "opt/l": "no"},
    )
    assert look(tmp_path)[0] == {"srv/jail/var/lib/lists.d/x": ("b",), "srv/jail/var/lib/list": ("a",)}


def test_links_in_a_circle_and_to_nothing_are_gaps(tmp_path: Path) -> None:
    write(tmp_path, {"var/lib/list": "->list", "var/lib/lists.d": "->/nowhere"})
    found, gaps = look(tmp_path)
    assert found == {}
    assert [(gap.subject, gap.why) for gap in sorted(gaps)] == [
        ("var/lib/list", Why.MALFORMED),
        ("var/lib/lists.d", Why.MALFORMED),
    ]


def test_a_file_that_two_names_lead_to_is_read_once_for_each_name(tmp_path: Path) -> None:
    write(tmp_path, {"usr/var/lib/list": "a", "var": "->usr/var"})
    found, _ = look(tmp_path)
    assert list(found.values()) == [("a",)]


def test_what_is_no_file_is_not_opened_and_a_gap(tmp_path: Path) -> None:
    (tmp_path / "var/lib/lists.d").mkdir(parents=True)
    os.mkfifo(tmp_path / "var/lib/list")
    (tmp_path / "var/lib/lists.d/folder").mkdir()
    (tmp_path / "var/lib/lists.d/link").symlink_to("/pipe")
    os.mkfifo(tmp_path / "pipe")
    found, gaps = look(tmp_path)
    assert found == {}
    assert [(gap.why, gap.subject) for gap in gaps] == [
        (Why.MALFORMED, "var/lib/list"),
        (Why.MALFORMED, "var/lib/lists.d/link"),
    ]
    assert "a device, a pipe or a socket" in gaps[0].detail


def test_a_folder_has_its_ceilings_too(tmp_path: Path) -> None:
    write(tmp_path, {f"f{number}": "" for number in range(20)} | {"var/lib/list": "a" * 50})
    assert [gap.why for gap in look(tmp_path, entries=10)[1]] == [Why.LIMIT]
    assert [gap.why for gap in look(tmp_path, file_bytes=10)[1]] == [Why.LIMIT]


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may read everything: for the time of a test it is somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that everybody finds, with one inside that nobody may read."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        write(root, {"var/lib/list": "a"})
        (root / "var").chmod(0)
        yield root
        (root / "var").chmod(0o755)


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_may_not_be_read_is_a_gap(locked: Path) -> None:
    assert [gap.why for gap in look(locked)[1]] == [Why.DENIED]


def test_a_folder_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    assert [gap.why for gap in look(tmp_path / "nowhere")[1]] == [Why.DENIED]


def test_files_beyond_what_an_image_may_have_looked_into_are_one_gap_that_no_other_layer_can_hide() -> None:
    taking = collector(allowance=Allowance(looked=10, inventory=1 << 20))
    for number in range(4):
        taking.take(f"{number}/var/lib/list", b"one two")
    assert [file.path for file in taking.files] == ["0/var/lib/list"]
    (gap,) = taking.gaps
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, Why.LIMIT, "layer sha256:1")
    assert "limit looked_bytes" in gap.detail
    assert "1/var/lib/list and 2 more" in gap.detail


def test_what_files_say_beyond_the_room_for_it_is_refused_and_smaller_ones_still_fit() -> None:
    taking = collector(allowance=Allowance(looked=1 << 20, inventory=12_000))
    for name, content in (("a", b"p " * 3), ("b", b"p " * 3), ("c", b"")):
        taking.take(f"{name}/var/lib/list", content)
    assert [file.path for file in taking.files] == ["a/var/lib/list", "c/var/lib/list"]
    (gap,) = taking.gaps
    assert "limit inventory_bytes" in gap.detail
    assert "b/var/lib/list not looked into" in gap.detail


def test_gaps_of_files_count_as_what_they_say() -> None:
    taking = collector(allowance=Allowance(looked=1 << 20, inventory=15_000))
    assert not any(taking.wants(f"{number}/var/lib/list", 10_000) for number in range(100))
    assert len(taking.files) == 3
    assert "and 96 more" in taking.gaps[0].detail


def test_links_are_followed_in_so_many_root_file_systems(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / f"{number}/var/lib"
        folder.mkdir(parents=True)
        (folder / "list").write_text(f"p{number}")
    found, gaps = look(tmp_path, roots=3)
    assert len(found) == 4
    assert [(gap.why, gap.subject) for gap in gaps] == [(Why.LIMIT, "2")]
    assert "limit roots" in gaps[0].detail
