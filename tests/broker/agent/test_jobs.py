"""Jobs are taken once, done in turn, cancelled where they stand, and never lost between the image and the server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from fakes.disks import FullDisk, SlowDisk
from fakes.looks import HeldLooks
from fakes.posts import AWAY, MemoryPost
from fakes.registries import MemoryRegistry, built
from patience import until
from tidewaiter.broker.agent.ceilings import Ceilings
from tidewaiter.broker.agent.delivery import Pace
from tidewaiter.broker.agent.desks import Desks
from tidewaiter.broker.agent.disk import Disk
from tidewaiter.broker.agent.jobs import Jobs
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.agent.registries import Registries
from tidewaiter.broker.agent.shelf import DiskShelf
from tidewaiter.broker.agent.spool import Spool
from tidewaiter.broker.messages import Job, JobState, Result, ScanRequest
from tidewaiter.errors import BrokerError, CloudDeniedError
from tidewaiter.fleet.looker import Looked, PulledImage
from tidewaiter.image.limits import Limits
from tidewaiter.inventory.encoding import decode_inventory
from tidewaiter.model.cloud import Authorization
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest
from tidewaiter.model.package import Inventory
from tidewaiter.simulator.images import Built, build_artifact, build_index

CALLBACK = "http://127.0.0.1:7341"
CEILINGS = Ceilings(operations=2, waiting=20, waiting_each=10)


class _Registry(MemoryRegistry):
    """Its Docker API lets nobody in."""

    def authorization(self) -> Authorization:
        raise CloudDeniedError("may not log in", code="AccessDeniedException")


@dataclass
class Bench:
    """An agent's jobs, with the registry, who looks and the client all in memory."""

    jobs: Jobs
    api: MemoryRegistry
    looks: HeldLooks
    post: MemoryPost
    disk: Disk
    folder: Path
    built: dict[str, Built] = field(default_factory=dict)

    def wanted(self, name: str, connection: str = "shop") -> Wanted:
        image = self.built.setdefault(name, built(name))
        digest = self.api.push(name, image, "v1")
        request = ScanRequest(registry=self.api.registry.host, repository=name, digest=digest, tags=("v1",))
        return Wanted(image=request, api=self.api, connection=connection, callback=CALLBACK)

    async def submit(self, *names: str, connection: str = "shop") -> list[Job]:
        return [await self.jobs.submit(name, self.wanted(name, connection)) for name in names]

    def state(self, name: str, connection: str = "shop") -> JobState | None:
        job = self.jobs.state(connection, name)
        return job.state if job else None

    def is_delivered(self, name: str, connection: str) -> bool:
        return self.state(name, connection) is JobState.DELIVERED

    def has_begun(self, number: int) -> bool:
        return len(self.looks.begun) > number

    async def reaches(self, state: JobState | None, *names: str) -> None:
        await until(lambda: all(self.state(name) is state for name in names))

    def result(self, name: str) -> Result:
        content = dict(self.post.taken)[name]
        return msgspec.json.decode(content.partition(b"\n")[0], type=Result)

    def inventory(self, name: str) -> Inventory:
        head, _, packed = dict(self.post.taken)[name].partition(b"\n")
        assert msgspec.json.decode(head, type=Result).size == len(packed)
        return decode_inventory(packed)


