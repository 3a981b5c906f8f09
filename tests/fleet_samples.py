"""Fleets to draw and write: an empty one, a clean one, and a small one with something of everything."""

from dataclasses import replace
from datetime import UTC, datetime

from report_samples import DEBIAN, FEEDS, LIBSSL, OPENSSL, ZLIB, finding, fixed
from tidewaiter.model.cloud import Account, Identity, Registry, RoleHop
from tidewaiter.model.finding import Finding, Fix, FixState, Severity
from tidewaiter.model.fleet import (
    AccountCoverage,
    BaseUpgrade,
    FleetImage,
    FleetReport,
    GapCount,
    Kind,
    Outcome,
    RegistryCoverage,
    RunSummary,
    State,
    VulnerabilityCount,
    VulnerablePackage,
)
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, Platform

PAYER = Account(id="111122223333", name="payer", ou_path="Root", management=True)
SHOP = Account(id="222233334444", name="shop-production", ou_path="Root/Workloads")
SHUT = Account(id="333344445555", name="research", ou_path="Root/Research")
SHUT_TOO = Account(id="333344446666", name="research-old", ou_path="Root/Research")
OLD = Account(id="444455556666", name="legacy", ou_path="Root", state="SUSPENDED")


def registry_in(account: Account, region: str) -> Registry:
    """The private registry of an account in a region."""
    host = f"{account.id}.dkr.ecr.{region}.amazonaws.com"
    return Registry(partition="aws", account=account.id, region=region, host=host)


SHOP_IRELAND = registry_in(SHOP, "eu-west-1")
SHOP_VIRGINIA = registry_in(SHOP, "us-east-1")
PAYER_IRELAND = registry_in(PAYER, "eu-west-1")
GALLERY = Registry(
    partition="aws", account=SHOP.id, region="us-east-1", host="public.ecr.aws/shop", public=True
)  # fmt: skip


def digest(letters: str) -> Digest:
    """A digest that begins with these two letters."""
    return Digest("sha256", letters * 32)


def refusal(account: Account) -> Gap:
    """What the account's refusal to be entered says."""
    role = f"arn:aws:iam::{account.id}:role/OrganizationAccountAccessRole"
    statement = (
        '{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/tidewaiter"}, '
        '"Action": "sts:AssumeRole"}'
    )
    return Gap(
        stage=Stage.DISCOVERY,
        why=Why.DENIED,
        subject=f"{account.id} {account.name}",
        detail=f"arn:aws:sts::111122223333:assumed-role/tidewaiter/tidewaiter may not sts:AssumeRole on {role}. "
        f"Its trust policy would have to say: {statement}",
    )


