"""Distinct packages: which have to be judged, and what is known of them."""

from dataclasses import fields, replace

import pytest

from store_samples import (
    ADVISORIES,
    BASE,
    DEBIAN,
    begun,
    deb,
    detail,
    digest,
    ended,
    finding,
    gap,
    inventory,
    layer,
    pypi,
    repository,
    scan,
    scanned,
)
from tidewaiter.model.finding import Finding
from tidewaiter.model.fleet import State
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.package import Distro, Location, Package, SourcePackage
from tidewaiter.store.packages import bare
from tidewaiter.store.records import ImageContents, Judged, PackageJudgement
from tidewaiter.store.store import Store
from tidewaiter.store.surveys import Contents

DOUBT = gap("pkg:deb/debian/curl", Why.NOT_COMPARABLE, Stage.MATCH)


def to_judge(store: Store, run: int, database: str = ADVISORIES) -> dict[str, int]:
    return {package.name: number for number, package in store.packages_to_judge(database, run, 100)}


def with_packages(name: str, *packages: Package) -> list[Package]:
    return [replace(package, locations=(Location(path="x", layer=layer(2, name)),)) for package in packages]


def test_packages_of_several_images_are_judged_once(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app", "django"), inventory("web", "django", "flask"))
    assert sorted(to_judge(store, run)) == ["curl", "django", "flask", "libc6", "openssl"]


def test_a_package_is_judged_without_what_says_where_it_was(store: Store) -> None:
    run = begun(store)
    image = inventory("app")
    scan(store, run, replace(image, packages=image.packages[:1]))
    ((_, judged),) = store.packages_to_judge(ADVISORIES, run, 100)
    assert judged == bare(image.packages[0])
    assert judged.distro == replace(DEBIAN, path="")
    assert (judged.licenses, judged.locations, judged.extractor) == ((), (), "")


FULL = Package(
    purl="pkg:rpm/redhat/nodejs@1-2",
    type="rpm",
    name="nodejs",
    version="1-2",
    source=SourcePackage(name="node", version="1-1"),
    architecture="x86_64",
    distro=DEBIAN,
    module="nodejs:18:1:2",
    vendor="Red Hat, Inc.",
    origin="Red Hat",
    provides=("node",),
)


@pytest.mark.parametrize(
    "other",
    [
        {"purl": "pkg:rpm/centos/nodejs@1-2"},
        {"type": "deb"},
        {"name": "node"},
        {"version": "1-3"},
        {"source": None},
        {"source": SourcePackage(name="node", version="")},
        {"source": SourcePackage(name="", version="")},
        {"architecture": "aarch64"},
        {"distro": None},
        {"distro": replace(DEBIAN, version_id="11")},
        {"distro": replace(DEBIAN, pretty_name="Other")},
        {"module": ""},
        {"vendor": "CentOS"},
        {"origin": ""},
        {"provides": ()},
    ],
    ids=str,
)
def test_packages_that_differ_in_what_a_judgement_depends_on_are_two(
    file_store: Store, other: dict[str, object]
) -> None:
    run = begun(file_store)
    two = with_packages("app", FULL, replace(FULL, **other))  # type: ignore[arg-type]  # fields of their own types
    scan(file_store, run, replace(inventory("app"), packages=tuple(two)))
    judged = [package for _, package in file_store.packages_to_judge(ADVISORIES, run, 100)]
    assert sorted(judged, key=repr) == sorted((bare(package) for package in two), key=repr)


@pytest.mark.parametrize(
    "other",
    [
        {"licenses": ("MIT",)},
        {"extractor": "other"},
        {"distro": replace(DEBIAN, root="srv/jail", path="srv/jail/etc/os-release")},
    ],
    ids=str,
)
def test_packages_that_are_judged_alike_are_one(file_store: Store, other: dict[str, object]) -> None:
    run = begun(file_store)
    two = with_packages("app", FULL, replace(FULL, **other))  # type: ignore[arg-type]  # fields of their own types
    scan(file_store, run, replace(inventory("app"), packages=tuple(two)))
    ((number, _),) = file_store.packages_to_judge(ADVISORIES, run, 100)
    (held,) = file_store.contents(run)
    assert list(held.packages) == [(number, 2), (number, 2)]


def test_bare_packages_and_releases_lose_nothing_else() -> None:
    """A field that is added to the model has to be kept, or left out knowingly."""
    assert {field.name for field in fields(Package)} - {"licenses", "locations", "extractor"} == {
        "purl",
        "type",
        "name",
        "version",
        "source",
        "architecture",
        "distro",
        "module",
        "vendor",
        "origin",
        "provides",
    }
    assert {field.name for field in fields(Distro)} - {"root", "path"} == {
        "id",
        "version_id",
        "pretty_name",
        "version_codename",
        "id_like",
        "cpe_name",
        "variant_id",
    }


def test_as_many_packages_are_given_as_were_asked_for(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app", "django"))
    assert len(store.packages_to_judge(ADVISORIES, run, 3)) == 3


def test_what_was_judged_is_not_given_again(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app", "django"))
    numbers = to_judge(store, run)
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=numbers["curl"])])
    assert to_judge(store, run).keys() == {"django", "libc6", "openssl"}


