"""Reports to draw and write: an empty one, a small one with something of everything, and a big one."""

from datetime import UTC, datetime

from tidewaiter.model.advisory import Feed
from tidewaiter.model.finding import Finding, Fix, FixState, Match, MatchKind, Severity, Threat
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, ImageIdentity, Layer, Platform
from tidewaiter.model.package import Distro, Inventory, Location, Package, SourcePackage
from tidewaiter.model.report import Report

WRITTEN = datetime(2024, 6, 1, 12, tzinfo=UTC)
DEBIAN = Distro(
    id="debian",
    version_id="12",
    pretty_name="Debian GNU/Linux 12 (bookworm)",
    version_codename="bookworm",
    path="usr/lib/os-release",
)
JAIL = Distro(
    id="centos", version_id="8", pretty_name="CentOS Linux 8", root="srv/jail", path="srv/jail/etc/os-release"
)
LAYERS = (
    Layer(
        index=0,
        digest=Digest("sha256", "a1" * 32),
        diff_id=Digest("sha256", "a2" * 32),
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        size=29_150_000,
        created_by="/bin/sh -c #(nop) ADD file:9b38b383dd93169a6 in / ",
    ),
    Layer(
        index=1,
        digest=Digest("sha256", "b1" * 32),
        diff_id=Digest("sha256", "b2" * 32),
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        size=4_400_000,
        created_by="RUN /bin/sh -c apt-get update &&     apt-get install -y --no-install-recommends openssl curl"
        " ca-certificates && rm -rf /var/lib/apt/lists/* # buildkit",
    ),
)
IMAGE = ImageIdentity(
    reference="registry.example/shop/checkout:1.4",
    digest=Digest("sha256", "c1" * 32),
    platform=Platform("linux", "amd64"),
    tags=("shop/checkout:1.4", "shop/checkout:latest"),
    created=datetime(2024, 5, 30, 8, 15, tzinfo=UTC),
    layers=LAYERS,
)
FEEDS = (
    Feed(
        name="debian",
        advisories=52_341,
        affected=190_111,
        withdrawn=12,
        broken=0,
        newest="2024-05-31T21:04:11Z",
        fingerprint="sha256:" + "d1" * 32,
        fetched="2024-06-01T03:00:00Z",
    ),
    Feed(
        name="ghsa",
        advisories=17_020,
        affected=25_998,
        withdrawn=301,
        broken=2,
        newest="",
        fingerprint="sha256:" + "e1" * 32,
    ),
)


def deb(
    name: str, version: str, *, source: str = "", layer: Layer = LAYERS[0], licenses: tuple[str, ...] = ()
) -> Package:
    """A Debian package in one layer."""
    quoted = version.replace("+", "%2B")
    return Package(
        purl=f"pkg:deb/debian/{name}@{quoted}?arch=amd64&distro=debian-12",
        type="deb",
        name=name,
        version=version,
        source=SourcePackage(name=source or name, version=version),
        architecture="amd64",
        distro=DEBIAN,
        vendor="Debian Maintainers <maintainers@debian.example>",
        licenses=licenses,
        locations=(Location(path="var/lib/dpkg/status", layer=layer),),
        extractor="dpkg",
    )


OPENSSL = deb("openssl", "3.0.11-1~deb12u2", layer=LAYERS[1], licenses=("Apache-2.0",))
LIBSSL = deb("libssl3", "3.0.11-1~deb12u2", source="openssl", layer=LAYERS[1], licenses=("Apache-2.0 OR GPL-2.0-only",))
BASH = deb("bash", "5.2.15-2+b2", licenses=("GPL-3.0-or-later", "GFDL-NIV-1.3"))
ZLIB = deb("zlib1g", "1:1.2.13.dfsg-1", source="zlib", licenses=("Zlib AND (MIT",))
LODASH = Package(
    purl="pkg:npm/%40shop/lodash@4.17.20",
    type="npm",
    name="@shop/lodash",
    version="4.17.20",
    licenses=("MIT",),
    locations=(Location(path="srv/app/node_modules/lodash/package.json", layer=LAYERS[1], within="bundle.tar"),),
    extractor="node",
)
MODULAR = Package(
    purl="pkg:rpm/centos/nginx@1.14.1-9.el8?arch=x86_64&distro=centos-8&epoch=1",
    type="rpm",
    name="nginx",
    version="1:1.14.1-9.el8",
    source=SourcePackage(name="nginx", version="1.14.1-9.el8"),
    architecture="x86_64",
    distro=JAIL,
    module="nginx:1.14:8000020190830002848:9edba152",
    vendor="CentOS",
    provides=("webserver",),
    origin="somewhere",
    extractor="rpm",
)
PACKAGES = (BASH, LIBSSL, LODASH, MODULAR, OPENSSL, ZLIB)
GAPS = (
    Gap(
        stage=Stage.INVENTORY,
        why=Why.MALFORMED,
        subject="opt/app/package.json",
        detail="package.json is no JSON at byte 12. The packages that it names are not known.",
    ),
    Gap(
        stage=Stage.MATCH,
        why=Why.NO_FEED,
        subject="CentOS Linux 8 in /srv/jail",
        detail="the database holds no advisories for Red Hat:enterprise_linux:8. Build it with that feed.",
    ),
)


