"""What is behind the connections of the brokered chaos tests, and how to see that all of it came through."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from broker_programs import Program, Site, site
from brokered_accounts import REGION, World, world_of
from fleet_commands import Ended, Json
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.broker.agent.spool import Spool
from tidewaiter.inventory.catalog import FINGERPRINT
from tidewaiter.model.image import Digest
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.demonstration import alpine_base, alpine_curl, debian_base, debian_curl
from tidewaiter.simulator.images import build_image, build_layer

_OF_WEB = ("shop", "ledger", "basket", "search", "mail")
_OF_DATA = ("stream", "lake")
_KEPT = (
    *("account", "registry", "repository", "manifest", "listing", "tag", "image", "parcel", "image_parcel", "distro"),
    *("package", "parcel_package", "judgement"),
)
_OF_ONE_RUN = {"pushed", "pulled"}


def loaded() -> World:
    """A cloud of two accounts with images that share layers."""
    world = world_of(SimulatedAws())
    for name in _OF_WEB:
        layers = [debian_base(), debian_curl(), build_layer({f"srv/{name}": name.encode() * 1000})]
        world.web.account.registry(REGION).push(f"web/{name}", "1.0", build_image(layers))
    for name in _OF_DATA:
        layers = [alpine_base(), alpine_curl(), build_layer({f"srv/{name}": name.encode() * 1000})]
        world.data.account.registry(REGION).push(f"data/{name}", "1.0", build_image(layers))
    return world


@contextmanager
def harbour(folder: Path, database: Path, *, store: str = "") -> Iterator[Site]:
    """A place from which that cloud is scanned; its programs are to be started."""
    world = loaded()
    with world.cloud, site(folder, database, world, REGION, store=store) as made:
        yield made


def start(place: Site) -> tuple[Program, Program, Program]:
    """Starts server, agent and client."""
    return place.start_server(), place.start_agent(), place.start_client()


@dataclass(frozen=True, slots=True)
class Harvest:
    """What came of a scan: its exit, what the report says of the fleet, and what the store remembers of it.

    `pulls` tells how often blobs were asked for: {1} where each was asked for once.
    """

    code: int
    report: Json
    remembered: Mapping[str, list[str]]
    pulls: set[int] = field(compare=False)


def harvest(place: Site, ended: Ended) -> Harvest:
    """All that is left of a scan that ended."""
    assert ended.out, ended.err
    store = remembered(place.memory)
    return Harvest(ended.code, ended.lasting, store, set(pulls(place).values()))


def remembered(store: Path) -> dict[str, list[str]]:
    """What a store holds of a fleet, without times and without the numbers by which rows name each other."""
    with closing(sqlite3.connect(store)) as connection:
        return {table: _rows(connection, table) for table in _KEPT}


def _rows(connection: sqlite3.Connection, table: str) -> list[str]:
    numbers = {row[3] for row in connection.execute(f"PRAGMA foreign_key_list({table})")}
    columns = [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]
    numbers |= {name for name, kind in columns if name == "id" and kind != "TEXT"}
    kept = [f'"{name}"' for name, _ in columns if name not in numbers | _OF_ONE_RUN]
    query = f"SELECT {', '.join(kept) or 1} FROM {table}"
    return sorted(map(repr, connection.execute(query)))


def pulls(place: Site) -> dict[Digest, int]:
    """How often each blob was asked for so far."""
    blobs = place.world.cloud.registries.blobs
    return {digest: len(blobs.fetches_of(digest)) for digest in {fetch.digest for fetch in blobs.fetches}}


def kept_layers(place: Site) -> set[Digest]:
    """The layers that an agent, which has ended, left on its disk."""
    shelf = DiskShelf(str(place.agent_folder / "shelf"), ceiling=1 << 40)
    return {digest for digest in pulls(place) if shelf.layer(digest, FINGERPRINT) is not None}


def spooled(place: Site, job: str, content: bytes) -> None:
    """Leaves a result of the connection `web` where an agent leaves it that ends before it could deliver it."""
    folder = place.agent_folder / "spool"
    folder.mkdir(parents=True)
    Spool(str(folder), ceiling=1 << 40).put("web", job, place.back.url, content)
