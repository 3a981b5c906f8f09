"""The report on a fleet for people, at every width, whatever comes from outside."""

import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_samples import (
    ALPINE,
    BASE,
    CHECKOUT,
    CHECKOUT_INDEX,
    CLEAN_FLEET,
    EMPTY_FLEET,
    LEFT_OVER,
    NO_FEED,
    PAYER,
    RUN,
    SHOP_VIRGINIA,
    SHUT,
    SMALL_FLEET,
    VULNERABILITIES,
    digest,
    refusal,
    registry_in,
    unscanned,
)
from golden_files import assert_golden
from tidewaiter.model.cloud import Account, Registry
from tidewaiter.model.fleet import AccountCoverage, FleetImage, FleetReport, GapCount, RegistryCoverage, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.report.fleet_gaps import unseen
from tidewaiter.report.fleet_table import render
from tidewaiter.report.layout import columns_of

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_NOT_COMPARABLE = Gap(stage=Stage.MATCH, why=Why.NOT_COMPARABLE, subject="libx 1:", detail="no version")
UNREFUSED = replace(
    SMALL_FLEET,
    accounts=tuple(account for account in SMALL_FLEET.accounts if account.account.id[0] != "3"),
)
"""Without the refusals, whose statements stay whole and may be wider than the page."""


def drawn(report: FleetReport, width: int = 120) -> str:
    return render(report, width=width, colour=False)


def section(text: str, title: str) -> str:
    """The lines below a title, up to the next blank line."""
    found = re.search(rf"^{re.escape(title)}\n(.*?)\n\n", text + "\n", re.MULTILINE | re.DOTALL)
    assert found, f"there is no {title}"
    return found[1]


@pytest.mark.parametrize(
    ("width", "name"), [(60, "fleet-60.txt"), (80, "fleet-80.txt"), (120, "fleet-120.txt"), (160, "fleet-160.txt")]
)
def test_the_small_fleet_is_drawn_as_before(width: int, name: str) -> None:
    assert_golden(name, drawn(SMALL_FLEET, width))


@pytest.mark.parametrize("width", [0, 40, 60, 79, 80, 81, 100, 120, 200])
@pytest.mark.parametrize("report", [UNREFUSED, CLEAN_FLEET, EMPTY_FLEET], ids=["small", "clean", "empty"])
def test_no_line_is_wider_than_asked(width: int, report: FleetReport) -> None:
    lines = drawn(report, width).splitlines()
    assert max(map(columns_of, lines)) <= max(width, 40)
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("width", [60, 120])
def test_colours_change_nothing_but_colours(width: int) -> None:
    coloured = render(SMALL_FLEET, width=width, colour=True)
    assert _SGR.search(coloured)
    assert _SGR.sub("", coloured) == drawn(SMALL_FLEET, width)


@settings(max_examples=40)
@given(st.text(max_size=40), st.integers(40, 140))
def test_any_text_from_outside_keeps_the_width_and_stays_printable(text: str, width: int) -> None:
    account = Account(id=text[:12], name=text, ou_path=text, state=text)
    gap = Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject=text, detail=text.replace("{", ""))
    report = replace(
        UNREFUSED,
        run=replace(RUN, command=text, moved=((text, text, digest("a1"), digest("a2")),)),
        accounts=(AccountCoverage(account=account, gaps=(gap,)),),
        images=(replace(CHECKOUT, repository=text, tags=(text,)), unscanned("d9", State.FAILED, Why.DENIED, text)),
        vulnerabilities=(replace(VULNERABILITIES[0], vulnerability=text, packages=(text,), summary=text),),
        bases=(replace(SMALL_FLEET.bases[0], names=(text,), distro=text, upgrades=((text, text, text),)),),
    )
    lines = drawn(report, width).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(columns_of, lines)) <= max(width, 40)


def test_no_secret_is_told() -> None:
    assert "not-to-be-told" not in drawn(SMALL_FLEET)


def test_it_says_who_asked_and_by_which_roles() -> None:
    head = " ".join(drawn(SMALL_FLEET).partition("Coverage")[0].split())
    assert "asked by arn:aws:sts::111122223333:assumed-role/tidewaiter/tidewaiter (from iam-role)" in head
    assert "then arn:aws:iam::111122223333:role/OrganizationReader" in head


