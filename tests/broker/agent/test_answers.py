"""Lines as they are made: in time, not ahead of their reader, and to the end or with the trouble."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from agents import Asking, Said, for_role, with_agent
from fakes.chains import FakeAws, FakeChain
from tidewaiter.broker.agent.settings import AgentSettings
from tidewaiter.broker.credentials import encode
from tidewaiter.broker.messages import CREDENTIALS, DEADLINE, End, Line, RepositoryLine, Trouble
from tidewaiter.errors import CloudError
from tidewaiter.model.cloud import RoleHop

ROLE = "arn:aws:iam::222222222222:role/reader"
MINE = for_role(ROLE, "", "eu-west-1")
HEADERS = {CREDENTIALS: encode(MINE)}


Page = Mapping[str, Any]


def page(*names: str) -> Page:
    return {"repositories": [{"repositoryName": name} for name in names]}


class Pages(FakeChain):
    """A cloud whose registry lists what `given` makes, and raises what stands among it."""

    def __init__(self, given: Callable[[], Iterable[Page | Exception]]) -> None:
        super().__init__(FakeAws(roles={ROLE: ""}), "111111111111")
        self.given = given

    def then(self, hop: RoleHop, *, policy: str = "", region: str = "") -> "Pages":  # noqa: ARG002 - the chain's
        return self

    def pages(self, *_: object, **__: object) -> Iterator[Page]:
        for each in self.given():
            if isinstance(each, Exception):
                raise each
            yield each


def test_an_error_in_the_middle_is_the_last_line(settings: AgentSettings) -> None:
    chain = Pages(lambda: [page("aa", "bb"), CloudError("it broke", where="there", code="ServerException")])
    said = with_agent(settings, lambda agent: agent("GET", "/list", MINE), chain=chain)
    *names, trouble = said.lines
    assert names == [RepositoryLine("aa"), RepositoryLine("bb")]
    assert isinstance(trouble, Trouble)
    assert (trouble.what, trouble.where, trouble.code) == ("it broke", "there", "ServerException")


@pytest.mark.parametrize(("error", "status"), [
    (CloudError("it broke"), 502),
    (CloudError("too fast", retry=True, code="ThrottlingException"), 503),
    (CloudError("gone", code="RepositoryNotFoundException"), 404),
], ids=["broken", "throttled", "gone"])  # fmt: skip
def test_an_error_before_the_first_line_is_a_status(settings: AgentSettings, error: CloudError, status: int) -> None:
    said = with_agent(settings, lambda agent: agent("GET", "/list", MINE), chain=Pages(lambda: [error]))
    assert (said.status, said.one(Trouble).what) == (status, error.what)
    assert ("Retry-After" in said.headers) == (status == 503)


def test_an_error_in_the_middle_of_a_document_is_a_status_and_no_short_list(settings: AgentSettings) -> None:
    async def ask(agent: Asking) -> Said:
        return await agent("GET", "/list", MINE, headers={"Accept": "application/json"})

    assert with_agent(settings, ask, chain=Pages(lambda: [page("aa"), CloudError("it broke")])).status == 502


def test_lines_are_sent_before_the_next_page_is_there(settings: AgentSettings) -> None:
    second = threading.Event()

    def pages() -> Iterator[Page]:
        yield page("aa")
        assert second.wait(10)
        yield page("bb")

    async def ask(agent: Asking) -> list[Line]:
        async with agent.session.get(f"{agent.url}/list", headers=HEADERS) as answer:
            first = msgspec.json.decode(await answer.content.readline(), type=Line)
            second.set()
            rest = await answer.content.read()
            return [first, *(msgspec.json.decode(line, type=Line) for line in rest.splitlines())]

    assert with_agent(settings, ask, chain=Pages(pages)) == [RepositoryLine("aa"), RepositoryLine("bb"), End()]


def test_a_reader_who_does_not_read_holds_the_listing_up_and_one_who_leaves_ends_it(settings: AgentSettings) -> None:
    made = 0
    ended = threading.Event()

    def pages() -> Iterator[Page]:
        nonlocal made
        try:
            for number in range(100_000):
                made = number
                yield page(*(f"team/{'x' * 200}-{number}-{each}" for each in range(100)))
        finally:
            ended.set()

    async def ask(agent: Asking) -> int:
        async with agent.session.get(f"{agent.url}/list", headers=HEADERS) as answer:
            await answer.content.readline()
            held = -1
            while held != made:
                held = made
                await asyncio.sleep(0.2)
            answer.close()
        await asyncio.to_thread(ended.wait, 10)
        return held

    held = with_agent(settings, ask, chain=Pages(pages))
    assert 0 < held < 2_000
    assert ended.is_set()
    assert made < 3_000


def test_a_deadline_ends_lines_with_the_trouble(settings: AgentSettings) -> None:
    over = threading.Event()

    def pages() -> Iterator[Page]:
        yield page("aa")
        over.wait(10)
        yield page("bb")

    async def ask(agent: Asking) -> Said:
        try:
            return await agent("GET", "/list", MINE, headers={DEADLINE: "0.2"})
        finally:
            over.set()

    said = with_agent(settings, ask, chain=Pages(pages))
    name, trouble = said.lines
    assert name == RepositoryLine("aa")
    assert isinstance(trouble, Trouble)
    assert (trouble.code, trouble.retry) == ("deadline", True)


def test_a_deadline_before_the_first_line_is_504(settings: AgentSettings) -> None:
    over = threading.Event()

    def pages() -> Iterator[Page]:
        over.wait(10)
        yield page("aa")

    async def ask(agent: Asking) -> list[Said]:
        soon = {DEADLINE: "0.1"}
        lines = await agent("GET", "/list", MINE, headers=soon)
        document = await agent("GET", "/list", MINE, headers={**soon, "Accept": "application/json"})
        over.set()
        return [lines, document]

    for said in with_agent(settings, ask, chain=Pages(pages)):
        assert (said.status, said.one(Trouble).code) == (504, "deadline")
