"""Worker processes that die, whose parent dies, and that know nothing they need not know."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from fakes.blob_registry import BlobRegistry
from fakes.layer_shelves import MemoryShelf
from tidewaiter.errors import LimitError
from tidewaiter.fleet.looker import Looker
from tidewaiter.fleet.messages import KeptLayer, ReadLayer, Ready, Result
from tidewaiter.fleet.pool import Pool
from tidewaiter.fleet.watcher import Unwatched
from tidewaiter.fleet.worker_process import WorkerProcess
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Layer, Manifest
from worker_processes import PATIENCE, is_there, slow_image, until, workers_of

ME = os.getpid()


@pytest.fixture
def api() -> Iterator[BlobRegistry]:
    with BlobRegistry() as running:
        yield running


@pytest.fixture
def looker(api: BlobRegistry) -> Iterator[Looker]:
    with Looker(workers=1, limits=Limits(), apis=lambda _: api, shelf=MemoryShelf(), watcher=Unwatched()) as running:
        yield running


def busy_worker(api: BlobRegistry, times: int) -> int:
    """The process that reads a blob for the n-th time."""
    until(lambda: len(api.storage.asked) >= times)
    (pid,) = workers_of(ME)
    return pid


def test_the_task_of_a_worker_that_dies_is_given_to_another(api: BlobRegistry, looker: Looker) -> None:
    api.storage.faults.pause = 60
    future = looker.look(slow_image(api, "a"))
    killed = busy_worker(api, 1)
    api.storage.faults.pause = 0
    os.kill(killed, signal.SIGKILL)
    looked = future.result(PATIENCE)
    assert looked.inventory is not None
    assert killed not in workers_of(ME)


def test_a_task_that_kills_two_workers_fails_and_the_others_go_on(api: BlobRegistry, looker: Looker) -> None:
    api.storage.faults.pause = 60
    deadly = looker.look(slow_image(api, "a"))
    os.kill(busy_worker(api, 1), signal.SIGKILL)
    until(lambda: len(api.storage.asked) == 2)
    api.storage.faults.pause = 0
    os.kill(busy_worker(api, 2), signal.SIGKILL)
    looked, other = (future.result(PATIENCE) for future in (deadly, looker.look(slow_image(api, "b"))))
    assert looked.failure is not None
    assert looked.failure.why is Why.LIMIT
    assert "two worker processes ended in the middle of it, the last by signal 9" in looked.failure.detail
    assert "use fewer --workers" in looked.failure.detail
    assert other.inventory is not None


def test_a_worker_that_dies_idle_is_replaced(api: BlobRegistry, looker: Looker) -> None:
    assert looker.look(slow_image(api, "a")).result(PATIENCE).inventory is not None
    (idle,) = workers_of(ME)
    os.kill(idle, signal.SIGKILL)
    assert looker.look(slow_image(api, "b")).result(PATIENCE).inventory is not None


def test_workers_are_started_when_there_is_something_to_do_and_end_with_the_looker(api: BlobRegistry) -> None:
    with Looker(workers=3, limits=Limits(), apis=lambda _: api, shelf=MemoryShelf(), watcher=Unwatched()) as looker:
        assert workers_of(ME) == set()
        looker.look(slow_image(api, "a")).result(PATIENCE)
        assert len(workers_of(ME)) == 1
    assert workers_of(ME) == set()


def test_what_is_not_done_at_the_end_is_cancelled(api: BlobRegistry) -> None:
    with ExitStack() as stack:
        looker = stack.enter_context(
            Looker(workers=1, limits=Limits(), apis=lambda _: api, shelf=MemoryShelf(), watcher=Unwatched())
        )
        api.storage.faults.pause = 60
        futures = [looker.look(slow_image(api, name)) for name in "ab"]
        busy_worker(api, 1)
        stack.close()
    assert all(future.cancelled() for future in futures)
    assert workers_of(ME) == set()
    assert looker.look(slow_image(api, "c")).cancelled()


def refused(api: BlobRegistry, program: str) -> str:
    """Why a task cannot be done by processes of this program."""
    pool = Pool(workers=2, limits=Limits(), start=partial(WorkerProcess, program=program))
    layer = Layer(index=0, digest=slow_image(api, "a").digest)
    task = ReadLayer(repository="a", layer=layer, download=api.download("a", layer.digest))
    future = pool.submit(task, asked=lambda _, __: None, pulled=lambda _: None)
    try:
        return str(future.exception(PATIENCE))
    finally:
        pool.close()


def test_processes_that_cannot_begin_are_an_error_and_not_started_for_ever(api: BlobRegistry) -> None:
    assert "worker processes end before they can begin, 3 in a row" in refused(api, "/bin/false")


def test_a_program_that_is_not_there_is_an_error(api: BlobRegistry) -> None:
    assert "no worker process can be started: No such file or directory" in refused(api, "/nowhere/python")


def test_a_pool_that_is_closed_cancels_what_it_is_given(api: BlobRegistry) -> None:
    pool = Pool(workers=1, limits=Limits())
    pool.close()
    pool.close()
    layer = Layer(index=0, digest=slow_image(api, "a").digest)
    task = ReadLayer(repository="a", layer=layer, download=api.download("a", layer.digest))
    assert pool.submit(task, asked=lambda _, __: None, pulled=lambda _: None).cancelled()


def test_a_worker_sees_no_secret_of_its_parent_s(monkeypatch: pytest.MonkeyPatch, api: BlobRegistry) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "CR_EXTERNAL_ID", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "a-secret-of-mine")
    monkeypatch.setenv("https_proxy", "http://proxy.example.com")
    worker = WorkerProcess(Limits())
    try:
        assert isinstance(worker.hear(), Ready)
        environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    finally:
        worker.kill()
    assert b"a-secret-of-mine" not in environment
    assert b"https_proxy=http://proxy.example.com" in environment


def test_a_worker_does_not_import_what_only_the_parent_needs() -> None:
    heavy = ("boto3", "botocore", "sqlalchemy", "alembic", "moto", "click", "rich", "tidewaiter.registry.client")
    code = f"import sys, tidewaiter.fleet.worker; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_process_that_says_nothing_for_an_hour_is_ended_and_the_others_go_on(api: BlobRegistry) -> None:
    now = 0.0
    pool = Pool(workers=1, limits=Limits(), clock=lambda: now)
    api.storage.faults.pause = 60
    try:
        silent = submitted(pool, api, "a")
        hanging = busy_worker(api, 1)
        api.storage.faults.pause = 0
        now = 3599.0
        other = submitted(pool, api, "b")
        assert not silent.done()
        now = 3600.0
        submitted(pool, api, "c")
        error = silent.exception(PATIENCE)
        assert isinstance(error, LimitError)
        assert "nothing came of it for 60 minutes" in str(error)
        assert isinstance(other.result(PATIENCE), KeptLayer)
        assert not is_there(hanging)
    finally:
        pool.close()


def submitted(pool: Pool, api: BlobRegistry, name: str) -> Future[Result]:
    """The reading of the one layer of an image."""
    manifest = read_document(slow_image(api, name).manifest, name)
    assert isinstance(manifest, Manifest)
    (found,) = manifest.layers
    layer = Layer(index=0, digest=found.digest, media_type=found.media_type, size=found.size)
    task = ReadLayer(repository=name, layer=layer, download=api.download(name, layer.digest))
    return pool.submit(task, asked=lambda _, __: None, pulled=lambda _: None)


def test_words_that_are_no_message_end_the_worker(api: BlobRegistry) -> None:
    worker = WorkerProcess(Limits())
    assert isinstance(worker.hear(), Ready)
    worker.connection.send_bytes(b"nonsense")
    until(lambda: not is_there(worker.pid))
    assert worker.hear() is None
    assert worker.end() == 0


SCRIPT = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from fakes.blob_registry import BlobRegistry
    from fakes.layer_shelves import MemoryShelf
    from tidewaiter.fleet.looker import Looker
    from tidewaiter.fleet.watcher import Unwatched
    from tidewaiter.image.limits import Limits
    from worker_processes import slow_image, until

    with BlobRegistry() as api:
        api.storage.faults.pause = 60
        images = [slow_image(api, name) for name in "ab"]
        try:
            with Looker(
                workers=2, limits=Limits(), apis=lambda _: api, shelf=MemoryShelf(), watcher=Unwatched()
            ) as looker:
                futures = [looker.look(image) for image in images]
                until(lambda: len(api.storage.asked) == 2)
                print("busy", flush=True)
                for future in futures:
                    future.result()
        except KeyboardInterrupt:
            sys.exit(130)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process with two busy workers, in a process group of its own."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(Path(__file__).parents[1])]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        yield process
        process.kill()


def test_workers_end_when_their_parent_is_killed(parent: subprocess.Popen[str]) -> None:
    workers = workers_of(parent.pid)
    assert len(workers) == 2
    parent.kill()
    until(lambda: not any(map(is_there, workers)))


def test_ctrl_c_ends_all_processes_at_once_and_quietly(parent: subprocess.Popen[str]) -> None:
    workers = workers_of(parent.pid)
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, out, err) == (130, "", "")
    until(lambda: not any(map(is_there, workers)))


def test_a_layer_task_names_its_address_in_no_repr(api: BlobRegistry) -> None:
    image = slow_image(api, "a")
    task = ReadLayer(
        repository=str(image.repository),
        layer=Layer(index=0, digest=image.digest),
        download=api.download("a", image.digest),
    )
    assert "secret" not in repr(task)
