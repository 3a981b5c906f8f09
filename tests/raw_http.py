"""Bytes on a socket, as no HTTP client would send them."""

import asyncio
from urllib.parse import urlsplit


async def exchange(url: str, data: bytes, *, within: float = 5.0) -> bytes:
    """What a server says to these bytes until it hangs up."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), within)
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request that asks the server to hang up after it; nothing is added to what is given but the host."""
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: broker.example", "Connection: close", *headers, "", ""])
    return head.encode("latin-1") + body


def status(answer: bytes) -> int:
    """The status of an answer; 0 where there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") else 0


SMUGGLED = b"GET /healthcheck?smuggled HTTP/1.1\r\nHost: broker.example\r\n\r\n"

SMUGGLING: dict[str, bytes] = {
    "length-and-chunks": request(
        "POST /scan", "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED
    ),
    "chunks-and-length": request(
        "POST /scan", "Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED
    ),
    "two-lengths": request("POST /scan", "Content-Length: 0", "Content-Length: 62", body=SMUGGLED),
    "two-equal-lengths": request("POST /scan", "Content-Length: 4", "Content-Length: 4", body=b"abcd"),
    "list-of-lengths": request("POST /scan", "Content-Length: 0, 62", body=SMUGGLED),
    "length-with-plus": request("POST /scan", "Content-Length: +4", body=b"abcd"),
    "length-with-minus": request("POST /scan", "Content-Length: -1", body=b"abcd"),
    "length-in-hexadecimal": request("POST /scan", "Content-Length: 0x4", body=b"abcd"),
    "length-with-underscore": request("POST /scan", "Content-Length: 1_0", body=b"abcdefghij"),
    "length-with-space-before-colon": request("POST /scan", "Content-Length : 4", body=b"abcd"),
    "length-beyond-numbers": request("POST /scan", "Content-Length: 99999999999999999999", body=b"abcd"),
    "unknown-coding": request("POST /scan", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "identity": request("POST /scan", "Transfer-Encoding: identity", body=SMUGGLED),
    "identity-after-chunked": request(
        "POST /scan", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SMUGGLED
    ),
    "coding-twice": request(
        "POST /scan", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=b"0\r\n\r\n" + SMUGGLED
    ),
    "gzip-in-chunks": request("POST /scan", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "coding-with-vertical-tab": request("POST /scan", "Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "coding-with-space-before-colon": request(
        "POST /scan", "Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED
    ),
    "coding-in-old-http": b"POST /scan HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunk-size-with-prefix": request("POST /scan", "Transfer-Encoding: chunked", body=b"0x2\r\nab\r\n0\r\n\r\n"),
    "chunk-size-with-underscore": request("POST /scan", "Transfer-Encoding: chunked", body=b"1_0\r\nab\r\n0\r\n\r\n"),
    "chunk-size-beyond-numbers": request("POST /scan", "Transfer-Encoding: chunked", body=b"f" * 17 + b"\r\nab\r\n"),
    "chunk-longer-than-said": request("POST /scan", "Transfer-Encoding: chunked", body=b"2\r\nabcd\r\n0\r\n\r\n"),
    "chunk-extension-with-newline": request(
        "POST /scan", "Transfer-Encoding: chunked", body=b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED
    ),
    "folded-header": request("GET /list", "X-A: b\r\n c"),
    "bare-newlines": b"GET /list HTTP/1.1\nHost: a\n\n" + SMUGGLED,
    "bare-return": request("GET /list", "X-A: b\rX-C: d"),
    "nul-in-header": request("GET /list", "X-A: b\0c"),
    "no-colon": request("GET /list", "X-A"),
    "space-in-name": request("GET /list", "X A: b"),
    "no-name": request("GET /list", ": b"),
    "two-hosts": request("GET /list", "Host: other.example"),
    "no-host": b"GET /list HTTP/1.1\r\n\r\n",
    "space-in-target": request("GET /list /a"),
    "raw-non-ascii-target": request("GET /list/\xe4"),
    "nul-in-target": request("GET /list/\0"),
    "absolute-target": request("GET http://other.example/list"),
    "authority-target": request("CONNECT other.example:443"),
    "asterisk-target": request("OPTIONS *"),
    "relative-target": request("GET list"),
    "malformed-method": request("G@T /list"),
    "tabs": b"GET\t/list\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "no-version": b"GET /list\r\nHost: a\r\n\r\n",
    "later-version": b"GET /list HTTP/1.2\r\nHost: a\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "long-line": request("GET /" + "a" * 40_000),
    "long-header": request("GET /list", "X-A: " + "a" * 100_000),
    "many-headers": request("GET /list", *[f"X-{number}: a" for number in range(500)]),
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "garbage": b"\x00\xff\x00\xff\r\n\r\n",
}
"""Requests that two programs may read in two ways, or that nobody should read."""
