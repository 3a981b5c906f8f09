"""The distribution protocol, as far as nothing needs to be sent."""

from datetime import UTC, datetime

import pytest

from tidewaiter.errors import MalformedError
from tidewaiter.model.image import Digest, Reference
from tidewaiter.registry.protocol import (
    Challenge,
    ContentRange,
    blob_path,
    content_range,
    is_guarded,
    manifest_path,
    next_page,
    parse_challenges,
    parse_errors,
    parse_tags,
    parse_token,
    refresh_form,
    resolve,
    retry_after,
    same_origin,
    token_query,
)

DIGEST = Digest("sha256", "ab" * 32)
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_a_digest_goes_before_a_tag_in_the_address_of_a_manifest() -> None:
    reference = Reference(registry="x.io", repository="a/b", tag="v1")
    assert manifest_path(reference) == "/v2/a/b/manifests/v1"
    pinned = Reference(registry="x.io", repository="a/b", tag="v1", digest=DIGEST)
    assert manifest_path(pinned) == f"/v2/a/b/manifests/{DIGEST}"
    assert blob_path("a/b", DIGEST) == f"/v2/a/b/blobs/{DIGEST}"


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ('Basic realm="a"', [("basic", {"realm": "a"})]),
        ('BASIC Realm="a, b"', [("basic", {"realm": "a, b"})]),
        ("Basic", [("basic", {})]),
        (
            'Bearer realm="https://a.io/token",service="s",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://a.io/token", "service": "s", "scope": "repository:a/b:pull,push"})],
        ),
        (
            'Bearer realm="r" , service=plain, Basic realm="b"',
            [("bearer", {"realm": "r", "service": "plain"}), ("basic", {"realm": "b"})],
        ),
        (r'Bearer realm="a \"quoted\" comma, b",c="x"', [("bearer", {"realm": 'a "quoted" comma, b', "c": "x"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="never closed', [("bearer", {})]),
        ("", []),
        (',,"', []),
    ],
)  # fmt: skip
def test_challenges_are_read_with_their_quotes_and_commas(
    header: str, challenges: list[tuple[str, dict[str, str]]]
) -> None:
    assert [(found.scheme, found.parameters) for found in parse_challenges(header)][
        : len(challenges) or None
    ] == challenges


def test_a_long_hostile_challenge_is_read_in_no_time() -> None:
    assert parse_challenges('Bearer realm="' + "\\" * 100_000)[0].scheme == "bearer"
    assert len(parse_challenges("a, " * 50_000)) == 50_000


def test_the_scope_that_the_registry_names_goes_before_ours() -> None:
    named = Challenge("bearer", {"service": "s t", "scope": "repository:x:pull"})
    assert token_query(named, "repository:y:pull") == "service=s+t&scope=repository%3Ax%3Apull"
    assert token_query(Challenge("bearer", {}), "repository:y:pull") == "scope=repository%3Ay%3Apull"
    assert "refresh_token=t%26t" in refresh_form(named, "", "t&t")


@pytest.mark.parametrize("body", [b'{"token":"t1"}', b'{"access_token":"t1","expires_in":300}'])
def test_a_token_has_two_names(body: bytes) -> None:
    assert parse_token(body, "x.io") == "t1"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"token":5}', b'{"token":"a\\nb"}', b'{"token":"\\u00e9"}', b'{"token":"secret"']
)
def test_an_answer_without_a_token_is_an_error_that_does_not_show_it(body: bytes) -> None:
    with pytest.raises(MalformedError, match=r"x\.io: its answer") as caught:
        parse_token(body, "x.io")
    assert "secret" not in str(caught.value)


def test_an_error_s_body_is_told_short_and_printable() -> None:
    body = b'{"errors":[{"code":"DENIED","message":"no\\u001b[31m access","detail":{"a":[1]}},{"code":"X"}]}'
    assert parse_errors(body) == "DENIED: no [31m access; X"
    assert parse_errors(b"<html>") == ""
    assert parse_errors(b'{"errors":' + b"[" * 100_000) == ""
    assert len(parse_errors(b'{"errors":[{"message":"' + b"x" * 10_000 + b'"}]}')) == 200


def test_pages_of_tags_follow_what_links_ask_for_and_never_to_another_host() -> None:
    here = "https://x.io/v2/a/tags/list?n=2"
    assert next_page('</v2/a/tags/list?last=b&n=2>; rel="next"', here) == "https://x.io/v2/a/tags/list?last=b&n=2"
    within = '<http://10.0.0.7:5000/registry/v2/a/tags/list?last=b>; rel="next"'
    assert next_page(within, here) == "https://x.io/v2/a/tags/list?last=b"
    both = '<https://x.io/v2/a?page=1>; rel="prev", <https://x.io/v2/a?page=3>; rel="next"'
    assert next_page(both, here) == "https://x.io/v2/a/tags/list?page=3"
    assert next_page("", here) == ""
    assert next_page('</x>; rel="prev"', here) == ""
    for nowhere in ('<https://evil.io/v2/a/tags/list>; rel="next"', '</v2/a/tags/list?n=2>; rel="next"'):
        with pytest.raises(MalformedError, match="leads nowhere"):
            next_page(nowhere, here)
    assert parse_tags(b'{"name":"a","tags":null}', "x.io") == ()
    with pytest.raises(MalformedError):
        parse_tags(b'{"tags":[1]}', "x.io")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        ("bytes 0-0/*", ContentRange(0, 0, None)),
        ("bytes */10", None),
        ("5-9/10", None),
        ("", None),
        ("bytes 5-9/" + "9" * 5000, None),
    ],
)
def test_content_ranges_say_which_bytes_came(header: str, expected: ContentRange | None) -> None:
    assert content_range(header) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_one_origin_is_scheme_host_and_port() -> None:
    assert same_origin("https://a.io/x", "https://A.io:443/y")
    assert not same_origin("https://a.io", "http://a.io")
    assert not same_origin("https://a.io", "https://a.io:8443")
    assert not same_origin("https://a.io", "https://b.a.io")


@pytest.mark.parametrize("location", ["ftp://x/y", "http://[::1", "http://a:99999/", "javascript:alert(1)"])
def test_a_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    with pytest.raises(MalformedError, match="redirects to what is no address"):
        resolve(location, "https://x.io/v2/")


def test_a_relative_redirect_stays_on_its_host() -> None:
    assert resolve("/storage/1", "https://x.io/v2/a") == "https://x.io/storage/1"


@pytest.mark.parametrize(
    ("address", "guarded", "guarded_if_insecure"),
    [
        ("https://x.io/token", True, True),
        ("http://127.0.0.1:5000/token", True, True),
        ("http://x.io/token", False, True),
        ("https://user@x.io/token", False, False),
        ("ftp://x.io/", False, False),
        ("/token", False, False),
        ("", False, False),
        ("http://[::1", False, False),
    ],
)
def test_secrets_go_only_where_nobody_listens(address: str, guarded: bool, guarded_if_insecure: bool) -> None:
    assert is_guarded(address, insecure=False) is guarded
    assert is_guarded(address, insecure=True) is guarded_if_insecure