def test_every_account_and_region_has_its_row_with_reasons() -> None:
    rows = section(drawn(SMALL_FLEET, 200), "Coverage").splitlines()
    by_region = [re.split(r" {2,}", row.strip()) for row in rows]
    assert by_region[2][:5] == ["222233334444 shop-production", "eu-west-1", "1", "9", "3"]
    assert by_region[2][5:] == ["2 not-an-image, 1 archived, 1 filtered", "1 malformed, 1 not come to"]
    assert by_region[3] == ["us-east-1", "1", "0", "0", "not listed: unreachable"]
    assert by_region[4][0] == "public"
    assert ["333344445555 research", "not entered: denied"] in by_region
    assert ["444455556666 legacy", "not entered: inactive"] in by_region
    assert by_region[-1][:4] == ["in all", "4", "11", "5"]


def test_an_account_with_a_refused_region_says_so_below_the_others() -> None:
    coverage = replace(SMALL_FLEET.accounts[0], gaps=(replace(NO_FEED, why=Why.DENIED, subject="eu-west-3"),))
    rows = section(drawn(replace(CLEAN_FLEET, accounts=(coverage,))), "Coverage").splitlines()
    assert re.split(r" {2,}", rows[-1].strip()) == ["other regions", "not entered: denied"]


def test_empty_regions_share_a_row() -> None:
    empty = tuple(RegistryCoverage(registry=registry_in(PAYER, f"eu-west-{number}")) for number in (2, 3, 4))
    full = SMALL_FLEET.accounts[0].registries
    both = replace(CLEAN_FLEET, accounts=(AccountCoverage(account=PAYER, registries=(*full, *empty)),))
    rows = [re.split(r" {2,}", row.strip()) for row in section(drawn(both), "Coverage").splitlines()]
    assert rows[1:] == [["111122223333 payer (management)", "eu-west-1", "1", "1", "1"], ["3 empty", "0"],
                        ["in all", "1", "1", "1"]]  # fmt: skip
    alone = replace(CLEAN_FLEET, accounts=(AccountCoverage(account=PAYER, registries=empty[:1]),))
    assert "eu-west-2" in section(drawn(alone), "Coverage")


def test_many_accounts_that_a_filter_leaves_out_share_a_row() -> None:
    gap = Gap(stage=Stage.DISCOVERY, why=Why.FILTERED, subject="it", detail="not among those that were asked for")
    unasked = [AccountCoverage(account=Account(id=f"{number:012}"), gaps=(gap,)) for number in range(1, 301)]
    for count, rows in ((3, 3), (4, 1), (300, 1)):
        report = replace(CLEAN_FLEET, accounts=(*CLEAN_FLEET.accounts, *unasked[:count]))
        text = section(drawn(report), "Coverage")
        assert text.count("not entered: filtered") == rows
        assert ("000000000001" in text) == (count == rows)
        assert (f"{count} accounts" in text) == (count != rows)


def test_refusals_are_never_put_together_in_the_coverage() -> None:
    accounts = tuple(AccountCoverage(account=Account(id=f"{number:012}"), gaps=(refusal(SHUT),)) for number in range(9))
    assert section(drawn(replace(CLEAN_FLEET, accounts=accounts)), "Coverage").count("not entered: denied") == 9


def test_an_account_without_registries_is_named() -> None:
    coverage = AccountCoverage(account=PAYER)
    assert "no registries" in section(drawn(replace(CLEAN_FLEET, accounts=(coverage,))), "Coverage")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_statement_that_helps_can_be_copied_whole(width: int) -> None:
    text = section(drawn(SMALL_FLEET, width), "Not looked at, or not judged")
    found = re.search(r"^ *\{\n.*?^ *\}$", text, re.MULTILINE | re.DOTALL)
    assert found
    assert json.loads(found[0]) == {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/tidewaiter"},
        "Action": "sts:AssumeRole",
    }


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("it said {not json} and {} and no more", "it said {not json} and {} and no more"),
        ('it said {"Effect": and no more', 'it said {"Effect": and no more'),
        ('it said {"Effect": ' + "[" * 100_000, 'it said {"Effect": [['),
        ('Allow {"Effect": "a"} there. Then wait.', 'Allow { "Effect": "a" } there. Then wait.'),
        ('{"Sid": "1"} and to the role {"Effect": "b"}.', '{ "Sid": "1" } and to the role { "Effect": "b" }'),
        ('{"Version": "1", "Statement": [{"Effect": "b"}]}', '{ "Version": "1", "Statement": [{"Effect": "b"}] }'),
    ],
    ids=["no json", "broken", "deep", "text after it", "two", "policy"],
)
def test_statements_in_a_sentence_stand_alone_and_all_else_is_text(detail: str, said: str) -> None:
    gap = replace(refusal(SHUT), detail=detail)
    report = replace(CLEAN_FLEET, accounts=(AccountCoverage(account=SHUT, gaps=(gap,)),))
    assert said in " ".join(section(drawn(report, 200), "Not looked at, or not judged").split())


