"""A whole run over the field's own registry: its images are looked through by processes that know no login."""

import functools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from docker_registries import NEEDED, docker_registry_process, pushed
from fakes.registries import CountingWatcher
from tidewaiter.aws.registries import Place
from tidewaiter.feeds.database import Database
from tidewaiter.fleet.docker_registry import DockerRegistry, docker_registry
from tidewaiter.fleet.filters import Wishes
from tidewaiter.fleet.judging import judge_fleet
from tidewaiter.fleet.run import run
from tidewaiter.fleet.summary import fleet_report
from tidewaiter.model.cloud import Download
from tidewaiter.model.fleet import FleetReport, State
from tidewaiter.model.image import Digest, Platform
from tidewaiter.report.catalog import render_fleet
from tidewaiter.simulator.archives import write_layout
from tidewaiter.simulator.images import Built, build_attestation, build_image, build_index, build_layer
from tidewaiter.store.store import Store

STATUS = b"Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1~deb12u1\nArchitecture: amd64\n\n"
RELEASE = b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n'
BASE = build_layer({"etc/os-release": RELEASE, "var/lib/dpkg/status": STATUS})
SHOP = build_image([BASE, build_layer({"a": bytes(range(256)) * 4000})])
ARM = build_image([BASE, build_layer({"b": b"2"})], platform=Platform("linux", "arm64"))
MANY = build_index([SHOP, build_attestation(SHOP), ARM])
IMAGES = {"shop/app:v1": SHOP, "shop/many:v1": MANY, "other/app:v1": SHOP}

pytestmark = NEEDED


@dataclass(slots=True)
class Seen:
    """A registry that is asked through, with all addresses of blobs that it gave."""

    api: DockerRegistry
    downloads: list[Download] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.api, name)

    def download(self, repository: str, digest: Digest) -> Download:
        self.downloads.append(self.api.download(repository, digest))
        return self.downloads[-1]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass

    def do_GET(self) -> None:
        if "Authorization" in self.headers:
            self.send_error(400)
        else:
            super().do_GET()


@contextmanager
def storage(folder: Path) -> Iterator[str]:
    """A host that gives the files of a folder to whoever shows no login; what a registry redirects to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module", params=["relayed", "redirected"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with a password that gives its blobs itself, or says where they are."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        extra = ""
        if request.param == "redirected":
            address = stack.enter_context(storage(folder / "data"))
            extra = f"middleware:\n  storage:\n    - name: redirect\n      options:\n        baseurl: {address}\n"
        host = stack.enter_context(docker_registry_process(folder, extra, password=True))
        for number, (name, image) in enumerate(IMAGES.items()):
            push(host, folder / str(number), name, image)
        yield host


def push(host: str, folder: Path, name: str, image: Built) -> None:
    layout = write_layout(folder, {"it": image})
    pushed(host, f"oci:{layout}:it", name, "--all", "--dest-creds", "ann:pw", "--preserve-digests")


def ran(store: Store, api: object, database: Path) -> FleetReport:
    place = Place(account=api.place.account, api=api)  # type: ignore[attr-defined, arg-type]  # what stands for the seam
    number = run(
        [place], store=store, wishes=Wishes(workers=2), command="scan", scope="here", watcher=CountingWatcher()
    )
    with Database.open(database) as opened:
        judge_fleet(store, number, opened)
        return fleet_report(store, number, opened, lambda _finding: True)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run, and of one after it."""

    host: str
    downloads: list[Download]
    report: FleetReport
    again: FleetReport


@pytest.fixture(scope="module")
def over(host: str, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    api = docker_registry("acr", base=f"http://{host}/shop", username="ann", password="pw")
    seen = Seen(api)
    with Store.open(str(tmp_path_factory.mktemp("run") / "store.db")) as store:
        yield Ran(host, seen.downloads, ran(store, seen, database), ran(store, seen, database))
    api.close()


def test_every_image_is_looked_through_kept_and_judged(over: Ran) -> None:
    report, (account,) = over.report, over.report.accounts
    (registry,) = account.registries
    assert (account.account.id, account.account.name) == (over.host, "Azure Container Registry")
    assert (registry.repositories, registry.manifests, registry.scanned, registry.gaps) == (2, 4, 4, ())
    assert {image.digest for image in report.images} == {SHOP.digest, MANY.digest, ARM.digest}
    assert {image.outcome.state for image in report.images} == {State.SCANNED}
    assert {image.repository for image in report.images} == {"shop/app", "shop/many"}
    assert [count.vulnerability for count in report.vulnerabilities] == ["CVE-2023-5363"]
    assert report.run.layers_read == 3


def test_a_second_run_pulls_nothing_and_says_the_same(over: Ran) -> None:
    again = over.again.run
    assert (again.layers_read, again.known, again.looked) == (0, 2, 0)
    assert over.again.vulnerabilities == over.report.vulnerabilities


def test_those_who_read_know_no_login(over: Ran) -> None:
    assert len(over.downloads) == 5  # three layers, two configurations
    for download in over.downloads:
        assert not download.headers
        assert "@" not in download.url
        assert over.host not in download.url


def test_reports_call_a_registry_by_its_host(over: Ran) -> None:
    table, document = (render_fleet(over.report, form, to_file=True) for form in ("table", "json"))
    assert f"{over.host} Azure Container Registry" in table
    assert f'"reference": "{over.host}/shop/app@{SHOP.digest}"' in document
