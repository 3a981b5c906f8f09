"""SBOMs of other tools, read as they mean it: small ones, modelled on what trivy and syft write."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.errors import LimitError, MalformedError, UnsupportedError, UsageError
from tidewaiter.inventory.sbom import read_inventories, read_sbom
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Distro, Inventory, Package, SourcePackage

LAYER = "sha256:" + "a1" * 32
IMAGE = "sha256:" + "c1" * 32


def _cyclonedx(*components: Mapping[str, Any], **more: Any) -> Inventory:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **more}
    return read_sbom(json.dumps(document).encode(), "bom.json")


def _spdx(*packages: Mapping[str, Any], **more: Any) -> Inventory:
    document = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "image", "packages": list(packages)}
    return read_sbom(json.dumps(document | more).encode(), "spdx.json")


def _library(purl: str, **more: Any) -> dict[str, Any]:
    return {"type": "library", "name": "named", "purl": purl, **more}


def _package(purl: str, name: str = "named", **more: Any) -> dict[str, Any]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    return {"name": name, "SPDXID": f"SPDXRef-{abs(hash(purl))}", "externalRefs": [reference], **more}


def _notes(prefix: str, **values: str) -> list[dict[str, str]]:
    return [{"name": prefix + name, "value": value} for name, value in values.items()]


def _only(inventory: Inventory) -> Package:
    assert inventory.gaps == ()
    (package,) = inventory.packages
    return package


DEBIAN = {"type": "operating-system", "name": "debian", "version": "12.5"}

# Package URLs


@pytest.mark.parametrize(
    ("purl", "kind", "name", "version"),
    [
        ("pkg:npm/%40scope/name@1.0.0", "npm", "@scope/name", "1.0.0"),
        ("pkg:npm/lodash@4.17.20", "npm", "lodash", "4.17.20"),
        ("pkg:maven/org.apache.commons/commons-text@1.9", "maven", "org.apache.commons:commons-text", "1.9"),
        ("pkg:golang/github.com/BurntSushi/toml@v1.2.3", "golang", "github.com/BurntSushi/toml", "v1.2.3"),
        ("pkg:golang/stdlib@1.22.1", "golang", "stdlib", "1.22.1"),
        ("pkg:composer/symfony/http-kernel@v5.4.1", "composer", "symfony/http-kernel", "v5.4.1"),
        ("pkg:pypi/requests@2.31.0", "pypi", "requests", "2.31.0"),
        ("pkg:nuget/Newtonsoft.Json@12.0.1", "nuget", "Newtonsoft.Json", "12.0.1"),
        ("pkg:gem/rails@7.0.0", "gem", "rails", "7.0.0"),
        ("pkg:cargo/serde_json@1.0.1", "cargo", "serde_json", "1.0.1"),
        ("pkg:swift/github.com/Alamofire/Alamofire@5.6.0", "swift", "github.com/Alamofire/Alamofire", "5.6.0"),
        ("pkg:github/actions/checkout@v3", "github", "actions/checkout", "v3"),
        ("pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5", "deb", "curl", "7.88.1-10+deb12u5"),
        ("pkg:deb/debian/bsdutils@1:2.38.1-5?arch=amd64", "deb", "bsdutils", "1:2.38.1-5"),
        ("pkg:deb/debian/bsdutils@2.38.1-5?arch=amd64&epoch=1", "deb", "bsdutils", "1:2.38.1-5"),
        ("pkg:rpm/redhat/openssl-libs@1.1.1k-9.el8?epoch=1", "rpm", "openssl-libs", "1:1.1.1k-9.el8"),
        ("pkg:rpm/redhat/openssl-libs@1.1.1k-9.el8", "rpm", "openssl-libs", "1.1.1k-9.el8"),
        ("pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64", "apk", "musl", "1.2.4-r2"),
    ],
)
def test_names_and_versions_are_those_of_the_ecosystem(purl: str, kind: str, name: str, version: str) -> None:
    for inventory in (_cyclonedx(_library(purl)), _spdx(_package(purl))):
        package = _only(inventory)
        assert (package.purl, package.type, package.name, package.version) == (purl, kind, name, version)


@pytest.mark.parametrize(
    ("purl", "source"),
    [
        ("pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl", SourcePackage(name="openssl", version="3.0.11-1")),
        ("pkg:deb/debian/gcc-12-base@12.2.0-14?upstream=gcc%4012.2.0", SourcePackage(name="gcc", version="12.2.0")),
        ("pkg:apk/alpine/libcrypto3@3.1.4-r1?upstream=openssl", SourcePackage(name="openssl", version="3.1.4-r1")),
        (
            "pkg:rpm/redhat/bind-libs@9.11.4-26.P2.el7?epoch=32&upstream=bind-9.11.4-26.P2.el7.src.rpm",
            SourcePackage(name="bind", version="9.11.4-26.P2.el7"),
        ),
        (
            "pkg:rpm/redhat/java-1.8.0-openjdk@1.8.0-1.el7?upstream=java-1.8.0-openjdk-1.8.0-1.el7.nosrc.rpm",
            SourcePackage(name="java-1.8.0-openjdk", version="1.8.0-1.el7"),
        ),
        ("pkg:rpm/redhat/x@1-1?upstream=y", SourcePackage(name="y", version="")),
        ("pkg:deb/debian/curl@7.88.1-10", None),
    ],
)
def test_the_source_package_is_the_upstream_qualifier(purl: str, source: SourcePackage | None) -> None:
    assert _only(_cyclonedx(_library(purl))).source == source


@pytest.mark.parametrize(
    ("purl", "distro"),
    [
        ("pkg:deb/debian/x@1?distro=debian-12", Distro(id="debian", version_id="12")),
        ("pkg:deb/debian/x@1?distro=debian-12.5", Distro(id="debian", version_id="12.5")),
        ("pkg:deb/debian/x@1?distro=debian-trixie", Distro(id="debian", version_codename="trixie")),
        ("pkg:deb/debian/x@1?distro=bookworm", Distro(id="debian", version_codename="bookworm")),
        ("pkg:deb/ubuntu/x@1?distro=ubuntu-22.04", Distro(id="ubuntu", version_id="22.04")),
        ("pkg:apk/alpine/x@1?distro=alpine-3.18.4", Distro(id="alpine", version_id="3.18.4")),
        ("pkg:apk/alpine/x@1?distro=3.18.4", Distro(id="alpine", version_id="3.18.4")),
        ("pkg:apk/alpine/x@1?distro=alpine-edge", Distro(id="alpine", version_id="edge")),
        ("pkg:rpm/redhat/x@1?distro=rhel-8.9", Distro(id="rhel", version_id="8.9")),
        ("pkg:rpm/redhat/x@1?distro=redhat-8.9", Distro(id="rhel", version_id="8.9")),
        ("pkg:rpm/opensuse/x@1?distro=opensuse-leap-15.5", Distro(id="opensuse-leap", version_id="15.5")),
        ("pkg:rpm/opensuse/x@1?distro=opensuse.leap-15.5", Distro(id="opensuse-leap", version_id="15.5")),
        ("pkg:rpm/opensuse/x@1?distro=opensuse-tumbleweed", Distro(id="opensuse-tumbleweed")),
        (
            "pkg:rpm/opensuse/x@1?distro=opensuse-tumbleweed-20240101",
            Distro(id="opensuse-tumbleweed", version_id="20240101"),
        ),
        ("pkg:rpm/oracle/x@1?distro=oracle-8.9", Distro(id="ol", version_id="8.9")),
        ("pkg:rpm/amzn/x@1?distro=amazon-2", Distro(id="amzn", version_id="2")),
        ("pkg:rpm/fedora/x@1?distro=fedora-39", Distro(id="fedora", version_id="39")),
        ("pkg:rpm/redhat/x@1", Distro(id="rhel")),
        ("pkg:rpm/x@1", None),
        ("pkg:npm/x@1?distro=debian-12", None),
    ],
)
def test_the_release_is_the_distro_qualifier(purl: str, distro: Distro | None) -> None:
    assert _only(_cyclonedx(_library(purl))).distro == distro


def test_without_the_qualifier_the_operating_system_of_the_document_judges() -> None:
    inventory = _cyclonedx(DEBIAN, _library("pkg:deb/debian/curl@1"), _library("pkg:deb/curl@1"))
    assert inventory.distro == Distro(id="debian", version_id="12.5")
    assert [package.distro for package in inventory.packages] == [inventory.distro] * 2


def test_an_operating_system_does_not_judge_the_packages_of_another() -> None:
    inventory = _cyclonedx(
        DEBIAN, _library("pkg:apk/alpine/musl@1"), _library("pkg:rpm/redhat/glibc@1?distro=rhel-9.1")
    )
    assert [package.distro for package in inventory.packages] == [
        Distro(id="alpine"),
        Distro(id="rhel", version_id="9.1"),
    ]


def test_the_qualifier_and_the_operating_system_are_one_release() -> None:
    system = DEBIAN | {"version": "12", "description": "Debian GNU/Linux 12 (bookworm)"}
    inventory = _cyclonedx(system, _library("pkg:deb/debian/curl@1?distro=debian-12"))
    assert inventory.packages[0].distro is inventory.distro
    assert str(inventory.distro) == "Debian GNU/Linux 12 (bookworm)"


# Gaps


@pytest.mark.parametrize(
    ("component", "why", "subject"),
    [
        ({"type": "library", "name": "mystery", "version": "1.0"}, Why.UNSUPPORTED, "mystery 1.0"),
        ({"type": "application"}, Why.UNSUPPORTED, "components[0]"),
        ({"type": "library", "name": "x", "purl": "pkg:deb"}, Why.MALFORMED, "pkg:deb"),
        ({"type": "library", "name": "x", "purl": "pkg:npm/x"}, Why.NOT_COMPARABLE, "pkg:npm/x"),
        ({"type": "container", "name": "x", "purl": "pkg:oci/x@sha256:1"}, Why.UNSUPPORTED, "pkg:oci/x@sha256:1"),
    ],
)
def test_what_cannot_be_judged_is_a_gap(component: Mapping[str, Any], why: Why, subject: str) -> None:
    inventory = _cyclonedx(component)
    assert inventory.packages == ()
    (gap,) = inventory.gaps
    assert (gap.stage, gap.why, gap.subject) == (Stage.INVENTORY, why, subject)
    assert gap.detail


def test_files_and_groups_of_packages_claim_no_package() -> None:
    lock_file = {
        "type": "application",
        "name": "package-lock.json",
        "properties": _notes("aquasecurity:trivy:", Class="lang-pkgs"),
    }
    inventory = _cyclonedx({"type": "file", "name": "bin/x"}, lock_file, DEBIAN)
    assert (inventory.packages, inventory.gaps) == ((), ())


def test_a_version_beside_the_package_url_will_do() -> None:
    assert _only(_cyclonedx(_library("pkg:npm/x", version="1.2"))).version == "1.2"


def test_a_document_that_calls_itself_incomplete_leaves_a_gap() -> None:
    inventory = _cyclonedx(compositions=[{"aggregate": "incomplete_third_party_only"}])
    assert [gap.why for gap in inventory.gaps] == [Why.UNSUPPORTED]
    assert _cyclonedx(compositions=[{"aggregate": "complete"}, {"aggregate": "unknown"}]).gaps == ()


# CycloneDX


def test_components_within_components_are_read() -> None:
    inner = _library("pkg:npm/inner@1")
    outer = _library("pkg:npm/outer@1", components=[inner | {"components": [_library("pkg:npm/innermost@1")]}])
    subject = {"type": "container", "name": "image", "components": [_library("pkg:npm/beside@1")]}
    inventory = _cyclonedx(outer, metadata={"component": subject})
    assert [package.name for package in inventory.packages] == ["outer", "inner", "innermost", "beside"]


def test_null_is_as_good_as_nothing() -> None:
    component = _library("pkg:npm/x@1", version=None, licenses=None, properties=None, components=None, supplier=None)
    assert _only(_cyclonedx(component, metadata=None, compositions=None)).name == "x"


def test_the_notes_of_trivy_are_understood() -> None:
    notes = _notes(
        "aquasecurity:trivy:",
        LayerDiffID=LAYER,
        SrcName="util-linux",
        SrcVersion="2.38.1",
        SrcRelease="5+deb12u3",
        SrcEpoch="2",
    )
    root_notes = [
        *_notes("aquasecurity:trivy:", DiffID=LAYER),
        *_notes(
            "aquasecurity:trivy:", DiffID="sha256:" + "b1" * 32, RepoTag="shop/web:1", RepoDigest=f"shop/web@{IMAGE}"
        ),
    ]
    root = {"type": "container", "name": "shop/web:1", "properties": root_notes}
    purl = "pkg:deb/debian/bsdutils@2.38.1-5%2Bdeb12u3?arch=amd64&distro=debian-12.5&epoch=1"
    inventory = _cyclonedx(DEBIAN, _library(purl, properties=notes), metadata={"component": root})
    package = _only(inventory)
    assert package.source == SourcePackage(name="util-linux", version="2:2.38.1-5+deb12u3")
    assert package.architecture == "amd64"
    assert package.distro is inventory.distro
    assert [str(layer.digest) for layer in inventory.image.layers] == [LAYER, "sha256:" + "b1" * 32]
    assert [place.layer for place in package.locations] == [inventory.image.layers[0]]
    assert (inventory.image.reference, str(inventory.image.digest)) == ("shop/web:1", IMAGE)
    assert inventory.image.tags == ("shop/web:1",)


def test_the_module_of_an_rpm_is_in_a_note_or_in_the_package_url() -> None:
    label = "nginx:1.14:8000020190830002848:9edba152"
    noted = _library("pkg:rpm/centos/nginx@1-1", properties=_notes("aquasecurity:trivy:", Modularitylabel=label))
    for component in (
        noted,
        _library(f"pkg:rpm/centos/nginx@1-1?rpmmod={label}"),
        _library(f"pkg:rpm/x@1?modularitylabel={label}"),
    ):
        assert _only(_cyclonedx(component)).module == label


def test_an_rpm_source_has_no_epoch_whatever_the_tool_says() -> None:
    notes = _notes("aquasecurity:trivy:", SrcName="bind", SrcVersion="9.9.4", SrcRelease="61.el7", SrcEpoch="32")
    package = _only(_cyclonedx(_library("pkg:rpm/centos/bind-license@9.9.4-61.el7?epoch=32", properties=notes)))
    assert package.version == "32:9.9.4-61.el7"
    assert package.source == SourcePackage(name="bind", version="9.9.4-61.el7")


def test_the_notes_of_syft_are_understood() -> None:
    system = {
        "type": "operating-system",
        "name": "alpine",
        "version": "3.18.4",
        "properties": _notes("syft:distro:", id="alpine", prettyName="Alpine Linux v3.18", versionID="3.18.4"),
    }
    notes = [
        *_notes("syft:location:1:", layerID=LAYER, path="/lib/apk/db/scripts.tar"),
        *_notes("syft:location:0:", layerID=LAYER, path="/lib/apk/db/installed"),
        *_notes("syft:metadata:", originPackage="openssl"),
    ]
    component = _library(
        "pkg:apk/alpine/libcrypto3@3.1.4-r1?arch=x86_64&distro=alpine-3.18.4",
        publisher="Somebody <who@alpine.example>",
        licenses=[{"license": {"id": "Apache-2.0"}}, {"license": {"name": "odd"}}, {"expression": "MIT OR Zlib"}],
        properties=notes,
    )
    root = {"type": "container", "name": "shop/web", "version": IMAGE}
    inventory = _cyclonedx(system, component, metadata={"component": root})
    package = _only(inventory)
    assert package.source == SourcePackage(name="openssl", version="3.1.4-r1")
    assert [place.path for place in package.locations] == ["lib/apk/db/installed", "lib/apk/db/scripts.tar"]
    assert package.vendor == "Somebody <who@alpine.example>"
    assert package.licenses == ("Apache-2.0", "odd", "MIT OR Zlib")
    assert (str(package.distro), str(inventory.image.digest)) == ("Alpine Linux v3.18", IMAGE)


def test_a_source_rpm_that_syft_notes_is_the_source() -> None:
    component = _library(
        "pkg:rpm/centos/x@1-1", properties=_notes("syft:metadata:", sourceRpm="perl-5.26.3-419.el8.src.rpm")
    )
    assert _only(_cyclonedx(component)).source == SourcePackage(name="perl", version="5.26.3-419.el8")


@pytest.mark.parametrize(
    ("stated", "name"), [("Haraka", "Haraka"), ("haraka", "haraka"), ("another", "haraka")], ids=str
)
def test_an_old_npm_package_keeps_its_capitals_which_its_purl_loses(stated: str, name: str) -> None:
    package = _only(_cyclonedx({"type": "library", "name": stated, "purl": "pkg:npm/Haraka@2.8.8"}))
    assert (package.name, package.version) == (name, "2.8.8")


@pytest.mark.parametrize(
    ("stated", "subpath", "name"),
    [
        ("github.com/cespare/xxhash/v2", "v2", "github.com/cespare/xxhash/v2"),
        ("github.com/cespare/xxhash", "v2", "github.com/cespare/xxhash"),
        ("github.com/cespare/xxhash/cmd/xxhsum", "cmd/xxhsum", "github.com/cespare/xxhash"),
    ],
)
def test_the_subpath_of_a_go_module_is_its_name_if_the_document_says_so(stated: str, subpath: str, name: str) -> None:
    component = {"type": "library", "name": stated, "purl": f"pkg:golang/github.com/cespare/xxhash@v2.3.0#{subpath}"}
    assert _only(_cyclonedx(component)).name == name


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_every_version_of_cyclonedx_1_is_read(version: str) -> None:
    assert _only(_cyclonedx(_library("pkg:npm/x@1"), specVersion=version)).name == "x"
    xml = f'<bom xmlns="http://cyclonedx.org/schema/bom/{version}"><components/></bom>'
    assert read_sbom(xml.encode(), "bom.xml").packages == ()


XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1">
  <metadata>
    <tools><components><component type="application"><name>tool</name></component></components></tools>
    <component type="container"><name>shop/web</name><version>{IMAGE}</version></component>
  </metadata>
  <components>
    <component type="operating-system"><name>debian</name><version>12</version></component>
    <component type="library">
      <supplier><name>Debian</name></supplier>
      <name>libssl3</name><version>3.0.11-1</version>
      <licenses><license><id>Apache-2.0</id></license><expression>MIT OR Zlib</expression></licenses>
      <purl>pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&amp;distro=debian-12&amp;upstream=openssl</purl>
      <properties><property name="syft:location:0:path">/var/lib/dpkg/status</property></properties>
      <components><component type="library"><name>inner</name><purl>pkg:npm/inner@1</purl></component></components>
    </component>
    <component type="library"><name>mystery</name></component>
  </components>
  <compositions><composition><aggregate>incomplete</aggregate></composition></compositions>
</bom>"""


