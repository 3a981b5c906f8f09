"""Values for the memory to keep: digests, images with packages in layers, findings with every field filled."""

import hashlib
from datetime import UTC, datetime, timedelta

from tidewaiter.model.cloud import Account, ImageDetail, Registry
from tidewaiter.model.finding import Finding, Fix, FixState, Match, MatchKind, Severity, Threat
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Platform
from tidewaiter.model.package import Distro, Inventory, Location, Package, SourcePackage
from tidewaiter.store.records import Settled
from tidewaiter.store.store import Store

NOW = datetime(2026, 11, 22, 12, 30, 1, 250, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FINGERPRINT = "tree.1+dpkg.3+apk.2"
ADVISORIES = "c0ffee/1"

ACCOUNT = Account(id="111122223333", name="shop", ou_path="Root/Live", management=True)
OTHER_ACCOUNT = Account(id="444455556666", name="lab")
REGISTRY = Registry(
    partition="aws",
    account=ACCOUNT.id,
    region="eu-west-1",
    host="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
)
AMD64 = Platform("linux", "amd64")
DEBIAN = Distro(
    id="debian",
    version_id="12",
    pretty_name="Debian GNU/Linux 12 (bookworm)",
    version_codename="bookworm",
    id_like=("one", "two"),
    cpe_name="cpe:/o:debian:debian_linux:12",
    variant_id="slim",
    path="etc/os-release",
)


def digest(name: object) -> Digest:
    """A digest of its own for each name."""
    return Digest("sha256", hashlib.sha256(str(name).encode()).hexdigest())


def gap(subject: str = "thing", why: Why = Why.DENIED, stage: Stage = Stage.DISCOVERY) -> Gap:
    return Gap(stage=stage, why=why, subject=subject, detail=f"{subject} was not looked at. Allow it.")


def detail(name: object, *tags: str) -> ImageDetail:
    return ImageDetail(digest=digest(name), tags=tags, size=1000, pushed=NOW)


def layer(index: int, name: str) -> Layer:
    return Layer(
        index=index,
        digest=digest(f"layer {name}"),
        diff_id=digest(f"diff {name}"),
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        size=1234,
        created_by=f"RUN make {name}",
    )


def deb(name: str, where: Layer, version: str = "1.0-1") -> Package:
    return Package(
        purl=f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12",
        type="deb",
        name=name,
        version=version,
        source=SourcePackage(name=f"{name}-source"),
        architecture="amd64",
        distro=DEBIAN,
        licenses=("MIT",),
        locations=(Location(path="var/lib/dpkg/status", layer=where),),
        extractor="dpkg",
    )


def pypi(name: str, where: Layer | None, version: str = "2.0") -> Package:
    return Package(
        purl=f"pkg:pypi/{name}@{version}",
        type="pypi",
        name=name,
        version=version,
        locations=(Location(path=f"app/{name}/METADATA", layer=where),),
        extractor="python",
    )


BASE = (layer(0, "base 0"), layer(1, "base 1"))


def inventory(name: str, *applications: str) -> Inventory:
    """An image on the common base, with these Python packages in a layer of its own."""
    own = layer(2, name)
    system = [deb("libc6", BASE[0]), deb("openssl", BASE[0]), deb("curl", BASE[1])]
    packages = sorted([*system, *(pypi(each, own) for each in applications)], key=lambda package: package.purl)
    return Inventory(
        image=ImageIdentity(
            reference=f"{REGISTRY.host}/{name}",
            digest=digest(name),
            platform=AMD64,
            tags=("latest",),
            created=NOW,
            layers=(*BASE, own),
        ),
        distro=DEBIAN,
        distros=(DEBIAN,),
        packages=tuple(packages),
        gaps=(gap("opt/app", Why.LIMIT, Stage.INVENTORY),),
        extractors=("dpkg", "python"),
    )


def finding(package: Package, vulnerability: str = "CVE-2026-1") -> Finding:
    """A finding in which no field has its default."""
    match = Match(
        kind=MatchKind.SOURCE,
        feed="debian",
        advisory="DSA-1",
        ecosystem="Debian:12",
        name="openssl",
        version="1.0-1",
        range="< 2",
    )
    return Finding(
        package=package,
        vulnerability=vulnerability,
        aliases=("DSA-1", "GHSA-1"),
        matches=(match,),
        severity=Severity.HIGH,
        severity_source="debian",
        score=7.5,
        fix=Fix(state=FixState.FIXED, versions=("2.0-1",)),
        threat=Threat(kev=True, epss=0.25),
        summary="Reads beyond the end",
        references=("https://example.org/1",),
    )


def scanned(name: object, *tags: str) -> Settled:
    return Settled(
        digest=digest(name),
        kind=Kind.IMAGE,
        outcome=Outcome(state=State.SCANNED),
        platform=AMD64,
        image=digest(name),
        tags=tags,
    )


def ended(name: object, state: State, why: Why, kind: Kind = Kind.IMAGE) -> Settled:
    outcome = Outcome(state=state, why=why, detail=f"It is {why}.")
    return Settled(digest=digest(name), kind=kind, outcome=outcome)


def begun(store: Store, scope: str = "all") -> int:
    return store.begin(command="org scan", scope=scope, now=NOW)


def repository(store: Store, run: int, name: str = "app", registry: Registry = REGISTRY) -> int:
    """A repository in the common account, which the run comes upon."""
    store.saw_account(run, ACCOUNT)
    return store.saw_repository(run, store.saw_registry(run, ACCOUNT.id, registry), name)


def finished(store: Store, run: int) -> None:
    store.finish(run, now=LATER, layers_read=1, bytes_pulled=2, looked=3, known=4)


def scan(store: Store, run: int, *images: Inventory) -> None:
    """The run finds these images in one repository, and keeps what they hold."""
    place = repository(store, run)
    names = [image.image.reference.rpartition("/")[2] for image in images]
    store.saw_manifests(run, place, [detail(name) for name in names], complete=True)
    for image in images:
        store.keep_image(image, fingerprint=FINGERPRINT)
    store.settle(run, place, [scanned(name) for name in names])
