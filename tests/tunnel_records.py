"""What a recorded tunnel said, read in every way that one could: frames, bodies, and what is packed in them."""

import base64
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, unquote_to_bytes

import zstandard

from passages import Conversation
from tidewaiter.broker.wire import Data, Frame, Opened, Replied, decode

_MASKED, _LENGTH, _FINAL, _EXTENSIONS, _KIND = 0x80, 0x7F, 0x80, 0x70, 0x0F
_SIZES = {126: 2, 127: 8}
_DATA = (0, 1, 2)
_DEEP = 3
_SHRED = 16
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"
_FREE = 15 + 32  # zlib's number for: find out whether it is gzip


class Record:
    """All that passed. `frames` are the tunnel's own, of all conversations, those that were sent before the others."""

    def __init__(self, conversations: Iterable[Conversation]) -> None:
        self._streams = [bytes(each) for pair in conversations for each in (pair.sent, pair.received)]

    @cached_property
    def frames(self) -> list[tuple[int, Frame]]:
        """Each frame with the number of the stream of bytes that it came in."""
        return [
            (number, decode(message)) for number, stream in enumerate(self._streams) for message in messages(stream)
        ]

    @cached_property
    def views(self) -> list[bytes]:
        """The bytes as they passed, unmasked, the bodies each in one piece, and what was packed in any of these."""
        unmasked = [b"".join(messages(stream)) for stream in self._streams]
        read = [*unmasked, *self._bodies()]
        return [*self._streams, *read, *(found for each in read for found in unpacked(each))]

    def holds(self, secret: str | bytes) -> bool:
        """Whether it is anywhere, as it is or encoded."""
        known = tuple(forms(secret.encode() if isinstance(secret, str) else secret))
        return any(form in view for view in self.views for form in known)

    def shreds(self, contents: Iterable[bytes]) -> list[bytes]:
        """Pieces of these contents, of 16 bytes each, that are somewhere: any 31 bytes in a row would be found."""
        wanted = {
            content[at : at + _SHRED] for content in contents for at in range(0, len(content) - _SHRED + 1, _SHRED)
        }
        return [
            view[at : at + _SHRED]
            for view in self.views
            for at in range(len(view) - _SHRED + 1)
            if view[at : at + _SHRED] in wanted
        ]

    def _bodies(self) -> Iterator[bytes]:
        pieces: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        for number, frame in self.frames:
            if isinstance(frame, Opened | Replied | Data):
                pieces[number, frame.stream].append(bytes(frame.chunk))
        return map(b"".join, pieces.values())


def messages(stream: bytes) -> list[bytes]:
    """The messages of one direction of a WebSocket, unmasked, from behind the head of HTTP.

    Raises ValueError for frames that an extension may have changed, which nobody could look into.
    https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    """
    at = stream.index(b"\r\n\r\n") + 4
    found: list[bytes] = []
    open_message: list[bytes] = []
    while at + 2 <= len(stream):
        head, more = stream[at], _SIZES.get(stream[at + 1] & _LENGTH, 0)
        masked = bool(stream[at + 1] & _MASKED)
        if head & _EXTENSIONS:
            raise ValueError("a frame of an extension")
        size = int.from_bytes(stream[at + 2 : at + 2 + more]) if more else stream[at + 1] & _LENGTH
        at += 2 + more
        mask = stream[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        payload = _unmasked(stream[at : at + size], mask)
        at += size
        if head & _KIND in _DATA:
            open_message.append(payload)
            if head & _FINAL:
                found.append(b"".join(open_message))
                open_message = []
    return found


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def unpacked(view: bytes, deep: int = _DEEP) -> Iterator[bytes]:
    """Whatever in it can be unpacked or decoded, and what is in that again."""
    if not deep:
        return
    for found in (*_from_zstd(view), *_from_gzip(view), *_from_base64(view), *_from_url(view)):
        yield found
        yield from unpacked(found, deep - 1)


def _from_zstd(view: bytes) -> Iterator[bytes]:
    for at in _places(view, _ZSTD):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(view[at:])
        except zstandard.ZstdError:
            continue


def _from_gzip(view: bytes) -> Iterator[bytes]:
    for at in _places(view, _GZIP):
        try:
            yield zlib.decompressobj(_FREE).decompress(view[at:])
        except zlib.error:
            continue


def _from_base64(view: bytes) -> Iterator[bytes]:
    """What each word may be the base64 of, wherever in the word it begins."""
    found = [word[0].translate(bytes.maketrans(b"-_", b"+/")) for word in _BASE64.finditer(view)]
    decoded = [base64.b64decode(word[at:] + b"AAA"[: -len(word[at:]) % 4]) for word in found for at in range(4)]
    if decoded:
        yield b"\0".join(decoded)


def _from_url(view: bytes) -> Iterator[bytes]:
    plain = unquote_to_bytes(view)
    if plain != view:
        yield plain


def _places(view: bytes, magic: bytes) -> Iterator[int]:
    at = view.find(magic)
    while at >= 0:
        yield at
        at = view.find(magic, at + 1)


def forms(secret: bytes) -> Iterator[bytes]:
    """How it may be spelled: as it is, in hexadecimal digits, in a URL, backwards, in texts of two bytes a letter."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield secret[::-1]
    yield secret.decode("latin-1").encode("utf-16-le")