def test_cyclonedx_xml_says_the_same_as_its_json() -> None:
    inventory = read_sbom(XML.encode(), "bom.xml")
    package, inner = inventory.packages
    assert (package.name, package.version, package.vendor) == ("libssl3", "3.0.11-1", "Debian")
    assert package.source == SourcePackage(name="openssl", version="3.0.11-1")
    assert package.licenses == ("Apache-2.0", "MIT OR Zlib")
    assert [place.path for place in package.locations] == ["var/lib/dpkg/status"]
    assert package.distro is inventory.distro
    assert inner.name == "inner"
    assert (inventory.image.reference, str(inventory.image.digest)) == ("shop/web", IMAGE)
    assert [gap.subject for gap in inventory.gaps] == ["bom.xml", "mystery"]


# SPDX


def test_the_annotations_of_trivy_are_understood() -> None:
    def remark(comment: str) -> dict[str, str]:
        return {"annotator": "Tool: trivy-0.76.0", "comment": comment}

    root = {
        "name": "shop/web",
        "SPDXID": "SPDXRef-Image",
        "primaryPackagePurpose": "CONTAINER",
        "annotations": [remark(f"ImageID: {IMAGE}"), remark("RepoTag: shop/web:1")],
    }
    system = {
        "name": "debian",
        "SPDXID": "SPDXRef-OS",
        "versionInfo": "12.5",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    }
    lock_file = {"name": "node_modules", "SPDXID": "SPDXRef-App", "primaryPackagePurpose": "APPLICATION"}
    package = _package(
        "pkg:deb/debian/bsdutils@2.38.1-5?arch=amd64&distro=debian-12.5&epoch=1",
        sourceInfo="built package from: util-linux 2.38.1-5",
        supplier="Organization: Debian <x@debian.example>",
        licenseDeclared="GPL-2.0-only AND MIT",
        annotations=[remark(f"LayerDiffID: {LAYER}")],
    )
    relationships = [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-Image", "relationshipType": "DESCRIBES"},
        {"spdxElementId": "SPDXRef-App", "relatedSpdxElement": "SPDXRef-x", "relationshipType": "CONTAINS"},
    ]
    inventory = _spdx(root, system, lock_file, package, relationships=relationships)
    read = _only(inventory)
    assert read.version == "1:2.38.1-5"
    assert read.source == SourcePackage(name="util-linux", version="2.38.1-5")
    assert (read.vendor, read.licenses) == ("Debian <x@debian.example>", ("GPL-2.0-only AND MIT",))
    assert read.distro is inventory.distro
    assert [str(place.layer.digest) for place in read.locations if place.layer] == [LAYER]
    assert (inventory.image.reference, str(inventory.image.digest)) == ("shop/web", IMAGE)
    assert inventory.image.tags == ("shop/web:1",)


