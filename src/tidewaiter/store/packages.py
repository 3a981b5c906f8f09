"""Distinct packages: those that are judged alike are one, in however many images they are."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from tidewaiter.model.package import Distro, Package
from tidewaiter.store.database import insert
from tidewaiter.store.encoding import read_distro, read_package, spelled_distro, spelled_package
from tidewaiter.store.keys import by_key
from tidewaiter.store.schema import distro, package

_LONGEST = 300
"""The characters of a word in a column with an index, which takes no longer ones. `content` has all of them."""


def bare(installed: Package) -> Package:
    """The package as it is judged: without what says where it was found, and by whom, and its licences."""
    release = None if installed.distro is None else replace(installed.distro, root="", path="")
    return replace(installed, distro=release, licenses=(), locations=(), extractor="")


@dataclass(frozen=True, slots=True)
class Described:
    """A distinct package ready to be kept: the key that tells it from all others, its columns, its release."""

    key: bytes
    columns: Mapping[str, object]
    distro: Distro | None
    distro_key: bytes | None


def described(packages: Sequence[Package]) -> list[Described]:
    """What there is to keep of each."""
    releases: dict[Distro | None, bytes | None] = {None: None}
    found = []
    for each in packages:
        if each.distro not in releases and each.distro is not None:
            releases[each.distro] = _key(spelled_distro(each.distro))
        found.append(_described(each, releases[each.distro]))
    return found


def _described(each: Package, distro_key: bytes | None) -> Described:
    content = spelled_package(each)
    key = _key(content, distro_key or b"")
    words = {"type": each.type, "name": each.name, "version": each.version}
    columns = {"key": key, "content": content, **{column: word[:_LONGEST] for column, word in words.items()}}
    return Described(key, columns, each.distro, distro_key)


def _key(content: str, more: bytes = b"") -> bytes:
    return hashlib.sha256(content.encode("ascii") + b"\0" + more).digest()


def numbered(connection: Connection, wanted: Iterable[Described]) -> Mapping[bytes, int]:
    """A number for each, by its key."""
    distinct = {each.key: each for each in wanted}
    found = by_key(connection, package, distinct)
    new = [distinct[key] for key in sorted(distinct.keys() - found.keys())]
    if not new:
        return found
    homes = _homes(connection, new)
    rows: list[Mapping[str, Any]] = [
        {**each.columns, "distro": None if each.distro_key is None else homes[each.distro_key]} for each in new
    ]
    connection.execute(insert(connection, package).on_conflict_do_nothing(), rows)
    return {**found, **by_key(connection, package, [each.key for each in new])}


def _homes(connection: Connection, new: Iterable[Described]) -> Mapping[bytes, int]:
    """The numbers of the packages' releases, by key."""
    releases = {each.distro_key: each.distro for each in new if each.distro_key and each.distro}
    found = by_key(connection, distro, releases)
    rows = [
        {"key": key, "title": str(releases[key]), "content": spelled_distro(releases[key])}
        for key in sorted(releases.keys() - found.keys())
    ]
    if rows:
        connection.execute(insert(connection, distro).on_conflict_do_nothing(), rows)
    return by_key(connection, distro, releases)


class Reader:
    """Makes packages of rows; releases are read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._distros: dict[int | None, Distro | None] = {None: None}

    def package(self, content: str, release: int | None) -> Package:
        """The package of these columns."""
        if release not in self._distros:
            query = select(distro.c.content).where(distro.c.id == release)
            self._distros[release] = read_distro(self._connection.execute(query).scalar_one())
        return read_package(content, self._distros[release])
