"""Secrets do not stand in what an answer says; what the registry itself calls things stays as it is."""

import base64

from tidewaiter.broker.agent.redaction import redacted, redaction
from tidewaiter.broker.messages import DocumentLine, LostPlace, Probe, RepositoryLine, SystemCheck, TagLine, Trouble
from tidewaiter.model.cloud import Account
from tidewaiter.model.diagnosis import Remedy
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest

SECRET = "the-secret/value"
DIGEST = Digest("sha256", "0" * 64)
redact = redaction((SECRET, "eu"))


def test_what_is_said_holds_no_secret() -> None:
    remedy = Remedy(principal="me", action="do", resource="*", statement=f'{{"Condition": "{SECRET}"}}')
    gap = Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject="account", detail=f"it is not {SECRET}")
    outcome = Outcome(state=State.FAILED, why=Why.DENIED, detail=f"no {SECRET}.")
    for message in (
        Trouble(what=f"{SECRET} is wrong", where=SECRET, advice=f"not {SECRET}", remedy=remedy),
        LostPlace(Account(id="222222222222"), gap),
        DocumentLine(DIGEST, Kind.UNKNOWN, outcome),
        SystemCheck(ok=False, checks=(Probe(name="role", ok=False, detail=SECRET, statement=SECRET),)),
    ):
        changed = redacted(message, redact)
        assert SECRET not in str(changed)
        assert type(changed) is type(message)


def test_a_short_secret_goes_only_where_it_is_a_word() -> None:
    trouble = redacted(Trouble(what="eu is no external ID in eu-west-1 for neutral"), redact)
    assert trouble.what == "*** is no external ID in eu-west-1 for neutral"


def test_encoded_secrets_go_too() -> None:
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert encoded[8:-4] not in redacted(Trouble(what=f"sent {encoded}"), redact).what


def test_names_and_closed_lists_stay_as_they_are() -> None:
    common = redaction(("denied", "discovery", "eu", "app"))
    gap = Gap(stage=Stage.DISCOVERY, why=Why.DENIED, subject="s", detail="it was denied")
    lost = redacted(LostPlace(Account(id="222222222222"), gap), common)
    assert (lost.gap.stage, lost.gap.why, lost.gap.detail) == (Stage.DISCOVERY, Why.DENIED, "it was ***")
    assert redacted(RepositoryLine("app"), common) == RepositoryLine("app")
    assert redacted(TagLine("eu", DIGEST), common) == TagLine("eu", DIGEST)


def test_without_secrets_nothing_changes() -> None:
    trouble = Trouble(what="as it was")
    assert redacted(trouble, redaction(("", ""))) is trouble