def test_refusals_that_differ_in_the_account_alone_are_told_once() -> None:
    text = drawn(SMALL_FLEET)
    assert text.count("Its trust policy would have to say") == 1
    assert "333344445555 research, 333344446666 research-old" in text


def test_many_alike_are_named_in_part_and_counted() -> None:
    shut = [Account(id=f"{number:012}") for number in range(1, 41)]
    accounts = tuple(AccountCoverage(account=account, gaps=(refusal(account),)) for account in shut)
    text = section(drawn(replace(CLEAN_FLEET, accounts=accounts)), "Not looked at, or not judged")
    assert "000000000006 and 34 more" in " ".join(text.split())
    assert len(text.splitlines()) < 15


def blind(letters: str, *, tag: str = "") -> FleetImage:
    """An image in which nothing is installed that could be read."""
    image = replace(BASE, repository="tool", digest=digest(letters), tags=(tag,) if tag else (), findings=0, fixable=0,
                    severities=(), vulnerable=())  # fmt: skip
    detail = "no installed package was found."
    return replace(image, gaps=(Gap(stage=Stage.IMAGE, why=Why.UNSUPPORTED, subject=image.reference, detail=detail),))


def counted(*images: FleetImage) -> FleetReport:
    """A clean fleet but for these, whose gaps are counted."""
    gaps = Counter(gap for image in images for gap in image.gaps)
    counts = tuple(GapCount(gap=gap, images=number) for gap, number in gaps.items())
    return replace(CLEAN_FLEET, images=(*CLEAN_FLEET.images, *images), gaps=counts)


def test_images_that_lack_the_same_are_told_together_by_their_names() -> None:
    images = [blind(f"{number:02x}", tag=f"v{number}") for number in range(250)]
    text = section(drawn(counted(*images)), "Not looked at, or not judged")
    assert "tool:v0, tool:v1, tool:v2, tool:v3, tool:v4, tool:v5 and 244 more" in text
    assert text.count("no installed package was found.") == 1


def test_what_is_unread_in_images_names_those_that_hold_it() -> None:
    gap = Gap(stage=Stage.IMAGE, why=Why.MALFORMED, subject="var/lib/rpm/rpmdb.sqlite", detail="it ends early.")
    images = [replace(blind(f"{number:02x}", tag=f"v{number}"), gaps=(gap,)) for number in range(5)]
    text = section(drawn(counted(*images)), "Not looked at, or not judged")
    assert "var/lib/rpm/rpmdb.sqlite\n" in text
    assert "In 5 images: tool:v0, tool:v1, tool:v2, …" in text


def test_a_registry_without_a_region_is_placed_by_its_host() -> None:
    elsewhere = Registry(partition="", account="quay.io", region="", host="quay.io")
    broken = unscanned("d5", State.FAILED, Why.MALFORMED, "layer 2 of 3 ends early.", tag="1.3")
    there = replace(broken, registry=elsewhere)
    several = section(drawn(replace(CLEAN_FLEET, images=(broken, there))), "Not looked at, or not judged")
    assert "shop/checkout:1.3 in 222233334444/eu-west-1, quay.io\n" in several