def finding(
    package: Package,
    vulnerability: str,
    severity: Severity,
    fix: Fix,
    *,
    summary: str = "",
    threat: Threat | None = None,
) -> Finding:
    """A finding of Debian's tracker."""
    return Finding(
        package=package,
        vulnerability=vulnerability,
        aliases=(f"DEBIAN-{vulnerability}",),
        matches=(
            Match(
                kind=MatchKind.SOURCE,
                feed="debian",
                advisory=f"DEBIAN-{vulnerability}",
                ecosystem="Debian:12",
                name=package.source.name if package.source else package.name,
                version=package.version,
                range=f">=0, <{fix.versions[0]}" if fix.versions else ">=0",
            ),
        ),
        severity=severity,
        severity_source="debian" if severity is not Severity.UNKNOWN else "",
        score=9.8 if severity is Severity.CRITICAL else None,
        fix=fix,
        threat=threat or Threat(),
        summary=summary,
        references=(f"https://security-tracker.debian.org/tracker/{vulnerability}",),
    )


def fixed(*versions: str) -> Fix:
    """A fix that is there."""
    return Fix(state=FixState.FIXED, versions=versions)


FINDINGS = (
    finding(
        OPENSSL,
        "CVE-2024-0727",
        Severity.MEDIUM,
        fixed("3.0.13-1~deb12u1"),
        summary="NULL pointer dereference while reading a PKCS12 file that was made by hand for it",
    ),
    finding(LIBSSL, "CVE-2024-0727", Severity.MEDIUM, fixed("3.0.13-1~deb12u1")),
    finding(OPENSSL, "CVE-2023-5678", Severity.LOW, Fix(state=FixState.NOT_FIXED)),
    finding(LIBSSL, "CVE-2023-5678", Severity.LOW, Fix(state=FixState.NOT_FIXED)),
    finding(
        ZLIB,
        "CVE-2023-45853",
        Severity.CRITICAL,
        Fix(state=FixState.WONT_FIX),
        summary="MiniZip overflows the heap on long file names",
        threat=Threat(kev=True, epss=0.41),
    ),
    finding(
        LODASH,
        "GHSA-29mw-wpgm-hmr9",
        Severity.HIGH,
        fixed("4.17.21", "5.0.1", "6.0.0", "7.1.0"),
        summary="ReDoS in lodash",
    ),
    finding(BASH, "CVE-2022-3715", Severity.UNKNOWN, Fix(state=FixState.UNKNOWN)),
    finding(BASH, "TEMP-0841856-B18BAF", Severity.NEGLIGIBLE, Fix(state=FixState.DEFERRED)),
    finding(MODULAR, "CVE-2021-23017", Severity.HIGH, Fix(state=FixState.PRO_ONLY, versions=("1:1.20.1-1.el8",))),
)
INVENTORY = Inventory(
    image=IMAGE,
    distro=DEBIAN,
    distros=(DEBIAN, JAIL),
    packages=PACKAGES,
    gaps=GAPS[:1],
    extractors=("distro", "dpkg", "node", "rpm"),
)
SMALL = Report(inventory=INVENTORY, findings=FINDINGS, gaps=GAPS, feeds=FEEDS)
EMPTY = Report(inventory=Inventory(image=ImageIdentity(reference="dir:/srv/root")))
CLEAN = Report(
    inventory=Inventory(image=IMAGE, distro=DEBIAN, distros=(DEBIAN,), packages=(BASH, LODASH), extractors=("dpkg",)),
    feeds=FEEDS,
)
