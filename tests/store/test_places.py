"""Accounts, registries and repositories, and how much of each a run looked at."""

from dataclasses import replace

from store_samples import ACCOUNT, OTHER_ACCOUNT, REGISTRY, begun, detail, ended, gap, repository, scanned
from tidewaiter.model.cloud import Account, Registry
from tidewaiter.model.fleet import AccountCoverage, Kind, RegistryCoverage, State
from tidewaiter.model.gap import Why
from tidewaiter.store.store import Store


def test_accounts_come_back_with_their_gaps_by_number(store: Store) -> None:
    run = begun(store)
    store.saw_account(run, OTHER_ACCOUNT, [gap("lab")])
    store.saw_account(run, ACCOUNT)
    assert store.coverage(run) == [
        AccountCoverage(account=ACCOUNT),
        AccountCoverage(account=OTHER_ACCOUNT, gaps=(gap("lab"),)),
    ]


def test_gaps_of_one_run_add_up_and_stand_once(store: Store) -> None:
    run = begun(store)
    store.saw_account(run, ACCOUNT, [gap("eu-west-1")])
    store.saw_account(run, ACCOUNT, [gap("eu-west-2"), gap("eu-west-1")])
    store.saw_account(run, ACCOUNT)
    (covered,) = store.coverage(run)
    assert covered.gaps == (gap("eu-west-1"), gap("eu-west-2"))


def test_gaps_of_an_earlier_run_are_forgotten(store: Store) -> None:
    run = begun(store)
    place = repository(store, run)
    store.saw_account(run, ACCOUNT, [gap("a")])
    store.saw_registry(run, ACCOUNT.id, REGISTRY, [gap("b")])
    store.repository_gap(run, place, gap("c"))
    later = begun(store)
    repository(store, later)
    (covered,) = store.coverage(later)
    assert covered.gaps == ()
    assert covered.registries[0].gaps == ()


def test_only_what_the_run_came_upon_is_covered(store: Store) -> None:
    repository(store, begun(store))
    assert store.coverage(begun(store)) == []


def test_the_names_of_an_account_outlast_a_run_that_does_not_know_them(store: Store) -> None:
    store.saw_account(begun(store), ACCOUNT)
    run = begun(store, "one registry")
    store.saw_account(run, Account(id=ACCOUNT.id))
    assert store.coverage(run)[0].account == ACCOUNT


def test_an_account_is_what_the_last_run_saw(store: Store) -> None:
    store.saw_account(begun(store), ACCOUNT)
    run = begun(store)
    moved = replace(ACCOUNT, name="store", ou_path="Root", state="SUSPENDED", management=False)
    store.saw_account(run, moved)
    assert store.coverage(run)[0].account == moved


def test_a_place_keeps_its_number(store: Store) -> None:
    first = repository(store, begun(store), "app")
    other = repository(store, begun(store), "web")
    assert repository(store, begun(store), "app") == first != other


def test_the_same_repository_in_two_registries_is_two(store: Store) -> None:
    run = begun(store)
    elsewhere = replace(REGISTRY, region="eu-west-2", host=REGISTRY.host.replace("west-1", "west-2"))
    assert repository(store, run, "app") != repository(store, run, "app", elsewhere)


def test_a_public_registry_is_known_from_a_private_one(store: Store) -> None:
    run = begun(store)
    public = Registry(partition="aws", account=ACCOUNT.id, region="us-east-1", host="public.ecr.aws/shop", public=True)
    repository(store, run, "app")
    repository(store, run, "app", public)
    assert [each.registry for each in store.coverage(run)[0].registries] == [REGISTRY, public]


def test_manifests_are_counted_by_how_they_ended_the_most_frequent_reason_first(store: Store) -> None:
    run = begun(store)
    place = repository(store, run)
    store.saw_manifests(run, place, [detail(number) for number in range(8)], complete=True)
    store.settle(
        run,
        place,
        [
            scanned(0),
            scanned(1),
            ended(2, State.SKIPPED, Why.ARCHIVED),
            ended(3, State.SKIPPED, Why.NOT_AN_IMAGE, Kind.ARTIFACT),
            ended(4, State.SKIPPED, Why.NOT_AN_IMAGE, Kind.ARTIFACT),
            ended(5, State.FAILED, Why.MALFORMED),
            ended(6, State.FAILED, Why.DENIED),
        ],
    )
    store.repository_gap(run, place, gap("app"))
    store.saw_registry(run, ACCOUNT.id, REGISTRY, [gap("registry")])
    repository(store, run, "empty")
    expected = RegistryCoverage(
        registry=REGISTRY,
        repositories=2,
        manifests=8,
        scanned=2,
        pending=1,
        skipped=((Why.NOT_AN_IMAGE, 2), (Why.ARCHIVED, 1)),
        failed=((Why.DENIED, 1), (Why.MALFORMED, 1)),
        gaps=(gap("registry"), gap("app")),
    )
    assert store.coverage(run)[0].registries == (expected,)


def test_manifests_that_an_earlier_run_settled_are_pending_until_this_one_does(store: Store) -> None:
    first = begun(store)
    store.settle(first, repository(store, first), [scanned(0), scanned(1)])
    run = begun(store)
    place = repository(store, run)
    store.saw_manifests(run, place, [detail(0), detail(1)], complete=True)
    store.settle(run, place, [scanned(1)])
    (covered,) = store.coverage(run)[0].registries
    assert (covered.manifests, covered.scanned, covered.pending) == (2, 1, 1)


def test_manifests_that_are_gone_are_not_counted(store: Store) -> None:
    run = begun(store)
    place = repository(store, run)
    store.saw_manifests(run, place, [detail(0), detail(1)], complete=True)
    later = begun(store)
    store.saw_manifests(later, repository(store, later), [detail(1)], complete=True)
    assert store.coverage(later)[0].registries[0].manifests == 1
