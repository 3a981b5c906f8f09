from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.broker import wire
from tidewaiter.broker.wire import Code, Reset, ResetAt
from tidewaiter.errors import BrokerError

texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
names = st.text("abcXYZ019-_", min_size=1, max_size=20)
headers = st.lists(st.tuples(names, values), max_size=5).map(tuple)
numbers = st.integers(min_value=0, max_value=2**64 - 1)
bodies = st.binary(max_size=300)
requests = st.builds(
    wire.Request,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    target=texts.map("/{}".format),
    connection=texts,
    headers=headers,
    deadline=st.floats(min_value=0, max_value=wire.DEADLINE_MOST),
)
replies = st.builds(wire.ReplyHead, status=st.integers(min_value=200, max_value=599), headers=headers)
REQUEST = wire.Request("GET", "/list", "blue", (("accept", "*/*"),), 60.0)
REPLY = wire.ReplyHead(200, (("content-type", "application/json"),))


@dataclass(frozen=True)
class Sample:
    frame: bytes
    says: wire.Frame


SAMPLES = {
    "hello": Sample(
        wire.encode_hello(wire.Hello(1, ("t0", "t1"), "replica", "tidewaiter")),
        wire.Hello(1, ("t0", "t1"), "replica", "tidewaiter"),
    ),
    "welcome": Sample(wire.encode_welcome(wire.Welcome(("blue", ""), 15.0)), wire.Welcome(("blue", ""), 15.0)),
    "request": Sample(wire.encode_request(1, REQUEST, b"x", last=True), wire.Opened(1, REQUEST, b"x", last=True)),
    "reply": Sample(wire.encode_reply(1, REPLY, b"y", last=False), wire.Replied(1, REPLY, b"y", last=False)),
    "data": Sample(wire.encode_data(7, b"more", last=True), wire.Data(7, b"more", last=True)),
    "credit": Sample(wire.encode_credit(7, 65536), wire.Credit(7, 65536)),
    "reset": Sample(
        wire.encode_reset(7, BrokerError("gone", advice="Wait", retry=True, code=Code.LOST)),
        ResetAt(7, Reset("lost", "gone", "Wait", retry=True)),
    ),
    "ping": Sample(wire.encode_ping(5), wire.Ping(5)),
    "pong": Sample(wire.encode_pong(5), wire.Pong(5)),
    "dropped": Sample(wire.encode_notice(wire.Dropped("blue", "revoked")), wire.Dropped("blue", "revoked")),
    "going-away": Sample(wire.encode_notice(wire.GoingAway("stopping")), wire.GoingAway("stopping")),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_frame_says_what_was_encoded(name: str) -> None:
    assert wire.decode(SAMPLES[name].frame) == SAMPLES[name].says


def test_there_is_a_sample_of_every_kind() -> None:
    assert {sample.frame[0] for sample in SAMPLES.values()} == set(wire.Kind)


@given(stream=numbers, head=requests, chunk=bodies, last=st.booleans())
def test_every_request_comes_as_it_was_sent(stream: int, head: wire.Request, chunk: bytes, last: bool) -> None:
    frame = wire.encode_request(stream, head, chunk, last=last)
    assert wire.decode(frame) == wire.Opened(stream, head, chunk, last)


@given(stream=numbers, head=replies, chunk=bodies, last=st.booleans())
def test_every_reply_comes_as_it_was_sent(stream: int, head: wire.ReplyHead, chunk: bytes, last: bool) -> None:
    frame = wire.encode_reply(stream, head, chunk, last=last)
    assert wire.decode(frame) == wire.Replied(stream, head, chunk, last)


def _is_frame_or_malformed(frame: bytes) -> bool:
    try:
        return isinstance(wire.decode(frame), wire.Frame)
    except BrokerError as error:
        return error.code == Code.MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_malformed(frame: bytes) -> None:
    assert _is_frame_or_malformed(frame)


@given(kind=st.sampled_from(wire.Kind), rest=st.binary(max_size=100))
def test_anything_of_a_known_kind_is_a_frame_or_malformed(kind: wire.Kind, rest: bytes) -> None:
    assert _is_frame_or_malformed(bytes((kind, 0)) + rest)


@given(name=st.sampled_from(sorted(SAMPLES)), at=st.integers(min_value=0), byte=st.integers(min_value=0, max_value=255))
def test_a_damaged_frame_is_another_or_malformed(name: str, at: int, byte: int) -> None:
    frame = bytearray(SAMPLES[name].frame)
    frame[at % len(frame)] = byte
    assert _is_frame_or_malformed(bytes(frame))


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - {"data", "request", "reply"}))
def test_a_frame_that_is_cut_short_is_malformed(name: str) -> None:
    with pytest.raises(BrokerError) as caught:
        wire.decode(SAMPLES[name].frame[:-1])
    assert caught.value.code == Code.MALFORMED


def _request(**changes: object) -> wire.Request:
    parts: dict[str, object] = {"method": "GET", "target": "/", "connection": "blue", "headers": (), "deadline": 1.0}
    return wire.Request(**{**parts, **changes})  # type: ignore[arg-type]  # some are wrong on purpose


