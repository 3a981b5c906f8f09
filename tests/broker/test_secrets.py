import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.broker.secrets import Secrets

SECRET = 'p@ss/w"ö+r d\\4'
FORMS = {
    "plain": SECRET,
    "url": quote(SECRET),
    "url-without-slashes": quote(SECRET, safe=""),
    "url-lower": quote(SECRET, safe="")
    .replace("%2F", "%2f")
    .replace("%22", "%22")
    .replace("%C3%B6", "%c3%b6")
    .replace("%2B", "%2b")
    .replace("%5C", "%5c"),
    "form": urlencode({"a": SECRET}),
    "plus": quote_plus(SECRET),
    "json": json.dumps({"a": SECRET}, ensure_ascii=False),
    "python": repr({"a": SECRET}),
    "error": repr(ValueError(SECRET)),
    "hex": SECRET.encode().hex(),
}


@pytest.fixture(params=["few", "many"])
def secrets(request: pytest.FixtureRequest) -> Secrets:
    """Those of a client with one connection, and of one with hundreds."""
    others = [f"{number:04}-other-{number * 7919:08}" for number in range(1 if request.param == "few" else 300)]
    return Secrets([*others, SECRET, "AKIAIOSFODNN7EXAMPLE"])


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_secret_is_taken_out_in_each_form(secrets: Secrets, text: str) -> None:
    redacted = secrets.redacted(f"before {text} after")
    assert "***" in redacted
    for form in FORMS.values():
        assert form not in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("alphabet", ["standard", "url"])
def test_a_secret_is_taken_out_of_base64_wherever_it_begins(secrets: Secrets, before: int, alphabet: str) -> None:
    encode = base64.b64encode if alphabet == "standard" else base64.urlsafe_b64encode
    document = json.dumps({"a" * before: SECRET, "b": "c"}, ensure_ascii=False)
    redacted = secrets.redacted(f"header {encode(document.encode()).decode()}")
    kept = redacted.removeprefix("header ").split("***")
    assert len(kept) == 2
    assert len("".join(kept)) < len(encode(document.encode()).decode()) - len(SECRET)


def test_each_place_and_each_secret_is_seen(secrets: Secrets) -> None:
    text = f"{SECRET}{SECRET} and AKIAIOSFODNN7EXAMPLE, AKIAIOSFODNN7"
    assert secrets.redacted(text) == "****** and ***, AKIAIOSFODNN7"


def test_the_longest_of_two_that_begin_alike_is_taken_out() -> None:
    others = [f"{number}-another-{number}" for number in range(100)]
    for secrets in (Secrets(["token", "token-long"]), Secrets(["token", "token-long", *others])):
        assert secrets.redacted("token-long token token-l") == "*** *** ***-l"


def test_secrets_can_come_later() -> None:
    secrets = Secrets()
    assert secrets.redacted("s3cret") == "s3cret"
    secrets.add("s3cret")
    assert secrets.redacted("s3cret") == "***"
    secrets.add("s3cret", "")
    assert secrets.redacted("") == ""


def test_what_is_too_short_is_everywhere() -> None:
    assert Secrets(["", "a", "eu"]).redacted("a europe") == "a europe"


def test_secrets_do_not_show_themselves() -> None:
    assert repr(Secrets([SECRET])) == "Secrets(…)"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_text_shows_a_secret(secret: str, before: str, after: str) -> None:
    redacted = Secrets([secret]).redacted(before + secret + after)
    assert secret not in redacted.replace("***", "\0") or secret in before + "\0" + after


@given(st.text(st.characters(codec="utf-8")))
def test_texts_without_secrets_stay_as_they_are(text: str) -> None:
    assert Secrets(["\U0001f6a2" * 4]).redacted(text) == text
