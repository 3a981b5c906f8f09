"""The storage behind the simulated registries: blobs at signed addresses that expire, as S3 serves ECR's layers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from tidewaiter.model.image import Digest
from tidewaiter.simulator.bodies import BlobConversation, BodyFaults, Sending
from tidewaiter.simulator.content import Content
from tidewaiter.simulator.listener import Listener
from tidewaiter.simulator.service import Clock

_PATH = re.compile(r"/prod-(?P<region>[^/]+)-starport-layer-bucket/(?P<account>[0-9]{12})/(?P<digest>[^/]+)")
_STAMP = "%Y%m%dT%H%M%SZ"
_SIGNATURE = "&X-Amz-Signature="
_LONGEST = 604_800  # seconds that a signed address may be good for


@dataclass(slots=True, kw_only=True)
class Fetch(Sending):
    """A request for a blob that came in, and how it is answered."""

    method: str
    digest: Digest
    range: str


class BlobHost:
    """Serves the content at signed addresses, from the start to `close`.

    `lifetime` is for addresses signed from now on; `faults` may be changed at any time. `fetches` holds all requests
    with a good signature so far. An Authorization header is refused, as S3 does beside a signature in the query.
    """

    def __init__(self, clock: Clock, content: Content) -> None:
        self.content = content
        self.faults = BodyFaults()
        self.lifetime = timedelta(hours=1)
        self.fetches: list[Fetch] = []
        self.refused_authorizations = 0
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._generation = 0
        self._server = _Server(_Handler)
        self._server.blobs = self
        self._server.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def bytes_served(self) -> int:
        """How many bytes of blobs were sent so far."""
        return sum(fetch.sent for fetch in self.fetches)

    def fetches_of(self, digest: Digest) -> list[Fetch]:
        """The requests for one blob, HEAD apart."""
        return [fetch for fetch in self.fetches if fetch.digest == digest and fetch.method == "GET"]

    def address(self, account: str, region: str, digest: Digest) -> str:
        """Where the blob can be had, for `lifetime` from now on."""
        now = self._clock.now()
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": now.strftime(_STAMP),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Expires": str(min(int(self.lifetime.total_seconds()), _LONGEST)),
            "X-Amz-Credential": f"SIMULATED{self._generation}/{now:%Y%m%d}/{region}/s3/aws4_request",
        }
        signed = f"/prod-{region}-starport-layer-bucket/{account}/{quote(str(digest))}?{urlencode(query)}"
        return f"{self.url}{signed}{_SIGNATURE}{self._signature(signed)}"

    def expire_all(self) -> None:
        """Makes all addresses that were given so far expired ones."""
        self._generation += 1

    def refusal(self, target: str) -> tuple[str, str] | None:
        """Why an address is not answered, a code and a sentence, or None where it is a good one."""
        signed, _, signature = target.rpartition(_SIGNATURE)
        if not signed:
            return "AccessDenied", "Access Denied"
        if not hmac.compare_digest(self._signature(signed), signature):
            return (
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the one you provided.",
            )
        return None if self._is_good(parse_qs(urlsplit(signed).query)) else ("AccessDenied", "Request has expired")

    def _is_good(self, query: dict[str, list[str]]) -> bool:
        """True where what was signed is good still. The query is one that was made here."""
        signed = datetime.strptime(query["X-Amz-Date"][0], _STAMP).replace(tzinfo=UTC)
        generation = query["X-Amz-Credential"][0].partition("/")[0]
        until = signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
        return self._clock.now() < until and generation == f"SIMULATED{self._generation}"

    def _signature(self, signed: str) -> str:
        return hmac.new(self._secret, signed.encode(), hashlib.sha256).hexdigest()

    def close(self) -> None:
        """Ends."""
        self._server.close()


class _Server(Listener):
    blobs: BlobHost


class _Handler(BlobConversation):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802  http.server calls it by the method
        self._serve()

    def do_HEAD(self) -> None:  # noqa: N802  http.server calls it by the method
        self._serve()

    def _serve(self) -> None:
        blobs = self.server.blobs
        match = _PATH.fullmatch(urlsplit(self.path).path.replace("%3A", ":"))
        if "Authorization" in self.headers:
            blobs.refused_authorizations += 1
            self._refuse(HTTPStatus.BAD_REQUEST, "InvalidArgument", "Only one auth mechanism allowed")
        elif refusal := blobs.refusal(self.path):
            self._refuse(HTTPStatus.FORBIDDEN, *refusal)
        else:
            assert match is not None, "only addresses of this form are signed"
            self._give(Digest.parse(match["digest"]))

    def _give(self, digest: Digest) -> None:
        blobs = self.server.blobs
        blob = blobs.content.find(digest)
        fetch = Fetch(method=self.command, digest=digest, range=self.headers.get("Range", ""))
        blobs.fetches.append(fetch)
        if fault := blobs.faults.next_answer():
            fetch.status = fault[0]
            self.send(fetch.status, b"", fault[1])
        elif blob is None:
            fetch.status = HTTPStatus.NOT_FOUND
            self._refuse(HTTPStatus.NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
        else:
            self.send_blob(blob, digest, blobs.faults, fetch)

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        self.send(status, f'<?xml version="1.0"?>\n{error}'.encode(), {"Content-Type": "application/xml"})
