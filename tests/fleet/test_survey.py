"""What would be looked at, by the listings alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fakes.registries import ACCOUNT, CountingWatcher, MemoryRegistry, registry
from tidewaiter.aws.registries import Found
from tidewaiter.errors import CloudDeniedError
from tidewaiter.fleet.filters import Filters
from tidewaiter.fleet.survey import survey
from tidewaiter.model.cloud import Account, ImageStatus, Lost, Passed
from tidewaiter.model.fleet import Kind, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.simulator.images import build_artifact, build_image, build_index, build_layer

NOW = datetime(2026, 6, 1, tzinfo=UTC)
A, B, C = (build_image([build_layer({name: b""})]) for name in "abc")


def test_every_listed_manifest_is_told_and_none_is_pulled() -> None:
    ecr = MemoryRegistry()
    ecr.push("web", A, "v1", pushed=NOW, pulled=NOW)
    ecr.push("web", build_index([B]), "v2", pushed=NOW)
    ecr.push("web", C, "v0", pushed=NOW - timedelta(days=100))
    ecr.push("chart", build_artifact("application/vnd.cncf.helm.config.v1+json"), "1")
    ecr.push("chart", B, "old", status=ImageStatus.ARCHIVED, pushed=NOW)
    watcher = CountingWatcher()
    found = survey([ecr.place], Filters(max_age=90), watcher, now=lambda: NOW)
    images = {(image.repository, image.tags): image for image in found}
    ends = {key: (image.kind, image.outcome.state, image.outcome.why) for key, image in images.items()}
    assert ends == {
        ("web", ("v1",)): (Kind.IMAGE, State.PENDING, None),
        ("web", ("v2",)): (Kind.INDEX, State.PENDING, None),
        ("web", ()): (Kind.IMAGE, State.PENDING, None),
        ("web", ("v0",)): (Kind.IMAGE, State.SKIPPED, Why.FILTERED),
        ("chart", ("1",)): (Kind.ARTIFACT, State.SKIPPED, Why.NOT_AN_IMAGE),
        ("chart", ("old",)): (Kind.IMAGE, State.SKIPPED, Why.ARCHIVED),
    }
    assert images["web", ("v1",)].pulled == images["web", ("v1",)].pushed == NOW
    ((account,), (covered,)) = found.accounts, found.accounts[0].registries
    assert account.account == ACCOUNT
    assert (covered.repositories, covered.manifests, covered.pending, covered.scanned) == (2, 6, 3, 0)
    assert dict(covered.skipped) == {Why.FILTERED: 1, Why.NOT_AN_IMAGE: 1, Why.ARCHIVED: 1}
    assert ecr.asked["manifests"] == 0
    assert watcher.found["manifests"] == 6
    assert watcher.found["repositories"] == watcher.done["repositories"] == 2


def test_what_refuses_or_is_left_out_is_told() -> None:
    ecr = MemoryRegistry(refuses={("images", "locked")})
    ecr.push("locked", A, "v1")
    ecr.push("cache", A, "v1")
    ecr.push("web", A, "v1")
    closed = MemoryRegistry(registry(region="us-east-1"), refuses={("repositories", "")})
    other = Account(id="222222222222", state="SUSPENDED")
    lost = Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject="eu-north-1", detail="An SCP denies it.")
    inactive = Gap(stage=Stage.DISCOVERY, why=Why.INACTIVE, subject=other.id, detail="It is SUSPENDED.")
    found: list[Found] = [
        ecr.place,
        closed.place,
        Lost(account=ACCOUNT, gap=lost, region="eu-north-1"),
        Passed(account=other, gap=inactive),
    ]
    told = survey(found, Filters(exclude_repositories=("cache",)))
    assert [image.repository for image in told] == ["web"]
    first, second = told.accounts
    assert (first.gaps, second.gaps, second.registries) == ((lost,), (inactive,), ())
    gaps = {gap.subject: gap.why for each in first.registries for gap in each.gaps}
    host = ecr.registry.host
    assert gaps == {f"{host}/cache": Why.FILTERED, f"{host}/locked": Why.DENIED, closed.registry.host: Why.DENIED}


def test_the_order_does_not_tell_what_came_first() -> None:
    lost = [Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject=name, detail="An SCP denies it.") for name in "abc"]
    ecr = MemoryRegistry()
    ecr.push("a", build_artifact("application/vnd.cncf.helm.config.v1+json"), "v1")
    ecr.push("b", A, "v1", status=ImageStatus.ARCHIVED)
    told = survey([ecr.place, *(Lost(account=ACCOUNT, gap=gap) for gap in reversed(lost))], Filters())
    assert {image.repository for image in told} == {"a", "b"}
    (account,) = told.accounts
    assert account.gaps == tuple(lost)
    assert account.registries[0].skipped == ((Why.ARCHIVED, 1), (Why.NOT_AN_IMAGE, 1))


def test_an_error_of_discovery_is_raised_after_what_came_before_it() -> None:
    ecr = MemoryRegistry()
    ecr.push("web", A, "v1")

    def broken() -> Iterator[Found]:
        yield ecr.place
        raise CloudDeniedError("the accounts cannot be listed")

    with pytest.raises(CloudDeniedError, match="cannot be listed"):
        list(survey(broken(), Filters()))


def test_a_fleet_larger_than_what_is_listed_ahead_passes_through() -> None:
    ecr = MemoryRegistry()
    for number in range(300):
        ecr.push(f"r{number}", A, "v1")
    assert len({image.repository for image in survey([ecr.place], Filters())}) == 300


def test_nobody_needs_to_take_all_of_it() -> None:
    ecr = MemoryRegistry()
    for number in range(300):
        ecr.push(f"r{number}", A, "v1")
    images = iter(survey([ecr.place], Filters()))
    assert next(images).tags == ("v1",)
    images.close()  # type: ignore[attr-defined]  # it is a generator
    assert ecr.asked["images"] < 300
