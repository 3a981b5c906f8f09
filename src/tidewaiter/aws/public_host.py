"""The Docker API of ECR Public, as far as its images are pulled from there: manifests, and where blobs lie.

Requests go out the way boto3's own do (proxies, certificates). A login never leaves the host that it is for.
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from tidewaiter.aws.ecr import MANIFEST_TYPES, expiry
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import Authorization, Download, ManifestAnswer
from tidewaiter.model.image import Digest

_LARGEST = 4 << 20
_TRIES = 8
_LONGEST_PAUSE = 20.0  # seconds
_TIMEOUT = (10, 60)  # seconds: to connect, and for the next bytes
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer's status, headers, and its body, where that was asked for; one that is too long is cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class PublicHost:
    """The Docker API of one host; `host` has its port, if any. Thread-safe. Methods raise CloudError."""

    def __init__(
        self, host: str, login: Callable[[], Authorization], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.endpoint = f"{'http' if _LOOPBACK.fullmatch(re.sub(r':[0-9]+$', '', host)) else 'https'}://{host}"
        self._host = host
        self._login = login
        self._sleep = sleep
        self._authorization = ""
        self._lock = threading.Lock()
        self._sender: Any = None

    def manifest(self, path: str, digest: Digest) -> ManifestAnswer:
        """The manifest of this digest in the repository at `path`, not verified; or why there is none."""
        answer = self._get(f"/v2/{path}/manifests/{digest}", {"Accept": ", ".join(MANIFEST_TYPES)})
        if answer.status == HTTPStatus.NOT_FOUND:
            return ManifestAnswer(failure="ImageNotFound", reason=f"{self._host} has no such image")
        if answer.status != HTTPStatus.OK:
            return ManifestAnswer(failure=f"HTTP {answer.status}", reason=f"{self._host} did not give the manifest")
        if len(answer.body) > _LARGEST:
            return ManifestAnswer(failure="TooLarge", reason=f"its manifest has more than {_LARGEST} bytes")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return ManifestAnswer(content=answer.body, media_type=media_type)

    def download(self, path: str, digest: Digest) -> Download:
        """Where the blob's bytes are: the address that the host redirects to, or its own with the login."""
        address = f"/v2/{path}/blobs/{digest}"
        answer = self._get(address, {}, whole=False)
        location = answer.headers.get("Location", "")
        if answer.status in _REDIRECTS and location:
            url = redirected(self.endpoint + address, location)
            return Download(url=url, headers=self._headers_for(url), expires=expiry(url))
        if answer.status == HTTPStatus.OK:
            return Download(url=self.endpoint + address, headers=self._headers_for(self.endpoint))
        code = "LayersNotFoundException" if answer.status == HTTPStatus.NOT_FOUND else f"HTTP {answer.status}"
        raise CloudError(f"the registry does not give blob {digest}", where=f"{self._host}/{path}", code=code)

    def _headers_for(self, url: str) -> tuple[tuple[str, str], ...]:
        """The login, for this host alone: another one gets an address that is signed."""
        own = urlsplit(url)[:2] == urlsplit(self.endpoint)[:2]
        return (("Authorization", self._authorization),) if own and self._authorization else ()

    def _get(self, path: str, headers: Mapping[str, str], *, whole: bool = True) -> _Answer:
        """The host's answer, after it was shown the login that it asked for."""
        shown = self._authorization
        answer = self._send(self.endpoint + path, headers, shown, whole=whole)
        if answer.status == HTTPStatus.FORBIDDEN and shown:
            # It may have expired; without it the host says what it asks.
            answer = self._send(self.endpoint + path, headers, "", whole=whole)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        answer = self._send(self.endpoint + path, headers, self._renewed(answer, shown), whole=whole)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise self._denied()
        return answer

    def _renewed(self, refusal: _Answer, shown: str) -> str:
        """The authorization that a refusal asks for; that of another thread, where one has it by now."""
        with self._lock:
            if self._authorization == shown:
                self._authorization = self._earned(refusal.headers.get("WWW-Authenticate", ""))
            return self._authorization

    def _earned(self, challenge: str) -> str:
        login = self._login()
        basic = "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() != "bearer":
            return basic
        asked = dict(_CHALLENGE.findall(rest))
        realm = urljoin(self.endpoint, asked.pop("realm", ""))
        if urlsplit(realm)[:2] != urlsplit(self.endpoint)[:2]:
            raise CloudError(f"it asks to send its login to {urlsplit(realm).hostname}", where=self._host)
        query = urlencode({key: asked[key] for key in ("service", "scope") if key in asked})
        answer = self._send(f"{realm}?{query}", {}, basic, whole=True)
        return f"Bearer {self._token(answer)}"

    def _token(self, answer: _Answer) -> str:
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise self._denied()
        try:
            given = msgspec.json.decode(answer.body, type=_Token)
        except msgspec.DecodeError:
            given = _Token()
        token = given.token or given.access_token
        if not token:
            raise CloudError(f"the registry gives no token (HTTP {answer.status})", where=self._host)
        return token

    def _denied(self) -> CloudDeniedError:
        what = "the registry refuses the login that ECR Public gave"
        return CloudDeniedError(what, where=self._host, code="Unauthorized")

    def _send(self, url: str, headers: Mapping[str, str], authorization: str, *, whole: bool) -> _Answer:
        """The answer to one request, which is repeated while its trouble is of the kind that passes."""
        sent = {**headers, "Authorization": authorization} if authorization else dict(headers)
        for attempt in range(_TRIES - 1):
            try:
                answer = self._send_once(url, sent, whole=whole)
            except CloudError:
                answer = None
            if answer is not None and answer.status not in _PASSING:
                return answer
            longest = min(_LONGEST_PAUSE, 0.5 * 2**attempt)
            self._sleep(random.uniform(longest / 2, longest))  # noqa: S311 - no secret: it spreads the requests
        return self._send_once(url, sent, whole=whole)

    def _send_once(self, url: str, headers: Mapping[str, str], *, whole: bool) -> _Answer:
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import HTTPClientError
        from urllib3.exceptions import HTTPError

        request = AWSRequest(method="GET", url=url, headers=dict(headers), stream_output=True).prepare()
        try:
            answer = self._session().send(request)
            body = answer.raw.read(_LARGEST + 1) if whole else b""
            answer.raw.close()
        except (HTTPClientError, HTTPError, OSError) as error:
            what = f"the registry does not answer ({type(error).__name__})"
            raise CloudError(what, where=self._host, retry=True) from error
        if whole and len(body) < min(_LARGEST, int(answer.headers.get("Content-Length") or 0)):
            raise CloudError("the connection ended in the middle of an answer", where=self._host, retry=True)
        return _Answer(status=answer.status_code, headers=answer.headers, body=body)

    def _session(self) -> Any:
        """The sender, made when it is first needed: botocore's import is slow."""
        if self._sender is None:
            from botocore.httpsession import URLLib3Session
            from botocore.utils import get_environ_proxies

            bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or True
            self._sender = URLLib3Session(verify=bundle, proxies=get_environ_proxies(self.endpoint), timeout=_TIMEOUT)
        return self._sender


def redirected(address: str, location: str) -> str:
    """Where a redirect from `address` leads. Raises CloudError for one that gives up encryption."""
    url = urljoin(address, location)
    if not url.startswith("https:") and address.startswith("https:"):
        what = f"it redirects to {urlsplit(url).hostname} without encryption"
        raise CloudError(what, where=urlsplit(address).netloc)
    return url
