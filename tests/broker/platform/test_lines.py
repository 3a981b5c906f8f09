"""Lines of an agent: the end is told, and nothing is believed that cannot be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.platform_api import lines as spelled
from fakes.registries import ACCOUNT, registry
from tidewaiter.broker.messages import (
    AgentInfo,
    AtRegistry,
    DocumentLine,
    Hello,
    ImageLine,
    Line,
    LostPlace,
    PassedPlace,
    RepositoryLine,
    TagLine,
    Trouble,
)
from tidewaiter.broker.platform.lines import lines, only
from tidewaiter.errors import BrokerError, CloudDeniedError, CloudError
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import Identity, ImageDetail
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Descriptor, Digest

DIGEST = Digest("sha256", "a" * 64)
NO_DIGEST = Digest("sha256", "../../etc")


IDENTITY = Identity(arn="arn:aws:iam::999999999999:role/agent", account="999999999999", partition="aws")


def gap(why: Why) -> Gap:
    return Gap(stage=Stage.DISCOVERY, why=why, subject="account", detail="It is so.")


NAMES = [RepositoryLine(name) for name in ("app", "team/app", "a_b/c.d-e", "Nexus/Upper")]


def read(content: bytes | Iterable[bytes]) -> Sequence[Line]:
    return list(lines([content] if isinstance(content, bytes) else content, "connection shop"))


def refused(content: bytes | Iterable[bytes]) -> BrokerError:
    with pytest.raises(BrokerError) as raised:
        read(content)
    return raised.value


@given(st.integers(1, 40))
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    whole = spelled(NAMES)
    assert read([whole[at : at + size] for at in range(0, len(whole), size)]) == NAMES


@pytest.mark.parametrize("broken", [False, True])
def test_an_answer_is_read_to_its_end_so_that_its_connection_can_be_used_again(broken: bool) -> None:
    ended = []

    def chunks() -> Iterator[bytes]:
        yield spelled(NAMES)
        ended.append(True)
        if broken:
            raise BrokerError("all that matters was there")

    assert read(chunks()) == NAMES
    assert ended


def test_lines_that_stop_without_an_end_are_lost() -> None:
    for content in (b"", spelled(NAMES, end=False)):
        error = refused(content)
        assert (error.code, error.retry) == ("lost", True)


def test_a_last_line_needs_no_newline() -> None:
    assert read(spelled(NAMES).rstrip()) == NAMES


def test_trouble_is_the_error_that_it_was_behind_the_lines_before_it() -> None:
    content = spelled([*NAMES, Trouble("it may not", code="AccessDenied", denied=True)], end=False)
    found = lines([content], "connection shop")
    assert [next(found) for _ in NAMES] == NAMES
    with pytest.raises(CloudDeniedError, match="it may not"):
        next(found)
    with pytest.raises(CloudError):
        read(spelled([Trouble("throttled")], end=False))


@pytest.mark.parametrize(
    "line",
    [
        RepositoryLine(""),
        RepositoryLine("../etc"),
        RepositoryLine("a/../b"),
        RepositoryLine("a//b"),
        RepositoryLine("/a"),
        RepositoryLine("a/"),
        RepositoryLine("a\nb"),
        RepositoryLine("a\x1b[31m"),
        RepositoryLine("a?b"),
        RepositoryLine("a%2fb"),
        RepositoryLine("a" * 600),
        TagLine("v1", NO_DIGEST),
        ImageLine(ImageDetail(digest=NO_DIGEST)),
        ImageLine(ImageDetail(digest=DIGEST, subject=NO_DIGEST)),
        DocumentLine(NO_DIGEST, Kind.IMAGE),
        DocumentLine(DIGEST, Kind.INDEX, children=(Descriptor(media_type="x", digest=NO_DIGEST, size=1),)),
        ImageLine(ImageDetail(digest=DIGEST, size=-1)),
        ImageLine(ImageDetail(digest=DIGEST, size=1 << 62)),
        ImageLine(ImageDetail(digest=DIGEST, tags=("v1\0",))),
        ImageLine(ImageDetail(digest=DIGEST, pushed=datetime(2026, 1, 1))),  # noqa: DTZ001 - that is the point
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.SCANNED)),
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.PENDING, why=Why.LIMIT)),
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.FAILED)),
        DocumentLine(DIGEST, Kind.UNKNOWN, absent=True),
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.SKIPPED, why=Why.UNREACHABLE)),
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.SKIPPED, why=Why.FILTERED)),
        DocumentLine(DIGEST, Kind.IMAGE, Outcome(state=State.FAILED, why=Why.FILTERED)),
        LostPlace(ACCOUNT, gap(Why.FILTERED)),
        LostPlace(ACCOUNT, gap(Why.INACTIVE)),
        PassedPlace(ACCOUNT, gap(Why.DENIED)),
        AtRegistry(ACCOUNT, replace(registry(), host="../../etc")),
        AtRegistry(ACCOUNT, replace(registry(), host="host\n")),
        AtRegistry(ACCOUNT, replace(registry(), host="")),
        AtRegistry(ACCOUNT, replace(registry(), region="r" * 301)),
        AtRegistry(ACCOUNT, replace(registry(), account="1\x1b[2J")),
        AtRegistry(replace(ACCOUNT, id="1" * 301), registry()),
        LostPlace(replace(ACCOUNT, name="a\nb"), gap(Why.DENIED)),
        LostPlace(ACCOUNT, gap(Why.DENIED), region="r" * 301),
        PassedPlace(replace(ACCOUNT, state="\x9b"), gap(Why.INACTIVE)),
        Hello(AgentInfo("1", "f", Limits(), operations=0), IDENTITY),
        Hello(AgentInfo("1", "f", Limits(), operations=1 << 40), IDENTITY),
        Hello(AgentInfo("1", "f" * 301, Limits(), operations=1), IDENTITY),
        Hello(AgentInfo("1", "f", Limits(index_depth=1 << 50), operations=1), IDENTITY),
        Hello(AgentInfo("1", "f", Limits(index_manifests=1 << 50), operations=1), IDENTITY),
        Hello(AgentInfo("1", "f", Limits(layers=-1), operations=1), IDENTITY),
        TagLine("v" * 301, DIGEST),
        ImageLine(ImageDetail(digest=DIGEST, tags=("v1", "v\x1b[31m"))),
        ImageLine(ImageDetail(digest=DIGEST, media_type="m" * 301)),
    ],
    ids=lambda line: str(line)[:60].encode("ascii", "backslashreplace").decode(),
)
def test_what_cannot_be_and_what_would_let_the_unseen_count_as_seen_is_malformed(line: Line) -> None:
    assert refused(spelled([line])).code == "malformed"


@pytest.mark.parametrize(
    "content", [b"[]\n", b"{}\n", b'{"type":"other"}\n', b"\xff\n", b"[" * 100_000 + b"\n", b"null\n"]
)
def test_what_is_no_line_is_malformed(content: bytes) -> None:
    error = refused(content)
    assert (error.code, error.retry) == ("malformed", False)


@given(st.binary(max_size=200))
def test_no_bytes_are_anything_but_lines_or_an_error(content: bytes) -> None:
    with pytest.raises((BrokerError, CloudError)):
        read(content + b"\n")


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    def endless() -> Iterable[bytes]:
        while True:
            yield b"x" * (1 << 20)

    assert refused(endless()).code == "too-large"


def test_an_answer_without_an_end_is_not_held_for_ever() -> None:
    line = msgspec.json.encode(NAMES[0]) + b" " * (1 << 20) + b"\n"

    def endless() -> Iterable[bytes]:
        while True:
            yield line

    assert refused(endless()).code == "too-large"


def test_a_line_of_another_kind_is_malformed() -> None:
    found = read(spelled(NAMES))
    assert list(only(found, RepositoryLine, "here")) == NAMES
    with pytest.raises(BrokerError, match="of another kind") as raised:
        list(only(found, TagLine, "here"))
    assert raised.value.code == "malformed"


def test_a_registry_keeps_what_it_is() -> None:
    for each in (
        registry(),
        replace(registry(), host="public.ecr.aws/alias"),
        replace(registry(), host="localhost:5000"),
    ):
        assert read(spelled([AtRegistry(ACCOUNT, each)])) == [AtRegistry(ACCOUNT, each)]
    assert msgspec.json.decode(msgspec.json.encode(NAMES[0]), type=Line) == NAMES[0]