def test_a_manifest_is_placed_where_its_name_alone_could_be_several() -> None:
    broken = unscanned("d5", State.FAILED, Why.MALFORMED, "layer 2 of 3 ends early.", tag="1.3")
    there = replace(broken, registry=SHOP_VIRGINIA)
    beside = replace(broken, tags=("1.4",), digest=digest("d6"))
    assert "shop/checkout:1.3\n" in drawn(replace(CLEAN_FLEET, images=(broken,)))
    several = section(drawn(replace(CLEAN_FLEET, images=(broken, there))), "Not looked at, or not judged")
    assert "shop/checkout:1.3 in 222233334444/eu-west-1, 222233334444/us-east-1\n" in several
    images = (broken, beside, replace(BASE, findings=0))
    assert "shop/checkout:1.3, shop/checkout:1.4 in 222233334444/eu-west-1\n" in drawn(
        replace(CLEAN_FLEET, images=images)
    )


def test_failures_that_differ_in_digests_alone_are_told_once() -> None:
    images = tuple(
        unscanned(letters, State.FAILED, Why.MALFORMED, f"wrong digest: sha256:{letters * 32} was promised.")
        for letters in ("a1", "a2", "a3")
    )
    text = section(drawn(replace(CLEAN_FLEET, images=images)), "Not looked at, or not judged")
    assert "Each the same but for its digests; of the first:" in text
    assert text.count("wrong digest") == 1


def test_repositories_that_refuse_alike_are_told_once() -> None:
    ireland = registry_in(PAYER, "eu-west-1")
    repository = "arn:aws:ecr:eu-west-1:111122223333:repository"
    gaps = tuple(
        Gap(
            stage=Stage.DISCOVERY,
            why=Why.DENIED,
            subject=f"{ireland.host}/{name}",
            detail=f"r may not do ecr:DescribeImages on {repository}/{name}. Allow it.",
        )
        for name in ("shop/a.b", "shop/c", "d")
    )
    coverage = RegistryCoverage(registry=ireland, repositories=3, gaps=gaps)
    text = section(
        drawn(replace(CLEAN_FLEET, accounts=(AccountCoverage(account=PAYER, registries=(coverage,)),))),
        "Not looked at, or not judged",
    )
    assert "Each the same but for its repository; of the first:" in text
    assert text.count("may not do") == 1


def test_many_ways_to_fail_end_with_their_number() -> None:
    images = tuple(
        unscanned(f"{number:02x}", State.FAILED, Why.MALFORMED, f"byte {number} is wrong.") for number in range(50)
    )
    text = section(drawn(replace(CLEAN_FLEET, images=images)), "Not looked at, or not judged")
    assert text.endswith("and 30 for other reasons: --format json has all")


def test_what_a_filter_left_out_is_counted_by_the_filter() -> None:
    images = tuple(
        unscanned(f"{number:02x}", State.SKIPPED, Why.FILTERED, f"--max-age 90: pushed on 2024-01-{number:02}.")
        for number in range(1, 20)
    )
    text = section(drawn(replace(CLEAN_FLEET, images=(*CLEAN_FLEET.images, *images))), "Left out")
    assert "19: --max-age 90 (shop/checkout@010101010101, " in text


def test_many_reasons_to_leave_out_end_with_their_number() -> None:
    images = tuple(
        unscanned(f"{number:02x}", State.SKIPPED, Why.NOT_AN_IMAGE, f"It is of kind {number}.") for number in range(30)
    )
    text = section(drawn(replace(CLEAN_FLEET, images=images)), "Left out")
    assert text.endswith("and 18 for other reasons: --format json has all")


def test_rankings_end_with_the_number_of_the_rest() -> None:
    images = tuple(replace(CHECKOUT, tags=(f"1.{number}",), digest=digest(f"{number:02x}")) for number in range(25))
    text = section(drawn(replace(CLEAN_FLEET, images=images)), "Worst images")
    assert "and 15 images more: --format json has all" in text
    assert "1.9 " in text
    assert "1.10 " not in text


def test_an_image_in_several_places_stands_once_among_the_worst() -> None:
    copies = (CHECKOUT, replace(CHECKOUT, registry=SHOP_VIRGINIA), replace(CHECKOUT, repository="copy"), BASE)
    text = section(drawn(replace(CLEAN_FLEET, images=copies)), "Worst images")
    assert "shop/checkout:1.4 (linux/amd64), 2 more of it" in text
    assert len(text.splitlines()) == len(["titles", "checkout", "base"])


