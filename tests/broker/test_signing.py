import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tidewaiter.broker.messages import CALLBACK, CONNECTION, CREDENTIALS, JOB
from tidewaiter.broker.replays import WINDOW, Numbers
from tidewaiter.broker.signing import PROOF, SIGNATURE, SIGNED, Party, Proven, Seal
from tidewaiter.errors import BrokerError, UsageError

SECRET = "correct horse battery staple"
HEADERS = {CONNECTION: "main", CALLBACK: "http://127.0.0.1:7341", CREDENTIALS: "e30="}


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def client(clock: Clock | None = None, *secrets: str) -> Seal:
    return Seal(secrets or (SECRET,), own=Party.CLIENT, other=Party.AGENT, clock=clock or Clock())


def agent(clock: Clock | None = None, *secrets: str) -> Seal:
    return Seal(secrets or (SECRET,), own=Party.AGENT, other=Party.CLIENT, clock=clock or Clock())


def signed(seal: Seal, **changes: str) -> dict[str, str]:
    """The headers of a signed `GET /list`."""
    return {**HEADERS, SIGNATURE: seal.sign("GET", "/list", HEADERS).header, **changes}


def verify(seal: Seal, headers: dict[str, str]) -> Proven:
    return seal.verify("GET", "/list", headers)


def refused(words: str) -> pytest.RaisesExc[BrokerError]:
    return pytest.raises(BrokerError, match=words, check=lambda error: error.code == "unauthorized")


def test_both_sides_prove_that_they_know_the_secret() -> None:
    asking, answering = client(), agent()
    signature = asking.sign("GET", "/list?a=b", HEADERS)
    proven = answering.verify("GET", "/list?a=b", {**HEADERS, SIGNATURE: signature.header})
    asking.check_answer(signature, 200, {PROOF: answering.answer(proven, 200)})


def test_a_callback_is_proven_the_other_way() -> None:
    headers = {CONNECTION: "main", JOB: "job-1"}
    signature = agent().sign("POST", "/v2/import/result", headers, digest="ab" * 32)
    assert client().verify("POST", "/v2/import/result", {**headers, SIGNATURE: signature.header}).digest == "ab" * 32


def test_it_is_not_signed() -> None:
    with refused("is not signed. Give both sides the same secret"):
        verify(agent(), HEADERS)