def test_another_advisory_database_judges_all_anew(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    numbers = to_judge(store, run)
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=number) for number in numbers.values()])
    assert to_judge(store, run) == {}
    assert to_judge(store, run, "newer") == numbers


def test_a_later_run_finds_judged_what_an_earlier_one_judged(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=n) for n in to_judge(store, run).values()])
    later = begun(store)
    scan(store, later, inventory("app"), inventory("web", "flask"))
    assert to_judge(store, later).keys() == {"flask"}


def test_only_images_that_the_run_scanned_are_judged(store: Store) -> None:
    scan(store, begun(store), inventory("old", "flask"))
    run = begun(store)
    scan(store, run, inventory("app"), inventory("broken", "django"))
    place = repository(store, run)
    store.settle(run, place, [ended("broken", State.FAILED, Why.MALFORMED)])
    assert to_judge(store, run).keys() == {"curl", "libc6", "openssl"}


def test_a_run_over_little_of_a_large_store_judges_what_it_scanned(store: Store) -> None:
    scan(store, begun(store), *(inventory(f"old {number}", f"package{number}") for number in range(12)))
    run = begun(store)
    scan(store, run, inventory("old 3", "package3"), inventory("new", "flask"))
    numbers = to_judge(store, run)
    assert numbers.keys() == {"curl", "libc6", "openssl", "package3", "flask"}
    judged = [PackageJudgement(package=number, gaps=(DOUBT,)) for number in range(1, 17)]
    store.keep_judgements(ADVISORIES, judged)
    assert {each.package for each in store.judgements(run, ADVISORIES)} == set(numbers.values())


def test_findings_come_back_equal_with_the_package_that_was_judged(store: Store) -> None:
    run = begun(store)
    image = inventory("app")
    scan(store, run, image)
    judged = dict(store.packages_to_judge(ADVISORIES, run, 100))
    number = to_judge(store, run)["curl"]
    findings = (finding(judged[number]), Finding(package=judged[number], vulnerability="CVE-2026-2"))
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=number, findings=findings, gaps=(DOUBT,))])
    assert list(store.judgements(run, ADVISORIES)) == [
        Judged(package=number, subject=judged[number], findings=findings, gaps=(DOUBT,))
    ]


def test_a_finding_in_the_samples_has_no_field_as_it_is_by_default() -> None:
    default = Finding(package=FULL, vulnerability="")
    full = finding(FULL)
    assert [field.name for field in fields(Finding) if getattr(full, field.name) == getattr(default, field.name)] == [
        "package"
    ]