WORDS_OF_UNLISTED = Gap(
    stage=Stage.DISCOVERY,
    why=Why.UNREACHABLE,
    subject="222233334444.dkr.ecr.us-east-1.amazonaws.com/shop/secret",
    detail="ecr:DescribeImages was throttled for too long. Run the same command again.",
)
INACTIVE = Gap(
    stage=Stage.DISCOVERY, why=Why.INACTIVE, subject="444455556666 legacy", detail="the account is SUSPENDED."
)
NO_FEED = Gap(
    stage=Stage.MATCH,
    why=Why.NO_FEED,
    subject="Alpine Linux v3.18",
    detail="the database holds no advisories for Alpine:v3.18. Build it with that feed.",
)
WONT_FIX = Fix(state=FixState.WONT_FIX)
FINDINGS_OF: tuple[tuple[Finding, ...], ...] = (
    tuple(
        replace(each, package=replace(each.package, locations=()))
        for each in (
            finding(OPENSSL, "CVE-2024-0727", Severity.MEDIUM, fixed("3.0.13-1~deb12u1")),
            finding(OPENSSL, "CVE-2023-5678", Severity.LOW, Fix(state=FixState.NOT_FIXED)),
        )
    ),
    (
        replace(
            finding(
                ZLIB, "CVE-2023-45853", Severity.CRITICAL, WONT_FIX, summary="MiniZip overflows the heap on long names"
            ),
            package=replace(ZLIB, locations=()),
        ),
    ),
    (
        replace(
            finding(LIBSSL, "CVE-2024-0727", Severity.MEDIUM, fixed("3.0.13-1~deb12u1")),
            package=replace(LIBSSL, locations=()),
        ),
    ),
)
SCANNED = Outcome(state=State.SCANNED)
CHECKOUT = FleetImage(
    registry=SHOP_IRELAND,
    repository="shop/checkout",
    digest=digest("c1"),
    tags=("1.4", "latest"),
    indexes=(digest("c0"),),
    platform=Platform("linux", "amd64"),
    outcome=SCANNED,
    pushed=datetime(2024, 5, 30, 8, 15, tzinfo=UTC),
    pulled=datetime(2024, 5, 31, 9, tzinfo=UTC),
    size=33_550_000,
    distro=str(DEBIAN),
    packages=143,
    findings=4,
    fixable=2,
    severities=((Severity.CRITICAL, 1), (Severity.MEDIUM, 2), (Severity.LOW, 1)),
    vulnerable=(0, 1, 2),
)
CHECKOUT_INDEX = replace(
    CHECKOUT,
    digest=digest("c0"),
    kind=Kind.INDEX,
    indexes=(),
    platform=None,
    size=0,
    distro="",
    packages=0,
    findings=0,
    fixable=0,
    severities=(),
    vulnerable=(),
)
BASE = replace(
    CHECKOUT,
    registry=PAYER_IRELAND,
    repository="base/debian",
    digest=digest("b1"),
    tags=("12",),
    indexes=(),
    packages=88,
    findings=3,
    severities=((Severity.MEDIUM, 2), (Severity.LOW, 1)),
    vulnerable=(0, 2),
)
UNTAGGED = replace(CHECKOUT, digest=digest("c2"), tags=(), indexes=(), findings=1, fixable=0, vulnerable=(1,),
                   severities=((Severity.CRITICAL, 1),))  # fmt: skip
ALPINE = replace(
    BASE, registry=GALLERY, repository="tool", digest=digest("e1"), tags=("3",), distro="Alpine Linux v3.18",
    packages=15, findings=0, fixable=0, severities=(), vulnerable=(), gaps=(NO_FEED,),
)  # fmt: skip


def unscanned(letters: str, state: State, why: Why | None, detail: str, *, tag: str = "") -> FleetImage:
    """A manifest of the shop that was not scanned."""
    return FleetImage(
        registry=SHOP_IRELAND,
        repository="shop/checkout",
        digest=digest(letters),
        tags=(tag,) if tag else (),
        kind=Kind.IMAGE if why is not Why.NOT_AN_IMAGE else Kind.ARTIFACT,
        outcome=Outcome(state=state, why=why, detail=detail),
    )