def test_what_is_not_asserted_is_not_known() -> None:
    package = _only(
        _spdx(_package("pkg:npm/x@1", supplier="NOASSERTION", licenseDeclared="NONE", sourceInfo="from a db"))
    )
    assert (package.vendor, package.licenses, package.source) == ("", (), None)


@pytest.mark.parametrize("category", ["PACKAGE-MANAGER", "PACKAGE_MANAGER"])
def test_both_spellings_of_the_reference_category_are_read(category: str) -> None:
    package = _package("pkg:npm/x@1")
    package["externalRefs"].insert(
        0, {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a"}
    )
    package["externalRefs"][1]["referenceCategory"] = category
    assert _only(_spdx(package)).name == "x"


def test_a_document_that_describes_all_its_packages_loses_none() -> None:
    packages = [_package("pkg:npm/x@1"), _package("pkg:npm/y@1")]
    inventory = _spdx(*packages, documentDescribes=[package["SPDXID"] for package in packages])
    assert [package.name for package in inventory.packages] == ["x", "y"]
    alone = _spdx(packages[0], documentDescribes=[packages[0]["SPDXID"]])
    assert [package.name for package in alone.packages] == ["x"]


def test_an_spdx_package_without_package_url_is_a_gap() -> None:
    inventory = _spdx({"name": "mystery", "SPDXID": "SPDXRef-1", "versionInfo": "1.0"})
    assert [(gap.why, gap.subject) for gap in inventory.gaps] == [(Why.UNSUPPORTED, "mystery 1.0")]


TAGS = f"""SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: shop/web
Creator: Tool: trivy-0.76.0

##### Package: shop/web
PackageName: shop/web
SPDXID: SPDXRef-Image
PrimaryPackagePurpose: CONTAINER

PackageName: debian
SPDXID: SPDXRef-OS
PackageVersion: 12.5
PrimaryPackagePurpose: OPERATING-SYSTEM

PackageName: libssl3
SPDXID: SPDXRef-1
PackageVersion: 3.0.11-1
PackageSupplier: Organization: Debian
PackageSourceInfo: <text>built package from: openssl 3.0.11-1</text>
PackageLicenseDeclared: Apache-2.0
PackageComment: <text>one
SPDXID: SPDXRef-not-an-id
three</text>
ExternalRef: SECURITY cpe23Type cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*
ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12.5

FileName: ./usr/lib/libssl.so.3
SPDXID: SPDXRef-File
FileComment: not of the package

Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Image
Relationship: SPDXRef-Image CONTAINS SPDXRef-1
Annotator: Tool: trivy-0.76.0
AnnotationDate: 2024-01-01T00:00:00Z
AnnotationComment: LayerDiffID: {LAYER}
AnnotationType: OTHER
SPDXREF: SPDXRef-1
"""


def test_tag_value_text_says_the_same_as_json() -> None:
    inventory = read_sbom(TAGS.encode(), "image.spdx")
    package = _only(inventory)
    assert (package.name, package.version, package.vendor) == ("libssl3", "3.0.11-1", "Debian")
    assert package.source == SourcePackage(name="openssl", version="3.0.11-1")
    assert package.licenses == ("Apache-2.0",)
    assert package.distro is inventory.distro
    assert [str(place.layer.digest) for place in package.locations if place.layer] == [LAYER]
    assert inventory.image.reference == "shop/web"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no tag here", "line 2: a line without a tag"),
        ("Relationship: A DESCRIBES", "line 2: Relationship: expected an element"),
        ("PackageComment: <text>never closed", "line 2: <text> without </text>"),
        ("PackageName: x\nExternalRef: purl pkg:npm/x@1", "line 3: ExternalRef: expected a category"),
    ],
)
def test_broken_tag_value_text_names_its_line(line: str, message: str) -> None:
    with pytest.raises(MalformedError, match=f"image.spdx: {message}"):
        read_sbom(f"SPDXVersion: SPDX-2.3\n{line}\n".encode(), "image.spdx")


