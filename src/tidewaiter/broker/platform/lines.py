"""Lines of JSON from an agent: read under ceilings, typed, and checked before anybody relies on them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from typing import TypeVar

import msgspec

from tidewaiter.broker.messages import (
    AgentInfo,
    AtRegistry,
    DocumentLine,
    End,
    Hello,
    ImageLine,
    Line,
    LostPlace,
    PassedPlace,
    RepositoryLine,
    TagLine,
    Trouble,
)
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError
from tidewaiter.image.limits import Limits
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.fleet import Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest

_T = TypeVar("_T")
_LONGEST = 8 << 20  # bytes of a line: an index of a thousand manifests has less than one MiB
_MOST = 2_000_000  # lines of one answer
_LARGEST = 256 << 20  # bytes of one answer, which is held in memory: some hundred for each line
_ADVICE = "Server, client, agent and platform should be of one version."
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,252}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._\-]{1,255})?")
_REPOSITORY = re.compile(r"(?=.{1,512}\Z)[A-Za-z0-9][A-Za-z0-9._\-]*(?:/[A-Za-z0-9_][A-Za-z0-9._\-]*)*")
_OPERATIONS_MOST = 10_000  # images at a time: more jobs wait at no agent
_CEILINGS_MOST = {"index_depth": 64, "index_manifests": 100_000}  # an index may be told to list itself
_SIZE_MOST = 1 << 60  # bytes: what databases can count
_NUL = b"\\u0000"
_ON_PURPOSE = (Why.FILTERED, Why.INACTIVE)
_LONGEST_NAME = 300  # characters: databases have indexes of them
_DECODER = msgspec.json.Decoder(Line)


def lines(chunks: Iterable[bytes], where: str) -> Iterator[Line]:
    """The lines up to the end, which is none of them.

    Raises BrokerError for lines that are not as agreed, and (lost) for those that stop without an end; CloudError for
    trouble of the agent's.
    """
    split = _split(chunks, where)
    for number, line in enumerate(split):
        match read := _decoded(line, where):
            case End():
                with suppress(BrokerError):  # all is here: read up to its end, its connection can be used again
                    next(split, None)
                return
            case Trouble():
                raise read.error()
        if number >= _MOST:
            raise BrokerError(f"an answer has more than {_MOST} lines", where=where, code=Code.TOO_LARGE)
        yield read
    raise BrokerError("an answer stopped before its end", where=where, code=Code.LOST, retry=True)


def only(found: Iterable[Line], kind: type[_T], where: str) -> Iterator[_T]:
    """The lines, all of which are to be of this kind. Raises BrokerError for another."""
    for line in found:
        if not isinstance(line, kind):
            raise _malformed(f"a line of another kind came: {type(line).__name__}", where)
        yield line


def _split(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    rest, size = bytearray(), 0
    for chunk in chunks:
        rest += chunk
        size += len(chunk)
        if size > _LARGEST:
            raise BrokerError(f"an answer has more than {_LARGEST} bytes", where=where, code=Code.TOO_LARGE)
        if b"\n" in chunk:
            *whole, last = bytes(rest).split(b"\n")
            yield from filter(None, whole)
            rest = bytearray(last)
        if len(rest) > _LONGEST:
            raise BrokerError(f"a line has more than {_LONGEST} bytes", where=where, code=Code.TOO_LARGE)
    if rest.strip():
        yield bytes(rest)


def _decoded(line: bytes, where: str) -> Line:
    if _NUL in line:
        raise _malformed("a line holds a character that no name has", where)
    try:
        read: Line = _DECODER.decode(line)
        _check(read)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed(f"a line is not as agreed: {error}", where) from None
    return read


def _check(line: Line) -> None:
    """Raises ValueError for what cannot be, and for what would let something unseen count as seen."""
    match line:
        case Hello(agent=agent):
            _check_agent(agent)
        case AtRegistry() | LostPlace() | PassedPlace():
            _check_place(line)
        case RepositoryLine(name=name):
            _check_name(name, _REPOSITORY, "the name of a repository")
        case TagLine(name=name, digest=digest):
            _check_words([name])
            _check_digests([digest])
        case ImageLine(detail=detail):
            _check_detail(detail)
        case DocumentLine(digest=digest, children=children):
            _check_digests([digest, *(child.digest for child in children)])
            _check_outcome(line)


def _check_agent(agent: AgentInfo) -> None:
    """The platform takes the agent's ceilings over: they must be some."""
    _check_words([agent.fingerprint])
    if not 0 < agent.operations <= _OPERATIONS_MOST:
        raise ValueError(f"not a number of images at a time: {agent.operations}")
    for field in fields(Limits):
        if not 0 <= (value := getattr(agent.limits, field.name)) <= _CEILINGS_MOST.get(field.name, _SIZE_MOST):
            raise ValueError(f"not a ceiling for {field.name}: {value}")


def _check_place(line: AtRegistry | LostPlace | PassedPlace) -> None:
    _check_words([line.account.id, line.account.name, line.account.ou_path, line.account.state])
    match line:
        case AtRegistry(registry=registry):
            _check_name(registry.host, _HOST, "the host of a registry")
            _check_words([registry.partition, registry.account, registry.region])
        case LostPlace(gap=gap) if gap.why in _ON_PURPOSE:
            raise ValueError(f"what is lost is not {gap.why}")
        case PassedPlace(gap=gap) if gap.why not in _ON_PURPOSE:
            raise ValueError(f"what is left out on purpose is not {gap.why}")
        case LostPlace(region=region):
            _check_words([region])


def _check_words(names: Iterable[str]) -> None:
    for name in names:
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"not what anything is called: {name[:100]!r}")


def _check_name(name: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(name):
        raise ValueError(f"not {what}: {name[:100]!r}")


def _check_digests(digests: Iterable[Digest]) -> None:
    for digest in digests:
        Digest.parse(str(digest))


def _check_detail(detail: ImageDetail) -> None:
    _check_digests([detail.digest, *filter(None, [detail.subject])])
    _check_words([*detail.tags, detail.media_type, detail.artifact_type])
    if not 0 <= detail.size < _SIZE_MOST:
        raise ValueError(f"not the size of an image: {detail.size}")
    if any(time is not None and time.tzinfo is None for time in (detail.pushed, detail.pulled)):
        raise ValueError("a time without a zone")


def _check_outcome(line: DocumentLine) -> None:
    if line.outcome is None and line.absent:
        raise ValueError("what is absent has an end")
    match line.outcome:
        case None | Outcome(state=State.SKIPPED, why=Why.NOT_AN_IMAGE):
            return
        case Outcome(state=State.FAILED, why=Why() as why) if why not in _ON_PURPOSE:
            return
        case Outcome(state=state, why=why):
            raise ValueError(f"a manifest that nobody looked at is not {state} as {why}")


def _malformed(what: str, where: str) -> BrokerError:
    return BrokerError(what, where=where, advice=_ADVICE, code=Code.MALFORMED)
