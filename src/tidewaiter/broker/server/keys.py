"""The platform's API keys: any of several, so that they can be changed one after the other."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_SCHEME = "bearer "


class ApiKeys:
    """Who asks proves itself with one of these. How long the comparison takes tells nothing of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._hashes = tuple(_hash(key) for key in keys)

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises BrokerError (unauthorized) for a request without a key, or with a wrong one."""
        given = headers.get("Authorization", "")
        key = (
            given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else headers.get("X-API-Key", "")
        )
        if not key:
            advice = "Send `Authorization: Bearer KEY`"
            raise BrokerError("the request has no API key", advice=advice, code=Code.UNAUTHORIZED)
        told = _hash(key)
        if not any([hmac.compare_digest(told, known) for known in self._hashes]):  # noqa: C419 - all of them, always
            raise BrokerError("the API key is not one of this server's", code=Code.UNAUTHORIZED)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