HOSTILE_REQUESTS = {
    "no path": _request(target=""),
    "another URL": _request(target="http://elsewhere/"),
    "a line in the path": _request(target="/a\r\nx: y"),
    "a line in the method": _request(method="GET\n"),
    "no method": _request(method=""),
    "a line in the connection": _request(connection="blue\n"),
    "a line in a header": _request(headers=(("a", "b\r\nc: d"),)),
    "a NUL in a header": _request(headers=(("a", "b\0"),)),
    "a line in a header's name": _request(headers=(("a\n", "b"),)),
    "a header in a header's name": _request(headers=(("a: b", "c"),)),
    "a header without a name": _request(headers=(("", "b"),)),
    "too many headers": _request(headers=(("a", "b"),) * (wire.HEADERS_MOST + 1)),
    "no deadline": _request(deadline=float("nan")),
    "a deadline too far away": _request(deadline=wire.DEADLINE_MOST + 1),
    "a deadline that has passed": _request(deadline=-1.0),
}


@pytest.mark.parametrize("name", HOSTILE_REQUESTS)
def test_a_request_that_none_should_be_is_not_sent(name: str) -> None:
    with pytest.raises(BrokerError) as caught:
        wire.encode_request(1, HOSTILE_REQUESTS[name], last=True)
    assert caught.value.code == Code.MALFORMED


@pytest.mark.parametrize("name", HOSTILE_REQUESTS)
def test_a_request_that_none_should_be_is_not_taken(name: str) -> None:
    with pytest.raises(BrokerError) as caught:
        wire.decode(by_hand(1, HOSTILE_REQUESTS[name]))
    assert caught.value.code == Code.MALFORMED


@pytest.mark.parametrize("status", [0, 101, 199, 600, -200])
def test_a_reply_has_a_final_status(status: int) -> None:
    with pytest.raises(BrokerError, match="status"):
        wire.encode_reply(1, wire.ReplyHead(status, ()), last=True)


def test_a_header_may_hold_a_tab_and_letters_of_all_languages() -> None:
    head = _request(headers=(("a", "b\tc"), ("name", "Zoë")))
    assert wire.decode(wire.encode_request(1, head, last=True)) == wire.Opened(1, head, b"", last=True)


def test_a_head_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(BrokerError) as caught:
        wire.encode_reply(1, wire.ReplyHead(200, (("a", "b" * wire.HEAD_MOST),)), last=True)
    assert caught.value.code == Code.TOO_LARGE


OVERSIZED = {
    "frame": bytes(wire.FRAME_MOST + 1),
    "chunk": wire.encode_data(1, bytes(wire.CHUNK + 1), last=False),
    "chunk beside a head": wire.encode_request(1, REQUEST, bytes(wire.CHUNK + 1), last=False),
    "greeting": wire.encode_welcome(wire.Welcome((), 1.0)) + bytes(wire.HEAD_MOST),
    "head": wire.encode_request(1, REQUEST, last=True)[:10] + b"\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", OVERSIZED)
def test_what_is_too_large_is_malformed(name: str) -> None:
    with pytest.raises(BrokerError) as caught:
        wire.decode(OVERSIZED[name])
    assert caught.value.code == Code.MALFORMED


def test_the_largest_frame_passes() -> None:
    head = _request(headers=(("a", "b" * (wire.HEAD_MOST - 100)),))
    frame = wire.encode_request(1, head, bytes(wire.CHUNK), last=True)
    assert len(frame) <= wire.FRAME_MOST
    assert isinstance(wire.decode(frame), wire.Opened)


def test_words_of_an_error_are_cut_not_refused() -> None:
    decoded = wire.decode(wire.encode_reset(1, BrokerError("x" * 100_000, code=Code.FAILED)))
    assert decoded == ResetAt(1, Reset("failed", "x" * wire.WORDS_MOST))


def test_an_error_of_the_other_side_has_a_code_that_is_known_and_words_that_are_cut() -> None:
    said = wire.Reset("made up\r\nX: y", "x" * 50_000, "y" * 10_000)
    frame = wire.encode_reset(1, BrokerError(""))[:10] + msgspec.msgpack.encode(said)
    assert wire.decode(frame) == ResetAt(1, Reset("failed", "x" * wire.WORDS_MOST, "y" * wire.WORDS_MOST))


def test_what_is_appended_to_a_head_may_not_be_deeper_than_anybody_reads() -> None:
    frame = wire.encode_notice(wire.GoingAway("stopping"))
    deep = frame[:10] + b"\x92" + frame[11:] + b"\x91" * 60_000 + b"\x90"
    with pytest.raises(BrokerError) as caught:
        wire.decode(deep)
    assert caught.value.code == Code.MALFORMED


def test_words_that_no_encoding_has_are_told_all_the_same() -> None:
    decoded = wire.decode(wire.encode_reset(1, BrokerError("caf\udce9", code=Code.FAILED)))
    assert decoded == ResetAt(1, Reset("failed", "caf?"))


def test_what_a_later_version_appends_to_a_head_is_passed_over() -> None:
    later = bytearray(wire.encode_notice(wire.GoingAway("stopping")))
    later[10] += 1  # an array of one more
    assert wire.decode(bytes(later) + b"\x05") == wire.GoingAway("stopping")


def test_tokens_and_queries_do_not_stand_in_what_is_printed() -> None:
    assert "t0ken" not in repr(wire.Hello(1, ("t0ken",), "replica", "tidewaiter"))
    assert "s3cret" not in repr(_request(target="/list?x=s3cret", headers=(("a", "s3cret"),)))


def by_hand(stream: int, head: wire.Request) -> bytes:
    """A frame that this side would not send."""
    encoded = msgspec.msgpack.encode(head)
    return bytes((wire.Kind.REQUEST, 1)) + stream.to_bytes(8, "big") + len(encoded).to_bytes(4, "big") + encoded
