"""What tests of the command line share: small images, and what a command line leaves behind."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidewaiter.simulator.images import Built, build_image, build_layer

Json = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.out)
        return document


@dataclass(frozen=True)
class World:
    """Images, and the database that judges them.

    `debian` (a docker-archive) has 3 critical, 2 high and 2 low findings in Debian 12, one of the critical ones
    without a fix. `alpine` (an OCI layout) has 2 critical, 2 high and 2 low ones, all fixed. `clean` holds one
    package of the same Alpine, and nothing is known of it. `old` is a Debian of which the database knows nothing.
    """

    debian: str
    alpine: str
    clean: str
    old: str
    advisories: str
    db: str


def alpine_image(*packages: str, release: str = "3.18.4", **options: Any) -> Built:
    """An Alpine with these packages, each `name version`."""
    stanzas = "".join("P:{}\nV:{}\nA:x86_64\n\n".format(*each.split()) for each in packages)
    files = {"etc/os-release": f"ID=alpine\nVERSION_ID={release}\n".encode(), "lib/apk/db/installed": stanzas.encode()}
    return build_image([build_layer(files)], **options)


def debian_image(release: str, *packages: str) -> Built:
    """A Debian with these packages, each `name version`."""
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\nMaintainer: Debian\n"
    status = "\n".join(stanza.format(*each.split()) for each in packages)
    files = {"etc/os-release": f"ID=debian\nVERSION_ID={release}\n".encode(), "var/lib/dpkg/status": status.encode()}
    return build_image([build_layer(files)])


def names(folder: Path) -> list[str]:
    """What a folder holds, sorted."""
    return sorted(path.name for path in folder.iterdir())
