"""50 MB through a tunnel: cut in the middle, read slowly, never held in memory, never in the way of others."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from broker_programs import Site
from brokered_cargo import Harvest, harvest, spooled
from fleet_commands import until

MIB = 1 << 20
SIZE = 50 * MIB
CONTENT = Random(50).randbytes(SIZE)
JOB = "a-large-one"


class Large(BaseHTTPRequestHandler):
    """Something else in the agent's network that may be asked: it gives 50 MB."""

    def do_GET(self) -> None:
        """Gives them, as fast as they are taken."""
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[str]:
    """Rules of a client that lead to it, and for all else to the agent."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Large) as server:
        threading.Thread(target=server.serve_forever).start()
        large = {"method": "GET", "path": "/large", "origin": f"http://127.0.0.1:{server.server_port}"}
        other = {"method": "any", "path": "/*", "origin": "${CR_AGENT_URL}"}
        public = {"method": "any", "path": "/*"}
        path = tmp_path / "rules.json"
        path.write_text(json.dumps({"private": [large, other], "public": [public]}))
        yield str(path)
        server.shutdown()


def test_50_mb_survive_a_cut_and_readers_that_stall(place: Site, rules: str, brought_in: Harvest) -> None:
    """The result lies on the agent's disk from before; an answer of that size is relayed beside it."""
    server, client = place.start_server(), place.start_client("--accept", rules)
    before = server.memory, client.memory
    spooled(place, JOB, CONTENT)
    place.tunnel.cut_after(SIZE // 2)
    place.start_agent()
    place.tunnel.wait_for_cut()
    server.wait_for("a result arrived", job=JOB, bytes=SIZE)
    until(lambda: not list((place.agent_folder / "spool").iterdir()) or None)
    with closing(sqlite3.connect(place.store)) as store:
        assert store.execute("SELECT count(*), sum(size) FROM delivery").fetchall() == [(1, SIZE)], "and no half one"
        assert store.execute("SELECT sum(length(content)) FROM delivery_part").fetchone() == (SIZE,)
    with place.asked(f"/results/web/{JOB}") as slow, place.asked("/broker/web/large") as stalled:
        begun = [each.read(MIB) for each in (slow, stalled)]
        assert harvest(place, place.scanned()) == brought_in, "a whole scan passes by them"
        assert all(first + each.read() == CONTENT for first, each in zip(begun, (slow, stalled), strict=True))
    grown = [each.memory - was for each, was in zip((server, client), before, strict=True)]
    assert max(grown) < SIZE, "nobody had all of it in memory"


def test_an_answer_of_50_mb_that_is_cut_is_not_taken_for_whole(place: Site, rules: str) -> None:
    place.start_server()
    place.start_client("--accept", rules)
    with place.asked("/broker/web/large") as broken:
        broken.read(MIB)
        place.tunnel.cut()
        with pytest.raises(IncompleteRead):
            broken.read()
