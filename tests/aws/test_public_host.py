"""The Docker API of ECR Public: logins, manifests, where blobs lie, and what passes or does not."""

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tidewaiter.aws.public_host import PublicHost, redirected
from tidewaiter.errors import CloudDeniedError, CloudError
from tidewaiter.model.cloud import Authorization
from tidewaiter.model.image import Digest
from tidewaiter.simulator.listener import Conversation, Listener

DIGEST = Digest("sha256", "ab" * 32)
MANIFEST = f"/v2/a1b2/app/manifests/{DIGEST}"
BLOB = f"/v2/a1b2/app/blobs/{DIGEST}"
BASIC = "Basic " + base64.b64encode(b"AWS:secret").decode()


@dataclass(slots=True)
class Stage:
    """A registry: it asks for a login as `challenge` says, and gives `answers` to whoever has the token of the day."""

    challenge: str = 'Bearer realm="{base}/token/",service="public",scope="aws"'
    token: str = "good"
    expired: int = 401
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    logins: int = 0
    host: str = ""

    def login(self) -> Authorization:
        self.logins += 1
        return Authorization(endpoint="", username="AWS", password="secret")

    def public(self) -> PublicHost:
        return PublicHost(self.host, self.login, sleep=lambda _: None)


def make_handler(stage: Stage) -> type[Conversation]:
    class Registry(Conversation):
        def do_GET(self) -> None:  # noqa: N802 - the base class's name
            shown = self.headers.get("Authorization", "")
            stage.seen.append((self.path, shown, self.headers.get("Accept", "")))
            if stage.troubles:
                self.trouble(stage.troubles.pop(0))
            elif self.path.startswith("/token/"):
                found = {"token": stage.token} if shown == BASIC else {}
                self.send(200 if found else 401, json.dumps(found).encode())
            elif shown not in (f"Bearer {stage.token}", *([BASIC] if stage.challenge == "Basic" else [])):
                challenge = {"WWW-Authenticate": stage.challenge.format(base=f"http://{stage.host}")}
                self.send(401 if not shown else stage.expired, b"", challenge)
            else:
                self.send(*stage.answers.get(self.path, (404, b"{}", {})))

        def trouble(self, kind: str) -> None:
            if kind == "drop":
                self.hang_up()
            elif kind == "cut":
                self.head(200, {"Content-Length": "100"})
                self.wfile.write(b"half of it")
                self.hang_up()
            else:
                self.send(int(kind))

    return Registry


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(answers={MANIFEST: (200, b"{manifest}", {"Content-Type": "type/m; charset=utf-8"})})
    listener = Listener(make_handler(stage))
    stage.host = listener.host
    listener.start()
    yield stage
    listener.close()


@pytest.mark.parametrize("challenge", [Stage().challenge, "Basic"])
def test_a_manifest_is_given_after_the_login_that_is_asked_for(stage: Stage, challenge: str) -> None:
    stage.challenge = challenge
    answer = stage.public().manifest("a1b2/app", DIGEST)
    assert (answer.content, answer.media_type, answer.failure) == (b"{manifest}", "type/m", "")
    assert "application/vnd.oci.image.index.v1+json" in stage.seen[-1][2]


def test_the_token_is_asked_for_with_what_the_challenge_names_and_then_used_again(stage: Stage) -> None:
    public = stage.public()
    public.manifest("a1b2/app", DIGEST)
    public.manifest("a1b2/app", DIGEST)
    assert [(path, shown) for path, shown, _ in stage.seen] == [
        (MANIFEST, ""),
        ("/token/?service=public&scope=aws", BASIC),
        (MANIFEST, "Bearer good"),
        (MANIFEST, "Bearer good"),
    ]
    assert stage.logins == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_has_expired_is_renewed(stage: Stage, status: int) -> None:
    public = stage.public()
    public.manifest("a1b2/app", DIGEST)
    stage.token, stage.expired = "newer", status
    assert public.manifest("a1b2/app", DIGEST).content == b"{manifest}"
    assert stage.logins == 2


def test_many_threads_log_in_once(stage: Stage) -> None:
    public = stage.public()
    together = threading.Barrier(8)

    def ask(_: int) -> bytes:
        together.wait(timeout=30)
        return public.manifest("a1b2/app", DIGEST).content

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"{manifest}"}
    assert stage.logins == 1