# tidewaiter's own documents


def test_a_report_with_no_more_than_the_documented_keys_is_read() -> None:
    document = {
        "schema": "tidewaiter/report/1",
        "image": {"reference": "web", "digest": IMAGE, "platform": "linux/amd64"},
        "distro": {"id": "debian", "version_id": "12", "pretty_name": "Debian"},
        "packages": [
            {
                "purl": "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12",
                "type": "deb",
                "name": "openssl",
                "version": "3.0.11-1",
                "source": {"name": "openssl", "version": "3.0.11-1"},
                "locations": [{"path": "var/lib/dpkg/status", "layer": LAYER}],
            },
            {"purl": "pkg:npm/x@1", "type": "npm", "name": "x", "version": "1"},
        ],
        "findings": [{"vulnerability": "CVE-2024-0001", "anything": 1}],
        "gaps": [{"stage": "match", "why": "no-feed", "subject": "", "detail": ""}],
        "feeds": [{"name": "debian"}],
    }
    inventory = read_sbom(json.dumps(document).encode(), "report.json")
    assert [package.distro for package in inventory.packages] == [inventory.distro, None]
    assert [str(place.layer.digest) for place in inventory.packages[0].locations if place.layer] == [LAYER]
    assert inventory.gaps == ()


def test_a_package_that_no_release_judges_stays_so() -> None:
    package = {"purl": "", "type": "deb", "name": "x", "version": "1", "distro": None}
    document = {
        "schema": "tidewaiter/inventory/1",
        "image": {"reference": ""},
        "distro": {"id": "debian"},
        "packages": [package],
    }
    assert read_sbom(json.dumps(document).encode(), "x").packages[0].distro is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": {}}, "x.json: image: object missing required field reference"),
        ({"packages": [{"purl": 1}]}, r"x.json: packages\[0\].purl: expected str, got int"),
        ({"image": {"reference": "", "digest": "sha256:1"}}, "x.json: image: not a digest"),
        ({"image": {"reference": "", "platform": "linux"}}, "x.json: image: not a platform"),
        ({"gaps": [{"stage": "moon", "why": "denied"}]}, r"x.json: gaps\[0\]: 'moon' is not a valid Stage"),
        (
            {
                "packages": [
                    {"purl": "", "type": "", "name": "", "version": "", "locations": [{"path": "", "layer": "?"}]}
                ]
            },
            r"x.json: packages\[0\]: not a digest",
        ),
    ],
)
def test_a_broken_document_names_the_place(change: dict[str, Any], message: str) -> None:
    document: dict[str, Any] = {"schema": "tidewaiter/inventory/1", "image": {"reference": "x"}} | change
    with pytest.raises(MalformedError, match=message):
        read_sbom(json.dumps(document).encode(), "x.json")


