"""Package URLs, by the purl specification and as packageurl-python reads them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from tidewaiter.inventory.purl import encode, package_purl, purl
from tidewaiter.model.package import Distro, Package, SourcePackage

DEBIAN = Distro(id="debian", version_id="12")


def package(type_: str, name: str, version: str, distro: Distro | None = None, **more: str) -> Package:
    source_name, source_version = more.pop("source", ""), more.pop("source_version", "")
    source = SourcePackage(name=source_name, version=source_version) if source_name else None
    return Package(purl="", type=type_, name=name, version=version, source=source, distro=distro, **more)  # type: ignore[arg-type] # only text fields are given


# Components.


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("abcXYZ019.-_~", "abcXYZ019.-_~"),
        ("1:2.3", "1:2.3"),
        ("2.4.47-2+b1", "2.4.47-2%2Bb1"),
        ("1.0^git", "1.0%5Egit"),
        ("@angular", "%40angular"),
        ("a/b?c=d&e#f", "a%2Fb%3Fc%3Dd%26e%23f"),
        ("50% off", "50%25%20off"),
        ("café", "caf%C3%A9"),
        ("", ""),
    ],
)
def test_all_but_letters_digits_four_marks_and_the_colon_is_encoded(text: str, encoded: str) -> None:
    assert encode(text) == encoded


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("pkg:gem/ruby-advisory-db-check@0.12.4", ("gem", "", "ruby-advisory-db-check", "0.12.4", {})),
        ("pkg:npm/%40angular/animation@12.3.1", ("npm", "@angular", "animation", "12.3.1", {})),
        (
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?classifier=sources&type=zip",
            ("maven", "org.apache.xmlgraphics", "batik-anim", "1.9.1", {"type": "zip", "classifier": "sources"}),
        ),
        (
            "pkg:golang/github.com/gorilla/context@234fd47e07d1",
            ("golang", "github.com/gorilla", "context", "234fd47e07d1", {}),
        ),
        ("pkg:generic/openssl", ("generic", "/./", "openssl", "", {"empty": ""})),
        ("pkg:deb/debian/attr@1:2.4.47-2?arch=source", ("DEB", "debian", "attr", "1:2.4.47-2", {"Arch": "source"})),
        (
            "pkg:rpm/centerim@4.22.10-1.el6?arch=i686&distro=fedora-25&epoch=1",
            ("rpm", "", "centerim", "4.22.10-1.el6", {"epoch": "1", "distro": "fedora-25", "arch": "i686"}),
        ),
    ],
)
def test_examples_of_the_specification(url: str, parts: tuple[str, str, str, str, dict[str, str]]) -> None:
    assert purl(*parts) == url
    assert PackageURL.from_string(url).to_string() == url


def test_a_subpath_loses_its_dots_and_keeps_its_segments() -> None:
    url = purl("golang", "google.golang.org", "genproto", "1", {}, subpath="/googleapis/./a b/../annotations/")
    assert url == "pkg:golang/google.golang.org/genproto@1#googleapis/a%20b/annotations"


# Installed packages.


@pytest.mark.parametrize(
    ("given_package", "url"),
    [
        (
            package(
                "deb", "openssl", "3.0.11-1", DEBIAN, architecture="amd64", source="openssl", source_version="3.0.11-1"
            ),
            "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12",
        ),
        (
            package("deb", "libssl3", "3.0.11-1~deb12u2", DEBIAN, architecture="amd64", source="openssl"),
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
        ),
        (
            package("deb", "bash", "5.2.15-2+b2", DEBIAN, source="bash", source_version="5.2.15-2"),
            "pkg:deb/debian/bash@5.2.15-2%2Bb2?distro=debian-12&upstream=bash%405.2.15-2",
        ),
        (
            package("deb", "login", "1:4.13+dfsg1-1+b1", DEBIAN, source="shadow", source_version="1:4.13+dfsg1-1"),
            "pkg:deb/debian/login@1:4.13%2Bdfsg1-1%2Bb1?distro=debian-12&upstream=shadow%401:4.13%2Bdfsg1-1",
        ),
        (
            package("deb", "bash", "5.1-6ubuntu1", Distro(id="ubuntu", version_id="22.04"), architecture="amd64"),
            "pkg:deb/ubuntu/bash@5.1-6ubuntu1?arch=amd64&distro=ubuntu-22.04",
        ),
        (
            package("deb", "bash", "5.2-1", Distro(id="debian", version_codename="trixie")),
            "pkg:deb/debian/bash@5.2-1?distro=debian-trixie",
        ),
        (
            package(
                "apk",
                "ssl_client",
                "1.36.1-r2",
                Distro(id="alpine", version_id="3.18.4"),
                architecture="x86_64",
                source="busybox",
                source_version="1.36.1-r2",
            ),
            "pkg:apk/alpine/ssl_client@1.36.1-r2?arch=x86_64&distro=alpine-3.18.4&upstream=busybox",
        ),
        (
            package("apk", "R", "4.3.1-r0", Distro(id="wolfi", version_id="20230201")),
            "pkg:apk/wolfi/r@4.3.1-r0?distro=wolfi-20230201",
        ),
        (
            package(
                "apk", "libstdc++", "12.2.1_git20220924-r10", Distro(id="alpine", version_id="3.18.4"), source="gcc"
            ),
            "pkg:apk/alpine/libstdc%2B%2B@12.2.1_git20220924-r10?distro=alpine-3.18.4&upstream=gcc",
        ),
        (package("apk", "musl", "1.2.4-r1", Distro(id="postmarketos")), "pkg:apk/postmarketos/musl@1.2.4-r1"),
        (
            package(
                "rpm",
                "perl-Errno",
                "0:1.28-419.el8",
                Distro(id="rhel", version_id="8.9"),
                architecture="x86_64",
                source="perl",
                source_version="5.26.3-419.el8",
            ),
            "pkg:rpm/redhat/perl-Errno@1.28-419.el8?arch=x86_64&distro=rhel-8.9&epoch=0&upstream=perl-5.26.3-419.el8.src.rpm",
        ),
        (
            package(
                "rpm",
                "bind-libs",
                "32:9.11.36-8.el8",
                Distro(id="centos", version_id="8"),
                source="bind",
                source_version="9.11.36-8.el8",
            ),
            "pkg:rpm/centos/bind-libs@9.11.36-8.el8?distro=centos-8&epoch=32&upstream=bind-9.11.36-8.el8.src.rpm",
        ),
        (
            package(
                "rpm",
                "bind",
                "32:9.11.36-8.el8",
                Distro(id="centos", version_id="8"),
                source="bind",
                source_version="9.11.36-8.el8",
            ),
            "pkg:rpm/centos/bind@9.11.36-8.el8?distro=centos-8&epoch=32",
        ),
        (
            package(
                "rpm",
                "nodejs",
                "1:18.19.0-1",
                Distro(id="rocky", version_id="9.3"),
                module="nodejs:18:9030020231208:rhel9",
            ),
            "pkg:rpm/rocky/nodejs@18.19.0-1?distro=rocky-9.3&epoch=1&rpmmod=nodejs:18:9030020231208:rhel9",
        ),
        (
            package("rpm", "zypper", "1.14.68-1", Distro(id="opensuse-leap", version_id="15.5")),
            "pkg:rpm/opensuse/zypper@1.14.68-1?distro=opensuse-leap-15.5",
        ),
        (
            package("rpm", "zypper", "1.14.68-1", Distro(id="opensuse-tumbleweed", version_id="20240101")),
            "pkg:rpm/opensuse/zypper@1.14.68-1?distro=opensuse-tumbleweed-20240101",
        ),
        (
            package("rpm", "zypper", "1.14.68-1", Distro(id="sles", version_id="15.5")),
            "pkg:rpm/sles/zypper@1.14.68-1?distro=sles-15.5",
        ),
        (
            package(
                "rpm", "bash", "5.2.15-1.amzn2023.0.2", Distro(id="amzn", version_id="2023"), architecture="x86_64"
            ),
            "pkg:rpm/amzn/bash@5.2.15-1.amzn2023.0.2?arch=x86_64&distro=amzn-2023",
        ),
    ],
)
def test_installed_packages_are_named_by_vendor_release_and_source(given_package: Package, url: str) -> None:
    assert package_purl(given_package) == url
    assert written_again(url) == url


@pytest.mark.parametrize("type_", ["deb", "apk", "rpm"])
def test_without_a_distribution_there_is_no_namespace(type_: str) -> None:
    assert package_purl(package(type_, "bash", "5.1-1", architecture="all")) == f"pkg:{type_}/bash@5.1-1?arch=all"


def test_a_source_without_version_has_the_packages() -> None:
    url = package_purl(package("rpm", "bind-libs", "32:9.11-8.el8", source="bind"))
    assert url == "pkg:rpm/bind-libs@9.11-8.el8?epoch=32&upstream=bind-9.11-8.el8.src.rpm"


# Properties.

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9+._~-]{0,15}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]{1,2}:)?[0-9A-Za-z.+~^_]{1,12}(-[0-9A-Za-z.+~^_]{1,8})?", fullmatch=True)
DISTROS = st.builds(
    Distro,
    id=st.from_regex(r"[a-z][a-z0-9._-]{0,11}", fullmatch=True),
    version_id=st.from_regex(r"([0-9]{1,2}(\.[0-9]{1,2})?)?", fullmatch=True),
    version_codename=st.from_regex(r"[a-z]{0,8}", fullmatch=True),
)
PACKAGES = st.builds(
    Package,
    purl=st.just(""),
    type=st.sampled_from(["deb", "apk", "rpm"]),
    name=NAMES,
    version=VERSIONS,
    architecture=st.sampled_from(["", "amd64", "x86_64", "noarch"]),
    source=st.none() | st.builds(SourcePackage, name=NAMES, version=VERSIONS | st.just("")),
    module=st.sampled_from(["", "perl:5.26:820181219174508:9edba152"]),
    distro=st.none() | DISTROS,
)


def written_again(url: str) -> str:
    """The purl as packageurl-python writes it, with the hexadecimal digits in upper case, as RFC 3986 (2.1) wants them.

    The library writes an apk's name in lower case after encoding it, so that its `libstdc++` is `libstdc%2b%2b`.
    """
    text = PackageURL.from_string(url).to_string()
    return re.sub("%[0-9a-f]{2}", lambda found: found[0].upper(), text)


@given(PACKAGES)
def test_packageurl_reads_every_purl_and_writes_it_alike(given_package: Package) -> None:
    url = package_purl(given_package)
    assert written_again(url) == url
    read = PackageURL.from_string(url)
    epoch, colon, rest = given_package.version.partition(":")
    in_version = given_package.type != "rpm" or not colon
    assert read.type == given_package.type
    assert read.name == (given_package.name if given_package.type == "rpm" else given_package.name.lower())
    assert read.version == (given_package.version if in_version else rest)
    assert read.qualifiers.get("epoch", "") == ("" if in_version else epoch)
    assert read.qualifiers.get("arch", "") == given_package.architecture
    assert bool(read.namespace) == (given_package.distro is not None)
    assert list(read.qualifiers) == sorted(read.qualifiers)


COMPONENT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text.strip("/") == text and not set(text.split("/")) & {"", ".", ".."}
)


@given(COMPONENT, COMPONENT.filter(lambda text: text.count("/") < 3), COMPONENT, COMPONENT, COMPONENT)
def test_whatever_stands_in_a_component_comes_back(
    namespace: str, name: str, version: str, value: str, subpath: str
) -> None:
    url = purl("generic", namespace, name, version, {"key": value}, subpath)
    assert url.isascii()
    read = PackageURL.from_string(url)
    assert (read.namespace, read.name, read.version) == (namespace, name, version)
    assert read.qualifiers == {"key": value}
    assert read.subpath == subpath
