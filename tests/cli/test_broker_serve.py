"""`tidewaiter broker serve`: what it refuses before it listens, and a server in a process of its own."""

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Ran

KEY = "an-api-key-of-some-length"


def test_without_a_key_it_does_not_start(tidewaiter: Callable[..., Ran]) -> None:
    ran = tidewaiter("broker", "serve")
    assert ran.code == 3
    assert "has no API key. Make one with `openssl rand -hex 32`" in ran.err


def test_a_key_that_can_be_guessed_is_refused_and_not_repeated(tidewaiter: Callable[..., Ran]) -> None:
    ran = tidewaiter("broker", "serve", "--api-key", "guess")
    assert ran.code == 3
    assert "at least 16" in ran.err
    assert "guess" not in ran.err


def test_it_shows_no_token_to_the_network(tidewaiter: Callable[..., Ran]) -> None:
    ran = tidewaiter("broker", "serve", "--api-key", KEY, "--host", "0.0.0.0")
    assert ran.code == 3
    assert "without TLS would show tokens and API keys" in ran.err
    assert "--https-cert" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--advertise", "server:7340"), "--advertise 'server:7340' is no address"),
        (("--advertise", "https://server/path"), "is no address"),
        (("--https-cert", "missing.pem"), "missing.pem: cannot be read"),
        (("--api-key-file", "missing"), "missing: cannot be read"),
        (("--store", "mysql://x/y"), "is not an address of a store"),
        (("--host", "192.0.2.1", "--allow-plaintext"), "cannot listen on 192.0.2.1"),
    ],
    ids=["no address", "a path", "no certificate", "no key file", "no store", "no such host"],
)
def test_what_cannot_be_is_said_before_anybody_comes(
    tidewaiter: Callable[..., Ran], arguments: tuple[str, ...], words: str
) -> None:
    ran = tidewaiter("broker", "serve", "--api-key", KEY, "--port", "0", *arguments)
    assert ran.code == 3
    assert words in ran.err


def test_a_server_in_its_own_process_serves_until_it_is_told_to_stop(
    start: Callable[..., "subprocess.Popen[bytes]"], alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_BROKER_KEY", KEY)
    (alone / "keys").write_text("# the one that comes\nanother-key-of-some-length\n")
    store = ("--store", str(alone / "fleet.db"))
    arguments = ("--port", "0", "--log-format", "json", "--api-key-file", "keys", *store)
    with start("broker", "serve", *arguments) as server:
        assert server.stderr is not None
        line = json.loads(server.stderr.readline())
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", line["url"])
        for key in (KEY, "another-key-of-some-length"):
            request = urllib.request.Request(f"{line['url']}/connections", headers={"X-API-Key": key})
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.read() == b"[]"
        server.send_signal(signal.SIGTERM)
        said = server.stderr.read().decode()
        assert server.wait(20) == 0
    assert KEY not in said


def test_the_platforms_service_is_the_same_server_under_a_name_of_its_own(
    tidewaiter: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, alone: Path
) -> None:
    assert "has no API key" in tidewaiter("serve").err
    monkeypatch.setenv("TIDEWAITER_BROKER_KEY", KEY)
    monkeypatch.setenv("TIDEWAITER_SERVE_HOST", "0.0.0.0")
    assert "to listen on 0.0.0.0 without TLS" in tidewaiter("serve").err
    (alone / "tidewaiter.toml").write_text('[serve]\nadvertise = "nowhere"\n')
    monkeypatch.delenv("TIDEWAITER_SERVE_HOST")
    assert "--advertise 'nowhere' is no address" in tidewaiter("serve").err
    own, other = (
        tidewaiter(*words, "--help").out.partition("Options:")[2] for words in (("serve",), ("broker", "serve"))
    )
    assert own.partition("Examples:")[0] == other.partition("Examples:")[0]