def test_several_images_are_read_only_where_several_are_expected() -> None:
    one = {"schema": "tidewaiter/inventory/1", "image": {"reference": "x"}}
    text = json.dumps({"schema": "tidewaiter/inventories/1", "inventories": [one, one]}).encode()
    assert len(read_inventories(text, "x.json")) == 2
    with pytest.raises(UsageError, match=r"x.json: there are 2 images in it"):
        read_sbom(text, "x.json")


# Detection


def test_a_byte_order_mark_and_blanks_do_not_matter() -> None:
    text = b'\xef\xbb\xbf \n {"bomFormat": "CycloneDX", "specVersion": "1.5"}'
    assert read_sbom(text, "bom.json").packages == ()


def test_an_attestation_is_opened() -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://cyclonedx.org/bom",
        "predicate": {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [_library("pkg:npm/x@1")]},
    }
    assert _only(read_sbom(json.dumps(statement).encode(), "att.json")).name == "x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no SBOM of a known format"),
        (b"\x7fELF", "no SBOM of a known format"),
        (b"[]", "no SBOM of a known format"),
        (b"{}", "JSON of an unknown kind"),
        (b'{"schema": "tidewaiter/report/2"}', r'unknown kind \(schema "tidewaiter/report/2"\)'),
        (b'{"artifacts": [], "source": {}}', "syft's own JSON; ask syft for cyclonedx-json"),
        (b'{"SchemaVersion": 2, "Results": []}', "trivy's own JSON; ask trivy for --format cyclonedx"),
        (b'{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}', "SPDX 3"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "2.0"}', "CycloneDX '2.0' is not read"),
        (b'{"spdxVersion": "SPDX-1.2"}', "'SPDX-1.2' is not read"),
        (b"<html/>", "no CycloneDX: the root is html"),
    ],
)
def test_what_is_no_sbom_is_refused_with_what_would_do(content: bytes, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        read_sbom(content, "file")


# Hostile documents


def _deep_components(depth: int) -> bytes:
    return (
        b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":['
        + b'{"components":[' * depth
        + b"]}" * depth
        + b"]}"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000,
        _deep_components(100_000),
        _deep_components(3_000),
        b'{"spdxVersion":"SPDX-2.3","packages":' + b"[" * 100_000,
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 5}',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "\xff"}]}',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6"',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6"} trailing',
        b"<bom",
        b"<a>" * 100_000,
        b'<!DOCTYPE bom [<!ENTITY a "b">]><bom xmlns="http://cyclonedx.org/schema/bom/1.6">&a;</bom>',
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6">'
        + b"<components><component>" * 20_000
        + b"</component></components>" * 20_000
        + b"</bom>",
        b'<?xml version="1.0" encoding="nonsense"?><bom/>',
        b"SPDXVersion: SPDX-2.3\nPackageName: \xff\n",
    ],
    ids=range(16),
)
def test_hostile_documents_are_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^evil: "):
        read_sbom(content, "evil")


