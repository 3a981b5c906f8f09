"""Random stacks of layers, looked through as layers and as the folder that a container runtime unpacks them to.

The unpacking here is written after the rules of the image specification, apart from the code under test: with real
folders, files and links. https://github.com/opencontainers/image-spec/blob/main/layer.md#applying-changesets
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tarballs import image
from tidewaiter.image.blob import Image
from tidewaiter.image.limits import Limits
from tidewaiter.model.image import ImageIdentity
from tidewaiter.model.package import Inventory
from tidewaiter.scan import look
from tidewaiter.simulator.images import OPAQUE, Content, Folder, Hardlink, Symlink, Whiteout, layer_tar

STATUS = "var/lib/dpkg/status"
FOLDERS = (
    "var",
    "var/lib",
    "var/lib/dpkg",
    "var/lib/dpkg/status.d",
    "opt",
    "opt/dpkg",
    "opt/dpkg/status.d",
    "jail",
    "jail/var",
    "jail/var/lib/dpkg",
    "x.wh.y",
)
FILES = (
    STATUS,
    "var/lib/dpkg/status.d/one",
    "var/lib/dpkg/status.d/two.wh.two",
    "opt/dpkg/status",
    "opt/dpkg/status.d/one",
    "opt/plain",
    "jail/var/lib/dpkg/status",
    "x.wh.y/status",
    "x.wh.y/var/lib/dpkg/status",
    "lib/dpkg/status",
)
Entry = tuple[str, Content]


class NotUnpackedError(Exception):
    """No runtime unpacks such a layer."""


class Unpacking:
    """Applies layers to a real folder, entry by entry. Links never lead out of it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._own: set[str] = set()

    def apply(self, layer: Iterable[Entry]) -> None:
        """One more layer. Marks hide what lower layers put there, and nothing of the layer itself."""
        self._own = set()
        for path, content in layer:
            folder, _, name = path.rpartition("/")
            place = self._really(folder)
            if name == OPAQUE:
                self._empty(place)
            elif isinstance(content, Whiteout):
                self._hide(f"{place}/{name}")
            else:
                self._put(place, name, content)

    def _put(self, place: str, name: str, content: Content) -> None:
        try:
            os.makedirs(place, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise NotUnpackedError from error
        here = f"{place}/{name}"
        if isinstance(content, Hardlink):
            folder, _, last = content.target.rpartition("/")
            target = f"{self._really(folder)}/{last}"
            if not os.path.isfile(target) or os.path.islink(target) or target == here:
                raise NotUnpackedError
            os.link(target, temporary := f"{self._root}.link")
            remove(here)
            os.rename(temporary, here)
        elif isinstance(content, Folder):
            if os.path.islink(here) or not os.path.isdir(here):
                remove(here)
                os.mkdir(here)
        else:
            remove(here)
            if isinstance(content, Symlink):
                os.symlink(content.target, here)
            elif isinstance(content, bytes):
                Path(here).write_bytes(content)
        while here != self._root:
            self._own.add(here)
            here = os.path.dirname(here)

    def _hide(self, here: str) -> None:
        if here not in self._own:
            remove(here)
        elif os.path.isdir(here) and not os.path.islink(here):
            self._empty(here)

    def _empty(self, place: str) -> None:
        if os.path.isdir(place):
            for name in os.listdir(place):
                self._hide(f"{place}/{name}")

    def _really(self, path: str) -> str:
        """Where a folder of the image is, as if its root were the file system's."""
        pending, place, links = path.split("/")[::-1], self._root, 0
        while pending:
            part = pending.pop()
            if part == "..":
                place = os.path.dirname(place) if place != self._root else place
            elif part not in ("", "."):
                here = f"{place}/{part}"
                if os.path.islink(here):
                    links += 1
                    if links > 40:
                        raise NotUnpackedError
                    target = os.readlink(here)
                    place = self._root if target.startswith("/") else place
                    pending += target.split("/")[::-1]
                else:
                    place = here
        return place


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


@contextmanager
def unpacked(layers: Sequence[Sequence[Entry]]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(root := f"{folder}/root")
        unpacking = Unpacking(root)
        for layer in layers:
            unpacking.apply(layer)
        yield root


def database(*packages: str) -> bytes:
    return "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n\n" for name in packages).encode()


@st.composite
def stacks(draw: st.DrawFn) -> list[list[Entry]]:
    """Layers, lowest first; every file is a database of one package, which is in no other file.

    Folders stand first and marks before all else, as the specification recommends: a mark in a folder is meant for what
    lay below it.
    """
    count = 0

    def file() -> bytes:
        nonlocal count
        count += 1
        return database(f"p{count}")

    def entry() -> Entry:  # noqa: PLR0911 - one return a kind
        match draw(st.sampled_from("fffffdslhwo")):
            case "f":
                return draw(st.sampled_from((*FILES, *FOLDERS[:6]) if draw(st.integers(0, 9)) == 0 else FILES)), file()
            case "d":
                return draw(st.sampled_from((*FOLDERS, STATUS))), Folder()
            case "s":
                return draw(st.sampled_from(FOLDERS)), Symlink(draw(targets(FOLDERS)))
            case "l":
                return draw(st.sampled_from(FILES)), Symlink(draw(targets(FILES)))
            case "h":
                return draw(st.sampled_from(FILES)), Hardlink(draw(st.sampled_from(FILES)))
            case "w":
                return draw(st.sampled_from((*FILES, *FOLDERS))), Whiteout()
        return draw(st.sampled_from(("", *(f"{folder}/" for folder in FOLDERS)))) + OPAQUE, b""

    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    layers = [[entry() for _ in range(size)] for size in sizes]
    return [sorted(layer, key=rank) for layer in layers]


def rank(entry: Entry) -> int:
    path, content = entry
    order = (isinstance(content, Folder), isinstance(content, Whiteout), path.endswith(OPAQUE), True)
    return order.index(True)


def targets(paths: Sequence[str]) -> st.SearchStrategy[str]:
    forms = ("/{}", "../{}", "../../{}", "../../../{}")
    return st.builds(lambda form, path: form.format(path), st.sampled_from(forms), st.sampled_from(paths))


def tar_of(layer: Iterable[Entry]) -> bytes:
    """The layer's tar. A path that stands twice is written twice."""
    end = bytes(1024)
    members = (layer_tar({path: content}) for path, content in layer)
    return b"".join(one_member(member) for member in members) + end


def one_member(tar: bytes) -> bytes:
    """What stands before the zeros that end a tar of one member."""
    return tar[: -(-len(tar.rstrip(b"\0")) // 512) * 512]


def links_oddly(layer: Sequence[Entry]) -> bool:
    """Whether a hard link's target stands in the layer otherwise than once and before it: no tool writes that."""
    paths = [path for path, _ in layer]
    links = [(at, content.target) for at, (_, content) in enumerate(layer) if isinstance(content, Hardlink)]
    return any(target in paths and (paths.count(target) > 1 or paths.index(target) > at) for at, target in links)


def demanded(inventory: Inventory, stack: Sequence[Sequence[Entry]]) -> frozenset[str]:
    """The packages that must be found: those of the image's own root, and of a chroot in which a layer names them.

    A whiteout names nothing. A chroot that layers only write to through a link of another name is a known limit.
    """
    spelled = {path for layer in stack for path, content in layer if not isinstance(content, Whiteout)}
    return frozenset(
        package.name
        for package in inventory.packages
        if any(place.path.startswith("var/") or place.path in spelled for place in package.locations)
    )


def names(inventory: Inventory) -> frozenset[str]:
    return frozenset(package.name for package in inventory.packages)


def contents(root: str) -> frozenset[str]:
    """The packages of all files that are there, wherever."""
    files = (path for path in Path(root).rglob("*") if path.is_file() and not path.is_symlink())
    return frozenset(path.read_text().split()[1] for path in files)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(stacks())
def test_layers_hold_what_the_unpacked_image_holds(stack: list[list[Entry]]) -> None:
    """No database of the unpacked image is missed, and nothing is found that is not in it any more."""
    try:
        with unpacked(stack) as root:
            expected = look(Image(identity=ImageIdentity(reference="folder"), folder=root), limits=Limits())
            there = contents(root)
    except NotUnpackedError:
        assume(False)
    assume(not any(map(links_oddly, stack)))
    found = look(image(*map(tar_of, stack)), limits=Limits())
    event(f"{min(len(expected.packages), 3)} packages")
    assert names(found) >= demanded(expected, stack)
    assert names(found) <= there


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, tuple[str, str]] | None]:
    """What each layer makes of the database: version and state of each package; None where it does not touch it."""
    states = st.sampled_from(("install ok installed", "deinstall ok config-files", "purge ok not-installed"))
    packages = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from("12"), states), max_size=4)
    first = draw(packages)
    return [first, *draw(st.lists(st.none() | packages, max_size=6))]


@settings(max_examples=50, deadline=None)
@given(histories())
def test_a_package_was_brought_by_the_layer_since_which_it_is_installed(
    history: list[dict[str, tuple[str, str]] | None],
) -> None:
    found = look(
        image(*(tar_of([] if each is None else [(STATUS, written(each))]) for each in history)), limits=Limits()
    )
    brought = {
        (package.name, package.version): place.layer.index
        for package in found.packages
        for place in package.locations
        if place.layer
    }
    assert brought == since(history)


def written(packages: Mapping[str, tuple[str, str]]) -> bytes:
    return "".join(
        f"Package: {name}\nStatus: {state}\nVersion: {version}\n\n" for name, (version, state) in packages.items()
    ).encode()


def since(history: Iterable[Mapping[str, tuple[str, str]] | None]) -> Mapping[tuple[str, str], int]:
    """For each package that is installed in the end the layer from which on it was, without a break."""
    installed: dict[tuple[str, str], int] = {}
    for layer, database in enumerate(history):
        if database is not None:
            now = {(name, version) for name, (version, state) in database.items() if state.endswith(" installed")}
            installed = {package: installed.get(package, layer) for package in now}
    return installed
