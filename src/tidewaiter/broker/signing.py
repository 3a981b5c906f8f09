"""Proof of who asks and who answers: HMAC-SHA256 with a secret that both hold.

Signed are method, target, the headers that mean something, the digest of the body, the time, and a number that is used
once. Each side signs as what it is, so that a message cannot be sent back to its author. Messages of another time, of
before this program's start, or seen before are refused. Nothing is encrypted by it: that is TLS' business.
https://www.rfc-editor.org/rfc/rfc2104
"""

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from multidict import MultiMapping

from tidewaiter.broker.messages import CALLBACK, CONNECTION, CONTENT_DIGEST, CREDENTIALS, DEADLINE, IDEMPOTENCY, JOB
from tidewaiter.broker.replays import Numbers
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, UsageError

SIGNATURE: Final = "x-tidewaiter-signature"
"""The header of a signed request."""

PROOF: Final = "x-tidewaiter-proof"
"""The header of the answer to it."""

SIGNED: Final = (CONNECTION, CALLBACK, CREDENTIALS, DEADLINE, IDEMPOTENCY, JOB, CONTENT_DIGEST)
"""The headers that a signature covers, also where they are missing."""

LONGEST_BUFFERED: Final = 1 << 20
"""The most bytes of a body that are kept in memory to sign them; larger ones come with their digest known."""

NO_BODY: Final = hashlib.sha256(b"").hexdigest()

_VERSION: Final = "1"
_SHORTEST_SECRET: Final = 16
_SKEW: Final = 30.0  # seconds


class Party(StrEnum):
    """Who signs."""

    CLIENT = "client"
    AGENT = "agent"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature: its header's value, and what an answer to it has to prove."""

    header: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Proven:
    """A request whose signature is right. Its body still has to have the digest, in hexadecimal sha256."""

    nonce: str
    digest: str

    def check(self, body: bytes) -> None:
        """Raises BrokerError where the body is not the signed one."""
        self.check_digest(hashlib.sha256(body).hexdigest())

    def check_digest(self, digest: str) -> None:
        """The same, for a body that was hashed as it came."""
        if self.digest != digest:
            raise _refused("the body of the request is not the one that was signed")


class Seal:
    """The secret in the hands of one side: it signs as itself and checks what the other side signed.

    With several secrets it signs with the first and believes all of them, so that they can be changed one side after
    the other. `clock` gives seconds since the epoch, of which both may differ by `skew`. For one thread. Raises
    UsageError for secrets that can be guessed.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        own: Party,
        other: Party,
        clock: Callable[[], float] = time.time,
        skew: float = _SKEW,
    ) -> None:
        _check(secrets)
        self._clock = clock
        self._skew = round(skew * 1000)
        self._own = _key(secrets[0], own)
        self._others = tuple(_key(secret, other) for secret in secrets)
        self._session = os.urandom(12).hex()
        self._count = 0
        self._numbers = Numbers(kept=3 * self._skew)
        self._started = self._now()

    def __repr__(self) -> str:
        return "Seal(…)"

    def sign(
        self, method: str, target: str, headers: Mapping[str, str], *, digest: str = NO_BODY, audience: str = ""
    ) -> Signed:
        """The signature of a request; give its header as SIGNATURE. `headers` are those that will be sent.

        `digest` is the body's sha256 in hexadecimal. With `audience` nobody else takes it.
        """
        self._count += 1
        nonce = f"{self._session}-{self._count}"
        moment = self._now()
        mac = _mac(self._own, _text(method, target, headers, audience, f"{moment}.{nonce}.{digest}"))
        return Signed(header=f"{_VERSION}.{moment}.{nonce}.{digest}.{mac}", nonce=nonce)

    def verify(self, method: str, target: str, headers: Mapping[str, str], *, audience: str = "") -> Proven:
        """Who asks knows the secret, now, and for the first time. Raises BrokerError (unauthorized) otherwise."""
        moment, nonce, digest = self._opened(method, target, headers, audience)
        self._check_time(moment)
        session, _, count = nonce.partition("-")
        if not self._numbers.take(session, int(count), moment=moment, now=self._now()):
            raise _refused("the request was sent before; it does not count twice")
        return Proven(nonce=nonce, digest=digest)

    def answer(self, proven: Proven, status: int) -> str:
        """The value of PROOF: who answers knows the secret too, and answers this request."""
        return _mac(self._own, _answer(proven.nonce, status))

    def check_answer(self, signed: Signed, status: int, headers: Mapping[str, str]) -> None:
        """Raises BrokerError (unauthorized) where the answer is of somebody who does not know the secret."""
        proof = headers.get(PROOF, "")
        text = _answer(signed.nonce, status)
        if not self._is_of_other(text, proof):
            raise _refused("the answer does not prove that the other side knows the secret", "Give both the same one")

    def _opened(self, method: str, target: str, headers: Mapping[str, str], audience: str) -> tuple[int, str, str]:
        """Moment, nonce and digest of a signature that is right."""
        claim, _, mac = _values(headers, (SIGNATURE,))[0].rpartition(".")
        if not claim:
            raise _refused("the request is not signed", "Give both sides the same secret")
        version, _, rest = claim.partition(".")
        if version != _VERSION or not self._is_of_other(_text(method, target, headers, audience, rest), mac):
            raise _refused("the request is not signed with the secret of this side", "Give both the same one")
        moment, nonce, digest = rest.split(".")
        return int(moment), nonce, digest

    def _is_of_other(self, text: bytes, mac: str) -> bool:
        given = _bytes(mac)
        return any(hmac.compare_digest(_mac(key, text).encode(), given) for key in self._others)

    def _check_time(self, moment: int) -> None:
        late = self._now() - moment
        if abs(late) > self._skew:
            way = "behind" if late > 0 else "ahead of"
            by = f"{abs(late) / 1000:.0f} s {way} the clock of this side"
            raise _refused(f"the request was signed {by}", "Set both clocks, by NTP for instance")
        if moment < self._started:
            raise _refused("the request was signed before this program started", "Send it again")

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _check(secrets: Sequence[str]) -> None:
    if not secrets or any(len(secret) < _SHORTEST_SECRET for secret in secrets):
        raise UsageError(
            f"the shared secret has fewer than {_SHORTEST_SECRET} characters",
            advice="Make one with `openssl rand -hex 32`",
        )


def _key(secret: str, party: Party) -> bytes:
    return hmac.digest(_bytes(secret), f"tidewaiter {party}".encode(), "sha256")


def _mac(key: bytes, text: bytes) -> str:
    return hmac.digest(key, text, "sha256").hex()


def _text(method: str, target: str, headers: Mapping[str, str], audience: str, claim: str) -> bytes:
    """What is signed: each part with its length before it, so that no two requests have the same text."""
    parts = (method, target, audience, claim, *_values(headers, SIGNED))
    return _bytes("".join([f"{len(part)}:{part}" for part in parts]))


def _answer(nonce: str, status: int) -> bytes:
    return _bytes(f"answer {nonce} {status}")


def _values(headers: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """The headers' values, "" for none. Where one comes twice nobody knows which one counts."""
    if isinstance(headers, MultiMapping):
        for name in names:
            if len(headers.getall(name, ())) > 1:
                raise _refused(f"the request has the header {name} more than once")
    return [headers.get(name, "") for name in names]


def _bytes(text: str) -> bytes:
    """As it came: what is not UTF-8 in a header stands in it as surrogates."""
    return text.encode(errors="surrogateescape")


def _refused(what: str, advice: str = "") -> BrokerError:
    return BrokerError(what, advice=advice, code=Code.UNAUTHORIZED)