def test_a_document_beyond_the_ceiling_is_a_matter_of_limits() -> None:
    with pytest.raises(LimitError, match="101 bytes, more than 100") as caught:
        read_sbom(b" " * 101, "big", ceiling=100)
    assert caught.value.limit == "sbom"


def test_a_very_long_package_url_does_not_fill_the_report() -> None:
    (gap,) = _cyclonedx(_library("pkg:" + "x" * 100_000)).gaps
    assert len(gap.subject) + len(gap.detail) < 1000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "name",
    "version",
    "purl",
    "type",
    "properties",
    "licenses",
    "components",
    "supplier",
    "externalRefs",
    "comment",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=4), max_size=3), st.booleans())
def test_any_component_gives_an_inventory_or_says_where_it_is_wrong(components: Sequence[Any], spdx: bool) -> None:
    said: MalformedError | None = None
    try:
        inventory = _spdx(*components) if spdx else _cyclonedx(*components)
        assert len(inventory.packages) + len(inventory.gaps) <= len(components) * 10
    except MalformedError as error:
        said = error
    assert said is None or said.where


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_package_url_gives_a_package_or_a_gap(rest: str, version: str) -> None:
    inventory = _cyclonedx(_library(f"pkg:{rest}", version=version))
    assert len(inventory.packages) + len(inventory.gaps) == 1