def test_a_login_that_is_refused_is_an_error_that_does_not_show_it(stage: Stage) -> None:
    host = PublicHost(
        stage.host, lambda: Authorization(endpoint="", username="AWS", password="wrong-one"), sleep=lambda _: None
    )
    with pytest.raises(CloudDeniedError, match="refuses the login") as caught:
        host.manifest("a1b2/app", DIGEST)
    assert "wrong-one" not in str(caught.value)


def test_the_login_is_not_sent_to_another_host(stage: Stage) -> None:
    stage.challenge = 'Bearer realm="http://localhost.invalid/token",service="public"'
    with pytest.raises(CloudError, match=r"send its login to localhost\.invalid"):
        stage.public().manifest("a1b2/app", DIGEST)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((404, b"{}", {}), "ImageNotFound"),
        ((403, b"{}", {}), "HTTP 403"),
        ((200, b"x" * ((4 << 20) + 1), {}), "TooLarge"),
    ],
)
def test_why_there_is_no_manifest_is_said(
    stage: Stage, answer: tuple[int, bytes, dict[str, str]], failure: str
) -> None:
    stage.answers[MANIFEST] = answer
    given = stage.public().manifest("a1b2/app", DIGEST)
    assert (given.content, given.failure) == (b"", failure)
    assert given.reason


@pytest.mark.parametrize("trouble", ["drop", "cut", "429", "500", "503"])
def test_troubles_that_pass_are_waited_for(stage: Stage, trouble: str) -> None:
    stage.troubles = [trouble] * 5
    assert stage.public().manifest("a1b2/app", DIGEST).content == b"{manifest}"
    assert not stage.troubles


def test_troubles_that_do_not_pass_end_in_an_error_that_names_the_host(stage: Stage) -> None:
    stage.troubles = ["drop"] * 50
    with pytest.raises(CloudError, match="does not answer") as caught:
        stage.public().manifest("a1b2/app", DIGEST)
    assert (caught.value.where, caught.value.retry) == (stage.host, True)
    assert len(stage.seen) == 8


def test_a_blob_lies_where_the_registry_redirects_to_and_no_login_goes_there(stage: Stage) -> None:
    url = "https://cloudfront.example/x?Expires=1767225600&Signature=s"
    stage.answers[BLOB] = (307, b"", {"Location": url})
    download = stage.public().download("a1b2/app", DIGEST)
    assert (download.url, download.headers) == (url, ())
    assert download.expires == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_blob_that_the_registry_gives_itself_needs_its_login(stage: Stage) -> None:
    stage.answers[BLOB] = (200, b"blob", {})
    download = stage.public().download("a1b2/app", DIGEST)
    assert download.url == f"http://{stage.host}{BLOB}"
    assert download.headers == (("Authorization", "Bearer good"),)


def test_a_redirect_within_the_registry_keeps_the_login(stage: Stage) -> None:
    stage.answers[BLOB] = (302, b"", {"Location": "/elsewhere"})
    download = stage.public().download("a1b2/app", DIGEST)
    assert download.url == f"http://{stage.host}/elsewhere"
    assert download.headers == (("Authorization", "Bearer good"),)


def test_a_blob_that_is_not_there_is_an_error(stage: Stage) -> None:
    with pytest.raises(CloudError, match=str(DIGEST)) as caught:
        stage.public().download("a1b2/app", DIGEST)
    assert caught.value.code == "LayersNotFoundException"


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("public.ecr.aws", "https"),
        ("127.0.0.1:5000", "http"),
        ("localhost", "http"),
        ("127.0.0.1.example.com", "https"),
        ("localhost.example.com:80", "https"),
    ],
)
def test_only_this_machine_is_spoken_to_without_encryption(host: str, scheme: str) -> None:
    assert PublicHost(host, Stage().login).endpoint == f"{scheme}://{host}"


def test_a_redirect_may_not_give_up_encryption() -> None:
    assert redirected("https://public.ecr.aws/v2/x", "/y") == "https://public.ecr.aws/y"
    assert redirected("http://127.0.0.1/v2/x", "http://127.0.0.1:81/y") == "http://127.0.0.1:81/y"
    with pytest.raises(CloudError, match=r"redirects to example\.com without encryption"):
        redirected("https://public.ecr.aws/v2/x", "http://example.com/y")
