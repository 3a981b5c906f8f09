"""Lists in pages of JSON, as registries' own interfaces beside the Docker API give them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3

from tidewaiter.errors import LimitError, MalformedError, RegistryAbsentError
from tidewaiter.registry.answers import read_whole, refusal
from tidewaiter.registry.credentials import Credential
from tidewaiter.registry.protocol import next_page, next_query
from tidewaiter.registry.transport import Transport

_LARGEST_PAGE = 16 << 20
_MOST_PAGES = 10_000
_WHAT = "list of repositories"
_T = TypeVar("_T")

Following = Callable[[_T, Mapping[str, str], str], str]
"""The address of the page after one: from that page, its headers and its address; "" after the last."""


def linked(_page: object, headers: Mapping[str, str], here: str) -> str:
    """The next page as a `Link` header names it."""
    return next_page(headers.get("Link", ""), here)


def after(following: str | None, here: str) -> str:
    """The next page where the page itself holds its address, or None for the last."""
    return next_query(following, here) if following else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """An interface that is asked with these headers. `credential` is where their secrets come from.

    Methods raise RegistryError, MalformedError and LimitError; no message has a secret.
    """

    transport: Transport
    credential: Credential | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def pages(self, address: str, form: type[_T], following: Following[_T] = linked) -> Iterator[_T]:
        """The page at an address, and all after it."""
        for _ in range(_MOST_PAGES):
            page, headers = self._page(address, form)
            yield page
            here, address = address, following(page, headers, address)
            if not address:
                return
        raise LimitError(f"its {_WHAT} has more than {_MOST_PAGES} pages", limit="pages", where=urlsplit(here).netloc)

    def first_pages(self, addresses: Sequence[str], form: type[_T]) -> Iterator[_T]:
        """The pages at the first of these addresses that is there."""
        for address in addresses[:-1]:
            with suppress(RegistryAbsentError):
                yield from self.pages(address, form)
                return
        yield from self.pages(addresses[-1], form)

    def page(self, address: str, form: type[_T], *, sent: object = None) -> _T:
        """One page; with `sent`, which is posted as JSON, the answer to that."""
        return self._page(address, form, sent)[0]

    def _page(self, address: str, form: type[_T], sent: object = None) -> tuple[_T, Mapping[str, str]]:
        host = urlsplit(address).netloc
        method, headers, body = "GET", self.headers, None
        if sent is not None:
            method, body = "POST", msgspec.json.encode(sent).decode()
            headers = {**headers, "Content-Type": "application/json"}

        def ask() -> urllib3.BaseHTTPResponse:
            answer = self.transport.send(method, address, headers, body)
            if answer.status != HTTPStatus.OK:
                raise refusal(answer, _WHAT, registry=host, credential=self.credential, secrets=self._secrets)
            return answer

        waiting = self.transport.waiting
        content, answered = read_whole(ask, _LARGEST_PAGE, limit="page_bytes", where=host, waiting=waiting)
        try:
            return msgspec.json.decode(content, type=form), answered
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise MalformedError(f"its {_WHAT} cannot be read", where=host) from None

    @property
    def _secrets(self) -> tuple[str, ...]:
        shown = self.headers.get("Authorization", "").partition(" ")[2]
        return tuple(filter(None, (shown, *(self.credential.secrets if self.credential else ()))))