def test_sound_packages_are_not_told(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=n) for n in to_judge(store, run).values()])
    assert list(store.judgements(run, ADVISORIES)) == []


def test_a_doubt_without_findings_is_told(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    number = to_judge(store, run)["curl"]
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=number, gaps=(DOUBT,))])
    assert [(each.package, each.findings, each.gaps) for each in store.judgements(run, ADVISORIES)] == [
        (number, (), (DOUBT,))
    ]


def test_a_judgement_replaces_the_one_before(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    number, package = store.packages_to_judge(ADVISORIES, run, 1)[0]
    vulnerable = PackageJudgement(package=number, findings=(finding(package),))
    store.keep_judgements(ADVISORIES, [vulnerable])
    store.keep_judgements("newer", [vulnerable, PackageJudgement(package=number)])
    assert list(store.judgements(run, ADVISORIES)) == []
    assert list(store.judgements(run, "newer")) == []


def test_more_judgements_than_a_page_holds_come_once_each(store: Store) -> None:
    run = begun(store)
    names = [f"package{number}" for number in range(1203)]
    scan(store, run, inventory("app", *names))
    judged = store.packages_to_judge(ADVISORIES, run, 5000)
    store.keep_judgements(ADVISORIES, [PackageJudgement(package=n, findings=(finding(p),)) for n, p in judged])
    assert [each.package for each in store.judgements(run, ADVISORIES)] == sorted(number for number, _ in judged)


def test_what_images_hold_is_told_by_number_and_layer(store: Store) -> None:
    run = begun(store)
    loose = replace(pypi("loose", None), locations=())
    image = inventory("app", "django")
    scan(store, run, replace(image, packages=(*image.packages, loose)))
    numbers = to_judge(store, run)
    (held,) = store.contents(run)
    assert sorted(held.packages) == sorted(
        [
            (numbers["libc6"], 0),
            (numbers["openssl"], 0),
            (numbers["curl"], 1),
            (numbers["django"], 2),
            (numbers["loose"], -1),
        ]
    )
    assert replace(held, packages=()) == ImageContents(
        digest=digest("app"),
        distro="Debian GNU/Linux 12 (bookworm)",
        layers=(*(each.digest for each in BASE), digest("layer app")),
        packages=(),
        gaps=image.gaps,
    )


def test_an_image_in_two_repositories_is_told_once(store: Store) -> None:
    run = begun(store)
    scan(store, run, inventory("app"))
    place = repository(store, run, "mirror")
    store.saw_manifests(run, place, [detail("app")], complete=True)
    store.settle(run, place, [scanned("app")])
    assert [each.digest for each in store.contents(run)] == [digest("app")]


def test_an_image_that_another_run_scanned_is_not_told(store: Store) -> None:
    scan(store, begun(store), inventory("app"))
    assert list(store.contents(begun(store))) == []


def test_more_images_than_a_page_holds_come_once_each(store: Store) -> None:
    run = begun(store)
    images = [inventory(f"app {number}", f"package{number}") for number in range(430)]
    scan(store, run, *images)
    told = {each.digest: len(each.packages) for each in store.contents(run)}
    assert told == {image.image.digest: 4 for image in images}


def test_what_is_no_longer_remembered_is_read_again(store: Store) -> None:
    run = begun(store)
    scan(store, run, *(inventory(f"app {number}", f"package{number}") for number in range(210)))
    contents = Contents(run, remembered=1)
    first, last = store._database.read(lambda connection: contents.page(connection, 0))
    second, _ = store._database.read(lambda connection: contents.page(connection, last))
    assert [*first, *second] == list(store.contents(run))
    assert len(second) == 10


def test_a_release_without_a_name_is_told_as_nothing(store: Store) -> None:
    run = begun(store)
    scan(store, run, replace(inventory("app"), distro=None, distros=(), packages=(deb("libc6", BASE[0]),)))
    assert [each.distro for each in store.contents(run)] == [""]