SIGNED = "It is a signature of cosign."
LEFT_OVER = (
    unscanned("d1", State.SKIPPED, Why.NOT_AN_IMAGE, SIGNED, tag=f"sha256-{'c1' * 32}.sig"),
    unscanned("d2", State.SKIPPED, Why.NOT_AN_IMAGE, SIGNED),
    unscanned("d3", State.SKIPPED, Why.ARCHIVED, "It has to be restored before it can be pulled.", tag="0.9"),
    unscanned("d4", State.SKIPPED, Why.FILTERED, "--newest 2: as many in its repository were pushed later.", tag="1.0"),
    unscanned("d5", State.FAILED, Why.MALFORMED, "layer 2 of 3 ends early, after 4,096 bytes.", tag="1.3"),
    unscanned("d6", State.PENDING, None, "", tag="1.2"),
)
VULNERABILITIES = (
    VulnerabilityCount(
        vulnerability="CVE-2023-45853",
        severity=Severity.CRITICAL,
        images=2,
        packages=("zlib1g",),
        fix=WONT_FIX,
        summary="CVE-2023-45853: MiniZip overflows the heap on long names",
    ),
    VulnerabilityCount(
        vulnerability="CVE-2024-0727",
        severity=Severity.MEDIUM,
        images=2,
        packages=("libssl3", "openssl"),
        fix=fixed("3.0.13-1~deb12u1"),
    ),
    VulnerabilityCount(
        vulnerability="CVE-2023-5678",
        severity=Severity.LOW,
        images=2,
        packages=("openssl",),
        fix=Fix(state=FixState.NOT_FIXED),
    ),
)
IDENTITY = Identity(
    arn="arn:aws:sts::111122223333:assumed-role/tidewaiter/tidewaiter",
    account="111122223333",
    partition="aws",
    provider="iam-role",
    hops=(
        RoleHop(role_arn="arn:aws:iam::111122223333:role/OrganizationReader", external_id="not-to-be-told-to-anybody"),
    ),
)
RUN = RunSummary(
    id=7,
    command="tidewaiter org scan",
    started=datetime(2024, 6, 1, 12, tzinfo=UTC),
    finished=datetime(2024, 6, 1, 12, 4, 12, tzinfo=UTC),
    identity=IDENTITY,
    continued=True,
    layers_read=5,
    bytes_pulled=61_200_000,
    looked=3,
    known=1,
    moved=(("222233334444.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout", "latest", digest("a9"), digest("c1")),),
)
SMALL_FLEET = FleetReport(
    run=RUN,
    accounts=(
        AccountCoverage(
            account=PAYER,
            registries=(RegistryCoverage(registry=PAYER_IRELAND, repositories=1, manifests=1, scanned=1),),
        ),
        AccountCoverage(
            account=SHOP,
            registries=(
                RegistryCoverage(
                    registry=SHOP_IRELAND,
                    repositories=1,
                    manifests=9,
                    scanned=3,
                    pending=1,
                    skipped=((Why.NOT_AN_IMAGE, 2), (Why.ARCHIVED, 1), (Why.FILTERED, 1)),
                    failed=((Why.MALFORMED, 1),),
                ),
                RegistryCoverage(registry=SHOP_VIRGINIA, repositories=1, gaps=(WORDS_OF_UNLISTED,)),
                RegistryCoverage(registry=GALLERY, repositories=1, manifests=1, scanned=1),
            ),
        ),
        AccountCoverage(account=SHUT, gaps=(refusal(SHUT),)),
        AccountCoverage(account=SHUT_TOO, gaps=(refusal(SHUT_TOO),)),
        AccountCoverage(account=OLD, gaps=(INACTIVE,)),
    ),
    images=(CHECKOUT, UNTAGGED, BASE, CHECKOUT_INDEX, ALPINE, *LEFT_OVER),
    vulnerable=tuple(VulnerablePackage(findings=each) for each in FINDINGS_OF),
    vulnerabilities=VULNERABILITIES,
    bases=(
        BaseUpgrade(
            layers=(digest("a1"),),
            names=("111122223333.dkr.ecr.eu-west-1.amazonaws.com/base/debian:12",),
            distro=str(DEBIAN),
            images=3,
            findings=3,
            fixable=2,
            everywhere=6,
            severities=((Severity.MEDIUM, 2), (Severity.LOW, 1)),
            upgrades=(
                ("openssl", OPENSSL.version, "3.0.13-1~deb12u1"),
                ("libssl3", LIBSSL.version, "3.0.13-1~deb12u1"),
            ),
        ),
    ),
    gaps=(GapCount(gap=NO_FEED, images=1),),
    feeds=FEEDS,
    hidden=2,
)
CLEAN_FLEET = replace(
    SMALL_FLEET,
    run=replace(RUN, continued=False, known=0, moved=()),
    accounts=SMALL_FLEET.accounts[:1],
    images=(replace(BASE, findings=0, fixable=0, severities=(), vulnerable=()),),
    vulnerable=(),
    vulnerabilities=(),
    bases=(),
    gaps=(),
    hidden=0,
)
EMPTY_FLEET = FleetReport(run=RunSummary(id=1, command="tidewaiter ecr scan", started=RUN.started))


def _foreseen(image: FleetImage) -> FleetImage:
    """The image before a run: nothing is known of what is in it."""
    wanted = image.outcome.state is State.SCANNED
    return FleetImage(
        registry=image.registry,
        repository=image.repository,
        digest=image.digest,
        tags=image.tags,
        kind=image.kind,
        outcome=Outcome(state=State.PENDING) if wanted else image.outcome,
        pushed=image.pushed,
        pulled=image.pulled,
        size=image.size,
    )


SURVEY = FleetReport(
    run=RunSummary(id=0, command="tidewaiter org list", started=RUN.started, identity=IDENTITY),
    accounts=tuple(
        replace(
            account,
            registries=tuple(
                replace(each, scanned=0, pending=each.scanned + each.pending) for each in account.registries
            ),
        )
        for account in SMALL_FLEET.accounts
    ),
    images=tuple(map(_foreseen, SMALL_FLEET.images)),
)
