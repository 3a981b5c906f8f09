"""The server's HTTP API: what is sent, which answers are errors, and of which kind."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes.platform_api import KEY, FakeBroker, Told, refusal
from tidewaiter.broker.messages import Job, JobState, ScanRequest
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.errors import BrokerError, CloudDeniedError, UsageError
from tidewaiter.model.image import Digest

DIGEST = Digest("sha256", "a" * 64)


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    with FakeBroker() as broker:
        yield broker


@pytest.fixture
def api(broker: FakeBroker) -> Iterator[BrokerApi]:
    api = BrokerApi(broker.url, KEY)
    yield api
    api.close()


def failing(broker: FakeBroker, told: Told) -> None:
    broker.before = lambda _method, _path: told


def refused(api: BrokerApi) -> BrokerError:
    with pytest.raises(BrokerError) as raised:
        api.job("shop", "x")
    return raised.value


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("not-connected", True),
        ("lost", True),
        ("busy", True),
        ("deadline", True),
        ("unreachable", True),
        ("unauthorized", False),
        ("unknown-connection", False),
        ("refused", False),
        ("malformed", False),
        ("too-large", False),
        ("revoked", False),
        ("of-a-later-version", False),
    ],
)
def test_an_error_of_the_relay_keeps_its_code_and_tells_whether_it_may_pass(
    broker: FakeBroker, api: BrokerApi, code: str, passes: bool
) -> None:
    failing(broker, refusal(code, "the words of the server", "and its advice"))
    error = refused(api)
    assert (error.code, error.retry, error.what) == (code, passes, "the words of the server")
    assert error.advice
    assert error.where == "connection shop"


def test_an_error_of_the_agent_is_the_cloud_error_that_it_was(broker: FakeBroker, api: BrokerApi) -> None:
    failing(broker, Told(403, b'{"what": "it may not", "code": "AccessDenied", "denied": true}'))
    with pytest.raises(CloudDeniedError, match="it may not") as raised:
        api.job("shop", "x")
    assert raised.value.code == "AccessDenied"


@pytest.mark.parametrize(("status", "passes"), [(400, False), (404, None), (429, True), (502, True), (503, True)])
def test_a_status_without_words_may_pass_where_it_is_a_servers(
    broker: FakeBroker, api: BrokerApi, status: int, passes: bool | None
) -> None:
    failing(broker, Told(status, b"<html>", type="text/html"))
    if passes is None:
        assert api.job("shop", "x") is None
    else:
        assert refused(api).retry is passes


def test_a_wrong_key_is_told_with_the_name_of_the_variable(broker: FakeBroker) -> None:
    api = BrokerApi(broker.url, "another-key")
    error = refused(api)
    assert error.code == "unauthorized"
    assert "TIDEWAITER_BROKER_KEY" in error.advice
    assert "another-key" not in f"{error}{api!r}"
    api.close()


def test_a_server_that_is_not_there_may_come_back() -> None:
    with FakeBroker() as gone:
        url = gone.url
    error = refused(BrokerApi(url, KEY))
    assert (error.code, error.retry) == ("lost", True)
    assert "the broker server does not answer" in error.what


def test_an_answer_that_breaks_off_is_lost(broker: FakeBroker, api: BrokerApi) -> None:
    failing(broker, Told(200, b'{"job": ', cut=True))
    error = refused(api)
    assert (error.code, error.retry) == ("lost", True)


def test_an_answer_that_is_not_as_agreed_is_malformed(broker: FakeBroker, api: BrokerApi) -> None:
    failing(broker, Told(200, b'{"job": 1}'))
    error = refused(api)
    assert (error.code, error.retry) == ("malformed", False)
    assert "$.job" in error.what


def test_an_answer_beyond_the_ceiling_is_not_read_to_its_end(broker: FakeBroker, api: BrokerApi) -> None:
    failing(broker, Told(200, b" " * (17 << 20)))
    assert refused(api).code == "too-large"


def test_a_scan_is_posted_under_its_name(broker: FakeBroker, api: BrokerApi) -> None:
    broker.agent.hold = None
    broker.before = lambda method, _: Told(202, b'{"job": "k", "state": "queued"}') if method == "POST" else None
    wanted = ScanRequest(registry="host", repository="team/app", digest=DIGEST)
    assert api.scan("shop", "k", wanted) == Job("k", JobState.QUEUED)
    assert broker.asked == ["POST /broker/shop/scan"]


def test_names_are_escaped_once(broker: FakeBroker, api: BrokerApi) -> None:
    failing(broker, Told(200, b""))
    with api.asked("shop", "/list/a b/%c", [("digest", "sha256:ab"), ("after", "x&y=z+")], deadline=1) as answer:
        assert answer.read(10) == b""
    assert broker.asked == ["GET /broker/shop/list/a%20b/%25c?digest=sha256:ab&after=x%26y%3Dz%2B"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "ftp://broker.example",
        "https://",
        "https://me:pass-phrase@host",
        "https://host/?x=1",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the address of a broker server") as raised:
        BrokerApi(url, KEY)
    assert "pass-phrase" not in str(raised.value)


def test_a_key_is_shown_to_no_network_unless_told() -> None:
    with pytest.raises(UsageError, match="would show the API key"):
        BrokerApi("http://broker.example", KEY)
    BrokerApi("http://broker.example", KEY, insecure=True).close()
    BrokerApi("https://broker.example", KEY).close()
    BrokerApi("http://127.0.0.1:7340", KEY).close()


@pytest.mark.parametrize("key", ["of-a-file\n", "with\r\nX-Header: x", "schlüssel", " blank"])
def test_what_can_be_no_key_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(UsageError, match="no key can hold") as raised:
        BrokerApi("https://broker.example", key)
    assert key.strip() not in str(raised.value)


def test_a_server_is_believed_by_its_certificate(
    broker: FakeBroker, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.protect(certificate)
    broker.before = lambda _method, _path: Told(200, b'{"job": "x", "state": "queued"}')
    with closing(BrokerApi(broker.url, KEY)) as stranger:
        error = refused(stranger)
        assert (error.retry, "not trusted" in error.what, "--broker-insecure" in error.advice) == (False, True, True)
    with closing(BrokerApi(broker.url, KEY, insecure=True)) as careless:
        assert careless.job("shop", "x")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with closing(BrokerApi(broker.url, KEY)) as told:
        assert told.job("shop", "x")
