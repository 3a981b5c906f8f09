"""What images hold: each inventory in parcels, the packages that came with one layer, shared by all images alike."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select

from tidewaiter.inventory.encoding import decode_inventory, encode_inventory
from tidewaiter.model.image import Digest, ImageIdentity, Platform
from tidewaiter.model.package import Inventory, Package
from tidewaiter.store import packages
from tidewaiter.store.database import insert
from tidewaiter.store.digests import numbered
from tidewaiter.store.encoding import read, spelled
from tidewaiter.store.keys import by_key, chunks
from tidewaiter.store.schema import image, image_parcel, manifest, parcel, parcel_package

NO_LAYER = -1


@dataclass(frozen=True, slots=True)
class Parcel:
    """The packages that came into an image with the layer of this number, spelled."""

    layer: int
    key: bytes
    content: bytes
    packages: Sequence[Package]


@dataclass(frozen=True, slots=True)
class Bundle:
    """An inventory made ready to be kept, which needs no database."""

    digest: Digest
    fingerprint: str
    content: bytes
    arrangement: str | None
    parcels: tuple[Parcel, ...]


def bundle(inventory: Inventory, fingerprint: str) -> Bundle:
    """The inventory in the pieces that are kept. Raises ValueError for one of a folder, which has no digest."""
    if inventory.image.digest is None:
        message = "only the inventory of an image with a digest can be kept"
        raise ValueError(message)
    parcels = tuple(_parcels(inventory.packages))
    return Bundle(
        digest=inventory.image.digest,
        fingerprint=fingerprint,
        content=encode_inventory(replace(inventory, packages=())),
        arrangement=_arrangement(inventory.packages, parcels),
        parcels=parcels,
    )


def _parcels(installed: Iterable[Package]) -> Iterator[Parcel]:
    by_layer: dict[int, list[Package]] = {}
    for package in installed:
        by_layer.setdefault(_layer(package), []).append(package)
    for layer in sorted(by_layer):
        content = encode_inventory(Inventory(image=_NOBODY, packages=tuple(by_layer[layer])))
        yield Parcel(layer, hashlib.sha256(content).digest(), content, by_layer[layer])


_NOBODY = ImageIdentity(reference="")


def _layer(package: Package) -> int:
    first = package.locations[0].layer if package.locations else None
    return NO_LAYER if first is None else first.index


def natural(found: Iterable[Package]) -> list[Package]:
    """The order in which looking leaves packages: it need not be kept."""
    return sorted(found, key=lambda package: (package.purl, package.locations[0].path if package.locations else ""))


def _arrangement(installed: Sequence[Package], parcels: Iterable[Parcel]) -> str | None:
    """Where each package stands in the natural order of the parcels', if the inventory has another."""
    ordered = natural(package for each in parcels for package in each.packages)
    if all(one is other for one, other in zip(installed, ordered, strict=True)):
        return None
    places = {id(package): place for place, package in enumerate(ordered)}
    return spelled([places[id(package)] for package in installed])


def keep(connection: Connection, kept: Bundle) -> None:
    """Keeps the image, instead of what was known of it."""
    number = numbered(connection, [kept.digest])[kept.digest]
    parcels = _kept_parcels(connection, kept.parcels)
    row = {"fingerprint": kept.fingerprint, "content": kept.content, "arrangement": kept.arrangement}
    statement = insert(connection, image).values(manifest=number, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["manifest"], set_=row))
    old = connection.execute(select(image_parcel.c.parcel).where(image_parcel.c.image == number)).scalars().all()
    connection.execute(delete(image_parcel).where(image_parcel.c.image == number))
    rows = [{"image": number, "layer": each.layer, "parcel": parcels[each.key]} for each in kept.parcels]
    if rows:
        connection.execute(image_parcel.insert(), rows)
    _drop_unused(connection, set(old) - set(parcels.values()))


def _kept_parcels(connection: Connection, wanted: Sequence[Parcel]) -> Mapping[bytes, int]:
    found = by_key(connection, parcel, [each.key for each in wanted])
    new = [each for each in wanted if each.key not in found]
    described = [packages.described(each.packages) for each in new]
    numbers = packages.numbered(connection, [one for those in described for one in those])
    for each, those in zip(new, described, strict=True):
        found[each.key] = _add_parcel(connection, each, [numbers[one.key] for one in those])
    return found


def _add_parcel(connection: Connection, new: Parcel, contents: Sequence[int]) -> int:
    statement = parcel.insert().values(key=new.key, content=new.content).returning(parcel.c.id)
    number: int = connection.execute(statement).scalar_one()
    rows = [{"parcel": number, "position": at, "package": package} for at, package in enumerate(contents)]
    connection.execute(parcel_package.insert(), rows)
    return number


def _drop_unused(connection: Connection, parcels: Iterable[int]) -> None:
    """An image that was looked at anew may leave parcels behind that no other has."""
    for number in parcels:
        if connection.execute(select(image_parcel.c.image).where(image_parcel.c.parcel == number).limit(1)).first():
            continue
        connection.execute(delete(parcel_package).where(parcel_package.c.parcel == number))
        connection.execute(delete(parcel).where(parcel.c.id == number))


def remembered(connection: Connection, digests: Iterable[Digest], fingerprint: str) -> set[Digest]:
    """Those whose inventory is kept, as these extractors made it."""
    found: set[Digest] = set()
    query = select(manifest.c.digest).join(image).where(image.c.fingerprint == fingerprint)
    for some in chunks(digests):
        rows = connection.execute(query.where(manifest.c.digest.in_(map(str, some)))).scalars()
        found.update(map(Digest.parse, rows))
    return found


def platforms(connection: Connection, digests: Iterable[Digest]) -> Mapping[Digest, Platform]:
    """What the images are for, as far as it is known, whatever extractors made their inventories."""
    found: dict[Digest, Platform] = {}
    query = select(manifest.c.digest, image.c.content).join(image)
    for some in chunks(digests):
        for row in connection.execute(query.where(manifest.c.digest.in_(map(str, some)))):
            platform = decode_inventory(row.content).image.platform
            found |= {} if platform is None else {Digest.parse(row.digest): platform}
    return found


def inventory(connection: Connection, digest: Digest) -> Inventory | None:
    """The inventory as it was kept."""
    query = select(image.c.manifest, image.c.content, image.c.arrangement).join(manifest)
    row = connection.execute(query.where(manifest.c.digest == str(digest))).first()
    if row is None:
        return None
    contents = connection.execute(
        select(parcel.c.content)
        .join(image_parcel, image_parcel.c.parcel == parcel.c.id)
        .where(image_parcel.c.image == row.manifest)
        .order_by(image_parcel.c.layer)
    ).scalars()
    return replace(decode_inventory(row.content), packages=arranged(contents, row.arrangement))


def arranged(parcels: Iterable[bytes], arrangement: str | None) -> tuple[Package, ...]:
    """The packages of an inventory in their order, from what a `Bundle` has of them."""
    found = natural(package for content in parcels for package in decode_inventory(content).packages)
    if arrangement is None:
        return tuple(found)
    return tuple(found[place] for place in read(arrangement, list[int]))
