"""What is known of each distinct package, and which have still to be judged."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from tidewaiter.model.fleet import State
from tidewaiter.model.package import Package
from tidewaiter.store.database import insert, put
from tidewaiter.store.encoding import packed_judgement, read_judgement
from tidewaiter.store.packages import Reader
from tidewaiter.store.records import Judged, PackageJudgement
from tidewaiter.store.schema import (
    advisories,
    image,
    image_parcel,
    judgement,
    listing,
    package,
    parcel_package,
)

_MUCH = 4


def to_judge(connection: Connection, database: str, run: int, limit: int) -> Sequence[tuple[int, Package]]:
    """Packages of the run's images that were not judged by this advisory database."""
    judged = exists().where(
        judgement.c.package == package.c.id,
        judgement.c.advisories == select(advisories.c.id).where(advisories.c.identity == database).scalar_subquery(),
    )
    query = select(package.c.id, package.c.content, package.c.distro).where(~judged, _held(connection, run))
    reader = Reader(connection)
    rows = connection.execute(query.order_by(package.c.id).limit(limit)).all()
    return [(row.id, reader.package(row.content, row.distro)) for row in rows]


def _held(connection: Connection, run: int) -> "ColumnElement[bool]":
    """Whether an image that the run scanned holds the package.

    Where the run scanned much of what the store has, most packages are soon found in one of its images; where it
    scanned little, it is quicker to gather what those few hold than to find out of each package that it is not there.
    """
    scanned = select(listing.c.image).where(listing.c.settled == run, listing.c.state == State.SCANNED.value)
    few = connection.execute(select(func.count()).select_from(scanned.distinct().subquery())).scalar_one()
    if few * _MUCH < connection.execute(select(func.count()).select_from(image)).scalar_one():
        parcels = select(image_parcel.c.parcel).where(image_parcel.c.image.in_(scanned))
        return package.c.id.in_(select(parcel_package.c.package).where(parcel_package.c.parcel.in_(parcels)))
    return exists().where(
        parcel_package.c.package == package.c.id,
        image_parcel.c.parcel == parcel_package.c.parcel,
        listing.c.image == image_parcel.c.image,
        listing.c.settled == run,
        listing.c.state == State.SCANNED.value,
    )


def keep(connection: Connection, database: str, judged: Sequence[PackageJudgement]) -> None:
    """Keeps what is known of these packages, instead of what was."""
    number = _number(connection, database)
    rows = [
        {"package": each.package, "advisories": number, "content": packed_judgement(each.findings, each.gaps)}
        for each in {each.package: each for each in judged}.values()
    ]
    statement = insert(connection, judgement)
    change = {name: statement.excluded[name] for name in ("advisories", "content")}
    put(connection, statement.on_conflict_do_update(index_elements=["package"], set_=change), rows)


def _number(connection: Connection, database: str) -> int:
    connection.execute(insert(connection, advisories).values(identity=database).on_conflict_do_nothing())
    query = select(advisories.c.id).where(advisories.c.identity == database)
    number: int = connection.execute(query).scalar_one()
    return number


def judged(connection: Connection, run: int, database: str, after: int, limit: int) -> Sequence[Judged]:
    """Packages of the run's images with findings or gaps, by number, from the one behind `after` on."""
    reader = Reader(connection)
    found = []
    for row in connection.execute(_with_findings(connection, run, database, after).limit(limit)):
        held = reader.package(row.content, row.distro)
        findings, gaps = read_judgement(row.judged, held)
        found.append(Judged(package=row.id, subject=held, findings=findings, gaps=gaps))
    return found


def _with_findings(
    connection: Connection, run: int, database: str, after: int
) -> "Select[tuple[int, str, int | None, bytes]]":
    return (
        select(package.c.id, package.c.content, package.c.distro, judgement.c.content.label("judged"))
        .join(judgement, judgement.c.package == package.c.id)
        .join(advisories, advisories.c.id == judgement.c.advisories)
        .where(package.c.id > after, advisories.c.identity == database)
        .where(judgement.c.content.is_not(None), _held(connection, run))
        .order_by(package.c.id)
    )