CHANGES: dict[str, Callable[[Seal, dict[str, str]], Proven]] = {
    "method": lambda seal, headers: seal.verify("POST", "/list", headers),
    "path": lambda seal, headers: seal.verify("GET", "/list/a", headers),
    "query": lambda seal, headers: seal.verify("GET", "/list?a=", headers),
    "audience": lambda seal, headers: seal.verify("GET", "/list", headers, audience="http://other"),
    "connection": lambda seal, headers: verify(seal, {**headers, CONNECTION: "other"}),
    "connection-gone": lambda seal, headers: verify(seal, {**headers, CONNECTION: ""}),
    "callback": lambda seal, headers: verify(seal, {**headers, CALLBACK: "http://evil.example"}),
    "credentials": lambda seal, headers: verify(seal, {**headers, CREDENTIALS: "e30"}),
    "header-added": lambda seal, headers: verify(seal, {**headers, JOB: "job-1"}),
    "header-moved": lambda seal, headers: verify(
        seal, {**headers, CONNECTION: "", CALLBACK: "main" + headers[CALLBACK]}
    ),
    "digest": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE].replace(".e3b0", ".e3b1")}),
    "time": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE].replace("1.17", "1.18", 1)}),
    "count": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE].replace("-1.", "-2.")}),
    "version": lambda seal, headers: verify(seal, {**headers, SIGNATURE: "2" + headers[SIGNATURE][1:]}),
    "cut-off": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE][:-1]}),
    "upper-case": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE].upper()}),
    "longer": lambda seal, headers: verify(seal, {**headers, SIGNATURE: headers[SIGNATURE] + " "}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_signed_cannot_be_changed(change: Callable[[Seal, dict[str, str]], Proven]) -> None:
    headers = signed(client())
    with refused("is not signed with the secret of this side"):
        change(agent(), headers)
    verify(agent(), headers)


@pytest.mark.parametrize(
    "header",
    [".", "....", "1..", "1.....", "x", "1.\udcff\u00e4.a-1.b.c", "1." + "9" * 9000 + ".a-1.b.c", "\0"],
    ids=range(8),
)
def test_malformed_signatures_are_refused(header: str) -> None:
    with refused("is not signed"):
        verify(agent(), {**HEADERS, SIGNATURE: header})


def test_headers_that_are_no_text_are_signed_as_they_are() -> None:
    headers = {CONNECTION: "\udcff\u00e4"}
    header = client().sign("GET", "/list", headers).header
    assert verify(agent(), {**headers, SIGNATURE: header}).nonce


@pytest.mark.parametrize("name", [SIGNATURE, *SIGNED])
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    headers = CIMultiDict(signed(client()))
    headers.add(name.title(), headers.get(name, ""))
    headers.add(name, "other")
    with refused(f"the header {name} more than once"):
        agent().verify("GET", "/list", headers)


def test_another_secret_is_refused() -> None:
    with refused("is not signed with the secret of this side. Give both the same one"):
        verify(agent(None, "another secret of that length"), signed(client()))


def test_a_message_does_not_come_back_to_its_author() -> None:
    with refused("is not signed with the secret of this side"):
        verify(client(), signed(client()))


def test_a_secret_is_changed_one_side_after_the_other() -> None:
    new = "the next secret, a long one"
    for asking, answering in (
        (client(None, SECRET), agent(None, SECRET, new)),
        (client(None, new, SECRET), agent(None, SECRET, new)),
        (client(None, new, SECRET), agent(None, new)),
    ):
        signature = asking.sign("GET", "/list", HEADERS)
        proven = verify(answering, {**HEADERS, SIGNATURE: signature.header})
        asking.check_answer(signature, 200, {PROOF: answering.answer(proven, 200)})


def test_a_message_counts_once() -> None:
    asking, answering = client(), agent()
    headers = signed(asking)
    verify(answering, headers)
    with refused("was sent before"):
        verify(answering, headers)
    verify(answering, signed(asking))


def test_requests_may_overtake_each_other() -> None:
    asking, answering = client(), agent()
    for headers in reversed([signed(asking) for _ in range(20)]):
        verify(answering, headers)


@pytest.mark.parametrize(("seconds", "words"), [(-31, "31 s ahead of"), (31, "31 s behind"), (86400, "86400 s behind")])
def test_clocks_that_differ_are_told_apart_from_a_wrong_secret(seconds: float, words: str) -> None:
    here, there = Clock(), Clock()
    answering = agent(here)
    here.now += seconds
    with refused(f"was signed {words} the clock of this side. Set both clocks"):
        verify(answering, signed(client(there)))


@pytest.mark.parametrize("seconds", [-29, 29])
def test_clocks_may_differ_a_little(seconds: float) -> None:
    here, there = Clock(), Clock()
    answering = agent(here)
    here.now += 60
    there.now = here.now + seconds
    assert verify(answering, signed(client(there))).nonce


def test_what_was_sent_to_a_program_before_it_started_does_not_count() -> None:
    """It may have counted then, and nobody remembers."""
    clock = Clock()
    headers = signed(client(clock))
    verify(agent(clock), headers)
    clock.now += 1
    with refused("was signed before this program started"):
        verify(agent(clock), headers)


@pytest.mark.parametrize("status", [200, 404])
def test_who_does_not_know_the_secret_cannot_answer(status: int) -> None:
    asking, answering, stranger = client(), agent(), agent(None, "another secret of that length")
    first, second = asking.sign("GET", "/list", HEADERS), asking.sign("GET", "/list", HEADERS)
    proven = verify(answering, {**HEADERS, SIGNATURE: first.header})
    proof = answering.answer(proven, 200)
    for signature, headers in (
        (first, {}),
        (first, {PROOF: ""}),
        (first, {PROOF: "\u00e4\udcff"}),
        (first, {PROOF: stranger.answer(proven, status)}),
        (first, {PROOF: asking.answer(proven, status)}),
        (second, {PROOF: proof}),
    ):
        with refused("the answer does not prove"):
            asking.check_answer(signature, status, headers)
    with refused("the answer does not prove"):
        asking.check_answer(first, 500, {PROOF: proof})


def test_a_body_is_the_one_that_was_signed() -> None:
    body = b'{"image": "a"}'
    signature = client().sign("POST", "/scan", HEADERS, digest=hashlib.sha256(body).hexdigest())
    proven = agent().verify("POST", "/scan", {**HEADERS, SIGNATURE: signature.header})
    proven.check(body)
    with refused("the body of the request is not the one that was signed"):
        proven.check(body + b" ")
    with refused("the body of the request is not the one that was signed"):
        proven.check(b"")


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (SECRET, "short")])
def test_a_secret_that_can_be_guessed_is_none(secrets: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="fewer than 16 characters"):
        Seal(secrets, own=Party.CLIENT, other=Party.AGENT)


def test_a_seal_does_not_show_its_secret() -> None:
    assert SECRET not in repr(vars(client())) + repr(client())


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_each_number_is_taken_at_most_once(numbers: list[int]) -> None:
    seen = Numbers(kept=1000)
    taken = [number for number in numbers if seen.take("a", number, moment=0, now=0)]
    assert len(taken) == len(set(taken))
    if max(numbers, default=0) < WINDOW:
        assert set(taken) == set(numbers)


def test_a_number_far_behind_is_not_taken_as_nobody_remembers_it() -> None:
    seen = Numbers(kept=1000)
    assert seen.take("a", WINDOW + 1, moment=0, now=0)
    assert seen.take("a", 2, moment=0, now=0)
    assert not seen.take("a", 1, moment=0, now=0)
    assert seen.take("b", 1, moment=0, now=0)


def test_too_many_senders_are_refused_until_the_old_ones_are_past() -> None:
    seen = Numbers(kept=1000, most=2)
    assert seen.take("a", 1, moment=0, now=0)
    assert seen.take("b", 1, moment=500, now=500)
    assert not seen.take("c", 1, moment=900, now=900)
    assert not seen.take("a", 1, moment=0, now=900)
    assert seen.take("c", 1, moment=1200, now=1200)
    assert not seen.take("b", 1, moment=500, now=1200)