def files(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


def size(path: Path) -> int:
    return path.stat().st_size


@asynccontextmanager
async def bench(
    folder: Path, *, looks: HeldLooks, post: MemoryPost, disk: Disk, ceilings: Ceilings
) -> AsyncIterator[Bench]:
    for name in ("spool", "shelf"):
        (folder / name).mkdir(exist_ok=True)
    desks = Desks(calls=4)
    try:
        async with Jobs(
            looks=looks,
            registries=Registries(),
            spool=Spool(str(folder / "spool"), ceiling=ceilings.spool_bytes, disk=disk),
            shelf=DiskShelf(str(folder / "shelf"), ceiling=ceilings.shelf_bytes),
            post=post,
            desks=desks,
            ceilings=ceilings,
            limits=Limits(),
            pace=Pace(first=0.001, longest=0.002, seldom=0.002),
            disk_pause=0.001,
        ) as jobs:
            yield Bench(jobs, _Registry(), looks, post, disk, folder)
    finally:
        desks.close()


Check = Callable[[Bench], Awaitable[None]]


def run(
    folder: Path,
    check: Check,
    *,
    looks: HeldLooks | None = None,
    post: MemoryPost | None = None,
    disk: Disk | None = None,
    ceilings: Ceilings = CEILINGS,
) -> None:
    async def checking() -> None:
        opening = bench(
            folder, looks=looks or HeldLooks(), post=post or MemoryPost(), disk=disk or Disk(), ceilings=ceilings
        )
        async with opening as opened:
            await check(opened)

    asyncio.run(checking())


def test_an_image_is_looked_through_and_its_inventory_delivered(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        (job,) = await bench.submit("web")
        assert (job.job, job.state) == ("web", JobState.QUEUED)
        await bench.reaches(JobState.DELIVERED, "web")
        result = bench.result("web")
        assert (result.job, result.digest, result.failure) == ("web", bench.built["web"].digest, None)
        assert (result.layers_read, result.bytes_pulled) == (1, 10)
        assert len(bench.inventory("web").packages) == 2
        assert bench.jobs.state("shop", "web") == Job("web", JobState.DELIVERED, layers_read=1, bytes_pulled=10)

    run(tmp_path, check)


def test_commands_that_made_the_layers_stay_at_the_agent(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("web")
        await bench.reaches(JobState.DELIVERED, "web")
        inventory = bench.inventory("web")
        assert {layer.created_by for layer in inventory.image.layers} == {""}
        located = [location.layer for package in inventory.packages for location in package.locations]
        assert located == list(inventory.image.layers)

    run(tmp_path, check)


def test_secrets_are_taken_out_of_what_is_said_of_a_failure(tmp_path: Path) -> None:
    gap = Gap(stage=Stage.REGISTRY, why=Why.DENIED, subject="web", detail="The external ID planted is wrong.")

    async def check(bench: Bench) -> None:
        wanted = replace(bench.wanted("web"), redact=lambda text: text.replace("planted", "***"))
        await bench.jobs.submit("web", wanted)
        await until(lambda: bool(bench.looks.begun))
        bench.looks.finish(bench.looks.begun[0], Looked(failure=gap))
        await bench.reaches(JobState.DELIVERED, "web")
        assert bench.result("web").failure == replace(gap, detail="The external ID *** is wrong.")

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_the_same_key_is_the_same_job_at_each_of_its_stages(tmp_path: Path) -> None:
    post = MemoryPost(hold=asyncio.Event())

    async def check(bench: Bench) -> None:
        await bench.submit("web", "web")
        await until(lambda: len(bench.looks.under_way) == 1)
        await bench.submit("web")
        bench.looks.finish(bench.looks.begun[0])
        await bench.reaches(JobState.DONE, "web")
        (done,) = await bench.submit("web")
        assert done.state is JobState.DONE
        assert post.hold is not None
        post.hold.set()
        await bench.reaches(JobState.DELIVERED, "web")
        (delivered,) = await bench.submit("web")
        assert delivered.state is JobState.DELIVERED
        assert (len(bench.looks.begun), post.jobs) == (1, ["web"])

    run(tmp_path, check, looks=HeldLooks(hold=True), post=post)


def test_the_same_key_of_another_connection_is_another_job(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("web", connection="shop")
        await bench.submit("web", connection="bank")
        for connection in ("shop", "bank"):
            await until(partial(bench.is_delivered, "web", connection))
        assert len(bench.looks.begun) == 2
        assert bench.state("web", "else") is None
        assert await bench.jobs.cancel("else", "web") is None

    run(tmp_path, check)


def test_as_many_run_as_the_ceiling_says_and_more_wait(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        names = [f"app-{number}" for number in range(6)]
        await bench.submit(*names)
        await until(lambda: len(bench.looks.under_way) == 2)
        counts = bench.jobs.counts()
        assert (counts.running, counts.queued) == (2, 4)
        for number in range(6):
            await until(partial(bench.has_begun, number))
            bench.looks.finish(bench.looks.begun[number])
        await bench.reaches(JobState.DELIVERED, *names)
        assert bench.looks.most == 2

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_beyond_the_queue_jobs_are_refused_until_there_is_room(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b")
        await bench.reaches(JobState.RUNNING, "a", "b")
        await bench.submit(*(f"app-{number}" for number in range(10)))
        with pytest.raises(BrokerError) as refused:
            await bench.submit("more")
        assert (refused.value.code, refused.value.retry) == ("busy", True)
        assert bench.state("more") is None
        await bench.submit("app-3")
        await bench.jobs.cancel("shop", "app-3")
        await bench.submit("more")

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_large_images_go_alone(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b")
        await until(lambda: len(bench.looks.begun) == 1)
        await asyncio.sleep(0.02)
        assert len(bench.looks.begun) == 1
        bench.looks.finish(bench.looks.begun[0])
        await until(lambda: len(bench.looks.begun) == 2)
        bench.looks.finish(bench.looks.begun[1])
        await bench.reaches(JobState.DELIVERED, "a", "b")

    run(tmp_path, check, looks=HeldLooks(hold=True), ceilings=replace(CEILINGS, under_way_bytes=1))


def test_an_image_beyond_the_ceiling_ends_as_a_gap_that_names_it(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("web")
        await bench.reaches(JobState.DELIVERED, "web")
        failure = bench.result("web").failure
        assert failure is not None
        assert (failure.why, bench.looks.begun) == (Why.LIMIT, [])
        assert "its layers have" in failure.detail
        assert "more than 10" in failure.detail

    run(tmp_path, check, ceilings=replace(CEILINGS, image_bytes=10))


def test_what_is_no_image_or_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        api = bench.api
        digests = {
            "chart": api.push("chart", build_artifact("application/vnd.cncf.helm.config.v1+json")),
            "index": api.push("index", build_index([built("web")])),
            "lost": Digest("sha256", "0" * 64),
        }
        for name, digest in digests.items():
            request = ScanRequest(registry=api.registry.host, repository=name, digest=digest)
            await bench.jobs.submit(name, Wanted(image=request, api=api, connection="shop", callback=CALLBACK))
        await bench.reaches(JobState.DELIVERED, *digests)
        gaps = {name: bench.result(name).failure for name in digests}
        assert {name: gap.why for name, gap in gaps.items() if gap} == {
            "chart": Why.NOT_AN_IMAGE,
            "index": Why.MALFORMED,
            "lost": Why.UNREACHABLE,
        }
        assert bench.looks.begun == []

    run(tmp_path, check)


def test_an_error_of_a_registry_is_the_failure_of_its_image_alone(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        def refuse(_what: str, name: str) -> None:
            if name == "denied":
                raise CloudDeniedError("may not pull", where=name, code="AccessDeniedException")
            if name == "broken":
                raise RuntimeError("a bug")

        def fail(image: PulledImage) -> None:
            if image.repository.name == "odd":
                raise RuntimeError("another bug")

        bench.api.before, bench.looks.on_look = refuse, fail
        await bench.submit("denied", "broken", "odd", "web")
        await bench.reaches(JobState.DELIVERED, "denied", "broken", "odd", "web")
        denied = bench.result("denied").failure
        assert denied is not None
        assert denied.why is Why.DENIED
        for name in ("broken", "odd"):
            bug = bench.result(name).failure
            assert bug is not None
            assert "error of tidewaiter itself" in bug.detail
        assert bench.result("web").failure is None

    run(tmp_path, check)


def test_progress_is_told_while_an_image_is_looked_through(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("web")
        await until(lambda: bool(bench.looks.progress))
        bench.looks.progress[bench.built["web"].digest](1, 4096)
        assert bench.jobs.state("shop", "web") == Job("web", JobState.RUNNING, layers_read=1, bytes_pulled=4096)

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_a_registry_is_left_when_its_last_job_is_over(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b")
        await until(lambda: len(bench.looks.begun) == 2)
        bench.looks.finish(bench.looks.begun[0])
        await until(lambda: len(bench.post.taken) == 1)
        assert bench.looks.forgotten == []
        bench.looks.finish(bench.looks.begun[1])
        await until(lambda: len(bench.post.taken) == 2)
        assert bench.looks.forgotten == [bench.api.registry]

    run(tmp_path, check, looks=HeldLooks(hold=True))


# Cancelling.


def test_a_job_in_the_queue_is_cancelled(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b", "c")
        await until(lambda: len(bench.looks.under_way) == 2)
        cancelled = await bench.jobs.cancel("shop", "c")
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED
        for image in list(bench.looks.begun):
            bench.looks.finish(image)
        await bench.reaches(JobState.DELIVERED, "a", "b")
        assert (len(bench.looks.begun), sorted(bench.post.jobs)) == (2, ["a", "b"])

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_a_running_job_is_cancelled_and_its_place_given_to_another(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b", "c")
        await until(lambda: len(bench.looks.under_way) == 2)
        await bench.jobs.cancel("shop", "a")
        await bench.reaches(JobState.RUNNING, "b", "c")
        await until(lambda: len(bench.looks.begun) == 3)
        assert bench.built["a"].digest not in bench.looks.under_way
        assert bench.state("a") is JobState.CANCELLED

    run(tmp_path, check, looks=HeldLooks(hold=True))


def test_a_job_whose_result_waits_is_cancelled_with_it(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a")
        await until(lambda: bool(bench.post.tried))
        await bench.jobs.cancel("shop", "a")
        assert bench.state("a") is JobState.CANCELLED
        assert (files(tmp_path / "spool"), bench.jobs.counts().undelivered) == ([], 0)

    run(tmp_path, check, post=MemoryPost(hold=asyncio.Event()))


def test_a_job_whose_result_finds_no_room_on_disk_is_cancelled(tmp_path: Path) -> None:
    disk = FullDisk()

    async def check(bench: Bench) -> None:
        await bench.submit("a")
        await until(lambda: disk.refused > 2)
        await bench.jobs.cancel("shop", "a")
        disk.full = False
        await bench.submit("b")
        await bench.reaches(JobState.DELIVERED, "b")
        assert bench.post.jobs == ["b"]

    run(tmp_path, check, disk=disk)


def test_a_job_is_cancelled_while_its_result_is_written(tmp_path: Path) -> None:
    disk = SlowDisk()

    async def check(bench: Bench) -> None:
        await bench.submit("a")
        await until(disk.begun.is_set)
        cancelling = asyncio.create_task(bench.jobs.cancel("shop", "a"))
        await asyncio.sleep(0.01)
        disk.let.set()
        job = await cancelling
        assert job is not None
        assert job.state is JobState.CANCELLED
        assert (files(tmp_path / "spool"), bench.post.tried) == ([], [])

    run(tmp_path, check, disk=disk)


def test_a_delivered_job_stays_delivered(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a")
        await bench.reaches(JobState.DELIVERED, "a")
        job = await bench.jobs.cancel("shop", "a")
        assert job is not None
        assert job.state is JobState.DELIVERED

    run(tmp_path, check)


# Disks that are full.


def test_no_job_is_taken_or_begun_while_too_many_results_wait(tmp_path: Path) -> None:
    post = MemoryPost(hold=asyncio.Event())

    async def check(bench: Bench) -> None:
        await bench.submit("a", "b", "c", "d")
        await bench.reaches(JobState.DONE, "a", "b")
        await asyncio.sleep(0.01)
        counts = bench.jobs.counts()
        assert (counts.spool_full, len(bench.looks.begun), counts.undelivered) == (True, 2, 2)
        with pytest.raises(BrokerError, match="full of results") as refused:
            await bench.submit("e")
        assert refused.value.code == "busy"
        assert post.hold is not None
        post.hold.set()
        await bench.reaches(JobState.DELIVERED, "a", "b", "c", "d")
        await bench.submit("e")
        await bench.reaches(JobState.DELIVERED, "e")

    run(tmp_path, check, post=post, ceilings=replace(CEILINGS, spool_bytes=1))


def test_a_result_that_finds_no_room_on_disk_waits_for_it(tmp_path: Path) -> None:
    disk = FullDisk()

    async def check(bench: Bench) -> None:
        await bench.submit("a")
        await until(lambda: disk.refused > 2)
        assert bench.state("a") is JobState.RUNNING
        disk.full = False
        await bench.reaches(JobState.DELIVERED, "a")

    run(tmp_path, check, disk=disk)


# Agents that end.


def test_results_of_an_agent_before_are_known_and_delivered(tmp_path: Path) -> None:
    async def leave(bench: Bench) -> None:
        await bench.submit("a", "b")
        await bench.reaches(JobState.DONE, "a", "b")

    async def check(bench: Bench) -> None:
        (known,) = await bench.submit("a")
        assert known.state in (JobState.DONE, JobState.DELIVERED)
        await bench.reaches(JobState.DELIVERED, "a", "b")
        assert (bench.looks.begun, sorted(bench.post.jobs)) == ([], ["a", "b"])
        await until(lambda: bench.post.told == ["shop"])

    run(tmp_path, leave, post=MemoryPost(hold=asyncio.Event()))
    run(tmp_path, check)


def test_jobs_that_an_agent_did_not_do_are_not_known_to_the_next(tmp_path: Path) -> None:
    async def leave(bench: Bench) -> None:
        await bench.submit("a", "b", "c")
        await until(lambda: len(bench.looks.under_way) == 2)

    async def check(bench: Bench) -> None:
        assert [bench.state(name) for name in "abc"] == [None] * 3

    run(tmp_path, leave, looks=HeldLooks(hold=True))
    run(tmp_path, check)


def test_a_result_that_is_written_as_the_agent_ends_is_kept(tmp_path: Path) -> None:
    disk = SlowDisk()

    async def leave(bench: Bench) -> None:
        await bench.submit("a")
        await until(disk.begun.is_set)
        threading.Timer(0.02, disk.let.set).start()

    async def check(bench: Bench) -> None:
        await bench.reaches(JobState.DELIVERED, "a")
        assert bench.looks.begun == []

    run(tmp_path, leave, disk=disk)
    run(tmp_path, check)


def test_a_result_that_is_damaged_makes_its_job_unknown_so_that_it_is_done_again(tmp_path: Path) -> None:
    async def leave(bench: Bench) -> None:
        await bench.submit("a")
        await bench.reaches(JobState.DONE, "a")

    async def check(bench: Bench) -> None:
        await bench.reaches(None, "a")
        assert bench.post.tried == []
        await bench.submit("a")
        await bench.reaches(JobState.DELIVERED, "a")

    run(tmp_path, leave, post=MemoryPost(hold=asyncio.Event()))
    (path,) = (tmp_path / "spool").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    run(tmp_path, check)


def test_no_credential_and_no_secret_is_on_disk(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        redact = _Redact("planted external id")
        await bench.jobs.submit("web", replace(bench.wanted("web"), redact=redact))
        await bench.reaches(JobState.DONE, "web")

    run(tmp_path, check, post=MemoryPost(hold=asyncio.Event()))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert b'"job":"web"' in kept
    assert b"planted" not in kept


@dataclass
class _Redact:
    secret: str

    def __call__(self, text: str) -> str:
        return text.replace(self.secret, "***")


# What is told at the end.


def test_the_client_is_told_once_after_the_last_job_of_its_connection(tmp_path: Path) -> None:
    async def check(bench: Bench) -> None:
        await bench.submit("a", "b", connection="shop")
        await bench.submit("c", connection="bank")
        await until(lambda: len(bench.post.taken) == 3)
        await asyncio.sleep(0.01)
        assert sorted(bench.post.told) == ["bank", "shop"]

    run(tmp_path, check)


def test_it_counts_what_waits(tmp_path: Path) -> None:
    post = MemoryPost(always={"a": AWAY})

    async def check(bench: Bench) -> None:
        await bench.submit("a", "b")
        await bench.reaches(JobState.DELIVERED, "b")
        await bench.reaches(JobState.DONE, "a")
        counts = bench.jobs.counts()
        (path,) = files(tmp_path / "spool")
        assert (counts.queued, counts.running, counts.undelivered) == (0, 0, 1)
        assert counts.spool_bytes == size(path)
        assert not counts.spool_full
        assert 0 <= counts.oldest < 60

    run(tmp_path, check, post=post)