def test_an_image_is_called_by_its_tag_where_any_place_gives_it_one() -> None:
    copies = (replace(CHECKOUT, tags=(), repository="a"), CHECKOUT)
    assert "shop/checkout:1.4 (linux/amd64), 1 more of it" in drawn(replace(CLEAN_FLEET, images=copies))


@pytest.mark.parametrize(
    ("images", "known", "said"),
    [
        ((BASE,), 0, "1 image scanned"),
        ((BASE,), 1, "1 image scanned: 1 known from before"),
        ((CHECKOUT, CHECKOUT_INDEX), 0, "1 image and 1 index scanned"),
        (
            (BASE, replace(BASE, repository="copy"), CHECKOUT),
            1,
            "3 images scanned: 2 different images, 1 known from before",
        ),
    ],
)
def test_the_images_add_up_with_what_the_coverage_counts(images: tuple[FleetImage, ...], known: int, said: str) -> None:
    report = replace(CLEAN_FLEET, images=images, run=replace(RUN, known=known))
    assert re.search(rf"^  images    {said}$", drawn(report), re.MULTILINE)


def test_a_base_without_a_name_is_called_by_its_last_layer() -> None:
    base = replace(SMALL_FLEET.bases[0], names=(), layers=(digest("a1"), digest("a2")))
    text = section(drawn(replace(SMALL_FLEET, bases=(base,))), "Upgrades of shared bases")
    assert "2 layers up to a2a2a2a2a2a2 (Debian GNU/Linux 12 (bookworm)), under 3 images" in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(9, "9 s"), (59.6, "1 min 0 s"), (252, "4 min 12 s"), (7_500, "2 h 5 min")]
)
def test_the_time_it_took_is_said_in_the_units_that_fit(seconds: float, said: str) -> None:
    from datetime import timedelta

    run = replace(RUN, finished=RUN.started + timedelta(seconds=seconds))
    assert f"12:00 UTC, {said}" in drawn(replace(CLEAN_FLEET, run=run))


def test_a_run_that_pulled_nothing_says_so() -> None:
    assert re.search(r"^  pulled +nothing$", drawn(replace(CLEAN_FLEET, run=replace(RUN, layers_read=0))), re.MULTILINE)


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (CLEAN_FLEET, "No known vulnerabilities in what was looked at."),
        (EMPTY_FLEET, "Incomplete: no image was looked at."),
        (replace(CLEAN_FLEET, images=(LEFT_OVER[2],)), "Incomplete: no image was looked at."),
        (replace(CLEAN_FLEET, images=(replace(ALPINE, packages=0),)), "Nothing was judged: no packages were found."),
        (replace(CLEAN_FLEET, accounts=SMALL_FLEET.accounts[-1:]), "No known vulnerabilities in what was looked at."),
        (replace(CLEAN_FLEET, accounts=SMALL_FLEET.accounts[2:3]), "Incomplete: 1 gap: not a clean bill."),
        (replace(CLEAN_FLEET, gaps=(GapCount(gap=NO_FEED, images=9),)), "Incomplete: 1 gap: not a clean bill."),
        (replace(CLEAN_FLEET, gaps=(GapCount(gap=_NOT_COMPARABLE, images=1),)), "Incomplete: 1 gap: not a clean bill."),
        (
            replace(CLEAN_FLEET, images=(BASE,), gaps=(GapCount(gap=_NOT_COMPARABLE, images=1),)),
            "3 findings in 1 of 1 image: 0 vulnerabilities in 0 distinct packages.",
        ),
        (replace(CLEAN_FLEET, hidden=3), "3 findings hidden by the filters."),
    ],
    ids=[
        "clean",
        "empty",
        "all archived",
        "no packages",
        "inactive",
        "refused",
        "no feed",
        "doubt",
        "findings with a doubt",
        "hidden",
    ],
)
def test_the_last_line_is_an_honest_verdict(report: FleetReport, verdict: str) -> None:
    assert drawn(report).rstrip().splitlines()[-1] == verdict


def test_unread_places_manifests_and_feeds_are_counted_together() -> None:
    assert unseen(SMALL_FLEET) == len(("secret", "research", "research-old", "1.3", "1.2", "Alpine"))
    assert unseen(CLEAN_FLEET) == 0
    assert unseen(replace(CLEAN_FLEET, images=(ALPINE,))) == 0, "its gap stands among the gaps of all"
