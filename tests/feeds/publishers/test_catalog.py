"""The list of publishers."""

import importlib
import pkgutil

import pytest

from tidewaiter.feeds import publishers
from tidewaiter.feeds.publishers.catalog import PUBLISHERS, publisher_of
from tidewaiter.feeds.publishers.publisher import Publisher


@pytest.mark.parametrize(
    ("identifier", "ecosystem", "name"),
    [
        ("DSA-1-1", "", "debian"),
        ("DLA-1-1", "", "debian"),
        ("DEBIAN-CVE-2024-1", "", "debian"),
        ("UBUNTU-CVE-2024-1", "", "ubuntu"),
        ("USN-1-1", "", "ubuntu"),
        ("ALPINE-CVE-2024-1", "", "alpine"),
        ("RHSA-2024:1", "", "redhat"),
        ("RHBA-2024:1", "", "redhat"),
        ("REDHAT-CVE-2019-1", "", "redhat"),
        ("ALSA-2024:1", "", "almalinux"),
        ("RLSA-2024:1", "", "rocky"),
        ("SUSE-SU-2024:1-1", "", "suse"),
        ("openSUSE-SU-2024:1-1", "", "suse"),
        ("GHSA-1", "Maven", "ghsa"),
        ("PYSEC-2024-1", "PyPI", "pypa"),
        ("GO-2024-1", "Go", "go"),
        ("RUSTSEC-2024-1", "crates.io", "rustsec"),
        ("CVE-2022-21658", "crates.io", "rustsec"),
        ("BIT-redis-2024-1", "Bitnami", "bitnami"),
        ("GLAD-npm.x-CVE-2020-1", "npm", "gitlab"),
        ("RUBYSEC-x-CVE-2020-1", "RubyGems", "rubysec"),
        ("CVE-2018-1002100", "kubernetes", "kubernetes"),
        ("CVE-2024-10524", "Alpine:v3.21", "osv"),
        ("NEW-1", "", "osv"),
        ("nothing", "", "osv"),
    ],
)
def test_an_advisory_belongs_to_the_publisher_of_its_prefix(identifier: str, ecosystem: str, name: str) -> None:
    assert publisher_of(identifier, ecosystem).name == name


def test_names_and_prefixes_of_publishers_are_unique() -> None:
    names = [publisher.name for publisher in PUBLISHERS]
    prefixes = [prefix for publisher in PUBLISHERS for prefix in publisher.prefixes]
    assert len(set(names)) == len(names)
    assert len(set(prefixes)) == len(prefixes)
    assert all(prefix.count("-") == 1 and prefix.endswith("-") for prefix in prefixes)


def test_every_kind_of_publisher_is_in_the_list() -> None:
    for module in pkgutil.iter_modules(publishers.__path__):
        importlib.import_module(f"{publishers.__name__}.{module.name}")
    assert set(_kinds(Publisher)) <= {type(publisher).__name__ for publisher in PUBLISHERS}


def _kinds(kind: type[Publisher]) -> list[str]:
    return [name for child in kind.__subclasses__() for name in (child.__name__, *_kinds(child))]
