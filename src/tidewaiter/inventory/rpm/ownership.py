"""Which files of the image a package owns, as far as a later look at those files can use it.

What a distribution's package brought is judged by the distribution's advisories alone, so whoever finds a Python
package, a jar or a Go binary must know whether an rpm owns it. An image's packages own tens of thousands of files; kept
are the executable ones, and those with a name under which a language's packages or a bill of materials are found.
"""

from operator import itemgetter

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.extractor import MIB
from tidewaiter.inventory.rpm.header import Header, Tag

_TAIL = 4
_NAMES = frozenset(
    b"METADATA PKG-INFO package.json package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml Cargo.lock go.mod "
    b"Gemfile.lock installed.json installed.php composer.json composer.lock packages.lock.json packages.config "
    b"poetry.lock Pipfile.lock requirements.txt pom.xml DESCRIPTION".split()
)
_SUFFIXES = (
    *(b".jar", b".war", b".ear", b".par", b".sar", b".jpi", b".hpi", b".kar", b".lpkg", b".rar"),
    *(b".egg-info", b".egg", b".whl", b".gem", b".gemspec", b".nupkg", b".nuspec", b".deps.json", b".dll"),
    *(b".spdx", b".spdx.json", b".cdx.json", b".cdx.xml"),
)
# The last bytes of all these: few packages have a file that ends so, and the full comparison is for those alone.
_tail_of = itemgetter(slice(-_TAIL, None))
_TAILS = frozenset(_tail_of(name) for name in (*_NAMES, *_SUFFIXES))
_EXECUTABLE_MODES = frozenset(mode for mode in range(0o100000, 0o110000) if mode & 0o111)
_MAX_SIZE = 64 * MIB  # of the paths of a package; a folder stands once in a header, and in the path of each file


def owned_files(header: Header, root: str) -> list[str]:
    """The files worth keeping, as paths of the image; `root` ("" or "srv/jail/") is put before each.

    Raises MalformedError for lists that do not fit together.
    """
    names = header.names(Tag.BASENAMES)
    if not names:
        return []
    folders, modes = header.numbers(Tag.DIRINDEXES), header.numbers(Tag.FILEMODES)
    if len(folders) != len(names) or len(modes) not in (0, len(names)):
        raise MalformedError(f"{len(names)} files with {len(folders)} folders and {len(modes)} modes")
    kept = [number for number, mode in enumerate(modes) if mode in _EXECUTABLE_MODES]
    if not _TAILS.isdisjoint(map(_tail_of, names)):
        kept += [number for number, name in enumerate(names) if name[-_TAIL:] in _TAILS and _is_telling(name)]
    if not kept:
        return []
    return _paths(
        header.names(Tag.DIRNAMES), [(folders[number], names[number]) for number in dict.fromkeys(kept)], root
    )


def _is_telling(name: bytes) -> bool:
    return name in _NAMES or name.endswith(_SUFFIXES)


def _paths(folders: list[bytes], files: list[tuple[int, bytes]], root: str) -> list[str]:
    if max(number for number, _ in files) >= len(folders):
        raise MalformedError("a file in a folder that is not in the list of folders")
    if sum(len(folders[number]) + len(name) for number, name in files) > _MAX_SIZE:
        raise MalformedError(f"a package with {len(files)} files of impossible names")
    paths = (folders[number].lstrip(b"/") + name for number, name in files)
    return [root + path.decode("utf-8", "replace") for path in paths]
