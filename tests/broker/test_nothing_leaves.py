"""A network that nobody can connect into: all that leaves it is recorded and searched.

The simulated AWS, a Harbor, the agent and the broker client are in a network of their own, whose one way out is a
socket that the client's connection goes through (`enclaves.py`). Two accounts and the Harbor are scanned from outside,
and their images are full of what must stay inside. What does leave, beside what registries list and what is installed
in images, are the connections' tokens: by them the client proves itself.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from enclaves import Enclave, enclave
from passages import Conversation
from tidewaiter.broker.messages import CREDENTIALS, PLACEHOLDER
from tidewaiter.broker.wire import Hello, Request, encode_data, encode_request
from tidewaiter.model.image import Digest
from tidewaiter.store.store import Store
from tunnel_records import Record

Json = dict[str, Any]
SEVERAL_STATES = {"scanned", "skipped", "failed"}


@dataclass(frozen=True)
class Process:
    """What the system says of a process."""

    network: str
    interfaces: frozenset[str]
    capabilities: int
    root_outside: bool
    doors: tuple[str, ...]
    """Sockets of its network in the file system that somebody listens at."""

    @classmethod
    def of(cls, number: int) -> "Process":
        folder = Path(f"/proc/{number}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return cls(
            network=os.readlink(folder / "ns/net"),
            interfaces=frozenset(
                line.split(":")[0].strip() for line in (folder / "net/dev").read_text().splitlines()[2:]
            ),
            capabilities=int(status["CapEff"], 16),
            root_outside=(folder / "uid_map").read_text().split()[0] == "0",
            doors=tuple(_doors((folder / "net/unix").read_text())),
        )


@dataclass(frozen=True)
class Seen:
    """What came of it all. `answers` are the statuses of a platform's own questions."""

    why_not: str
    processes: dict[str, Process]
    brokered: Json
    others: Json
    direct: Json
    answers: dict[str, int]
    told: Json
    record: Record
    conversations: list[Conversation]
    inside: dict[str, bytes]
    outside: dict[str, bytes]
    inventories: dict[str, dict[str, Json]]

    @property
    def secrets(self) -> dict[str, str]:
        """All words that have to stay inside."""
        return {**self.told["secrets"], **self.told["planted"]}


@pytest.fixture(scope="module")
def seen(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    with enclave(tmp_path_factory.mktemp("enclave")) as running:
        scans = [running.scan(database, "web", "data"), running.scan(database, "harbor", "stranger")]
        brokered, others = (scan.communicate(timeout=90) for scan in scans)
        answers = dict(curious(running))
        direct = running.ask("direct", str(database))
        conversations = list(running.passage.conversations)
        said = dict(zip(("out", "err", "other out", "other err"), (*brokered, *others), strict=True))
        return Seen(
            why_not=running.why_not,
            processes={name: Process.of(number) for name, number in running.everybody.items()},
            brokered=json.loads(brokered[0]),
            others=json.loads(others[0]),
            direct=json.loads(direct["out"]),
            answers=answers,
            told=running.ask("tell"),
            record=Record(conversations),
            conversations=conversations,
            inside=files(running.folder, "*.log"),
            outside={**files(running.outside, "*"), **{name: text.encode() for name, text in said.items()}},
            inventories={
                "brokered accounts": inventories(brokered[0], running.outside / "web-data.db"),
                "direct accounts": inventories(brokered[0], running.folder / "direct.db"),
                "brokered Harbor": inventories(others[0], running.outside / "harbor-stranger.db"),
                "direct Harbor": inventories(others[0], running.folder / "direct-harbor.db"),
            },
        )


def curious(running: Enclave) -> Iterator[tuple[str, int]]:
    """A platform that asks for all that can be asked, and for what it may not have."""
    image = "repository=web/shop&tag=1.0"
    for target in (
        "/healthcheck",
        "/validate-credentials",
        f"/get-state-identifier?{image}",
        "/list",
        "/list/web/shop",
        "/list-paginated?size=1",
        "/list-with-metadata/web/shop",
        "/list/none",
        "/systemcheck",
    ):
        yield target, running.relayed("web", target)
    yield "wrong external ID", running.relayed("stranger", "/validate-credentials")
    yield "variable", running.relayed("web", "/list", **{CREDENTIALS: "${TIDEWAITER_BROKER_SECRET}"})
    named = {"idempotency_key": PLACEHOLDER, "x_broker_var_sub": f"{CREDENTIALS},idempotency-key"}
    yield "credentials as the name of a job", running.relayed("web", "/scan", method="POST", **named)


def inventories(report: str, store: Path) -> dict[str, Json]:
    """What a store holds of the images of a report, each by its digest."""
    digests = [image["digest"] for image in json.loads(report)["images"]]
    with Store.open(str(store)) as opened:
        found = {digest: opened.inventory(Digest.parse(digest)) for digest in digests}
    return {digest: msgspec.to_builtins(inventory) for digest, inventory in found.items() if inventory}


def files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


def _doors(table: str) -> Iterator[str]:
    """Of the system's table of sockets: https://man7.org/linux/man-pages/man5/proc_net.5.html"""
    accepting = "00010000"
    for line in table.splitlines()[1:]:
        _, _, _, flags, _, _, _, *path = line.split()
        if flags == accepting and path and not path[0].startswith("@"):
            yield path[0]


def without(value: Any, *names: str) -> Any:
    """The value without what stands under these names anywhere in it."""
    if isinstance(value, dict):
        return {key: without(each, *names) for key, each in value.items() if key not in names}
    return [without(each, *names) for each in value] if isinstance(value, list | tuple) else value


class TestWays:
    def test_no_connection_can_be_made_into_the_network_nor_another_out_of_it(self, seen: Seen) -> None:
        if seen.why_not:
            pytest.skip(
                f"SKIPPED LOUDLY, OPTIONAL: the kernel gives no network namespaces here ({seen.why_not}). What passed "
                "was recorded and searched as always; that nothing could connect inwards, or leave by another way, is "
                "NOT shown"
            )
        outside = os.readlink("/proc/self/ns/net")
        assert {"aws", "agent", "client"} < seen.processes.keys(), "workers too"
        (network,) = {process.network for process in seen.processes.values()}
        assert network != outside
        for process in seen.processes.values():
            assert process.interfaces == {"lo"}
            assert process.doors == ()
            assert not process.root_outside
        assert not any(process.capabilities for name, process in seen.processes.items() if name != "aws")
        assert seen.told["elsewhere"] == "ENETUNREACH"

    def test_one_connection_was_made_and_from_inside(self, seen: Seen) -> None:
        (only,) = seen.conversations
        assert only.sent.startswith(b"GET /tunnel HTTP/1.1\r\n")
        assert only.received.startswith(b"HTTP/1.1 101 ")


class TestCompleteness:
    def test_the_scan_is_that_of_who_looks_from_inside(self, seen: Seen) -> None:
        brokered, direct = (without(each, "run", "pulled") for each in (seen.brokered, seen.direct))
        assert brokered == direct
        assert {image["state"] for image in brokered["images"]} == SEVERAL_STATES
        assert brokered["vulnerabilities"]

    @pytest.mark.parametrize("what", ["accounts", "Harbor"])
    def test_inventories_are_the_same_but_for_who_made_the_layers(self, seen: Seen, what: str) -> None:
        brokered, direct = (seen.inventories[f"{way} {what}"] for way in ("brokered", "direct"))
        chance = ("reference", "tags")  # of an image that is in two places: which of them came first
        assert without(brokered, "created_by", *chance) == without(direct, "created_by", *chance)
        assert len(brokered) >= 2
        commands = {layer["created_by"] for each in direct.values() for layer in each["image"]["layers"]}
        assert any("TOKEN=" in command for command in commands), "which are not even told of where there are some"
        assert {layer["created_by"] for each in brokered.values() for layer in each["image"]["layers"]} == {""}

    def test_accounts_were_looked_at_at_the_same_time_each_by_its_own_role(self, seen: Seen) -> None:
        asked = [principal for principal, action, _ in seen.told["calls"] if action.startswith("ecr:")]
        web, data = (
            [turn for turn, principal in enumerate(asked) if f":assumed-role/{name}-reader/" in principal]
            for name in ("web", "data")
        )
        assert web[0] < data[-1]
        assert data[0] < web[-1]
        assert sorted((*web, *data)) == list(range(len(asked)))

    def test_the_role_of_one_account_is_not_had_with_the_external_id_of_another(self, seen: Seen) -> None:
        (lost,) = (account for account in seen.others["accounts"] if account["gaps"])
        (gap,) = lost["gaps"]
        assert "role/data-reader" in gap["detail"]
        assert "external ID" in gap["detail"]
        assert {image["account"] for image in seen.others["images"]} != {lost["id"]}

    def test_a_curious_platform_is_told_what_agents_tell(self, seen: Seen) -> None:
        refused = {"/list/none": 404, "/systemcheck": 403, "wrong external ID": 403}
        refused |= {"variable": 403, "credentials as the name of a job": 403}
        assert {what: status for what, status in seen.answers.items() if status != 200} == refused


class TestRecord:
    def test_nothing_of_what_was_planted_left(self, seen: Seen) -> None:
        assert len(seen.secrets) > 150
        assert {place: word for place, word in seen.secrets.items() if seen.record.holds(word)} == {}

    def test_not_a_piece_of_a_layer_left(self, seen: Seen) -> None:
        contents = [base64.b64decode(each) for each in seen.told["contents"]]
        assert sum(map(len, contents)) > 500_000
        assert seen.record.shreds(contents) == []

    def test_no_signed_address_and_no_address_of_inside_left(self, seen: Seen) -> None:
        for sign in (b"X-Amz-", b"AWS4-HMAC", b"http://127.0.0.1", b"authorization"):
            assert not any(sign in view for view in seen.record.views[1:]), sign

    def test_nor_does_it_lie_outside_or_stand_in_what_programs_say(self, seen: Seen) -> None:
        assert {"broker.db", "server.log", "web-data.db", "harbor-stranger.db", "out"} <= seen.outside.keys()
        assert {"agent.log", "client.log"} <= seen.inside.keys()
        told = {**seen.outside, **seen.inside}
        addresses = {"storage", "the Harbor's own URL"}
        words = {place: word for place, word in seen.secrets.items() if place not in addresses}
        assert [(place, name) for place, word in words.items() for name in told if word.encode() in told[name]] == []


class TestControls:
    """What does leave is found, at whichever depth: so would be what must not."""

    def test_words_that_are_planted_in_what_leaves_are_found(self, seen: Seen) -> None:
        crossing = seen.told["crossing"]
        assert len(crossing) == 4
        assert {place: seen.record.holds(word) for place, word in crossing.items()} == dict.fromkeys(crossing, True)

    def test_also_in_what_is_packed_masked_or_encoded(self, seen: Seen) -> None:
        (only,) = seen.conversations
        for place in ("name of a package", "tag in base64", "name of a tag"):
            word = seen.told["crossing"][f"control: {place}"].encode()
            assert word not in only.sent, f"{place}: it is not there to be read by everybody"

    def test_tokens_are_what_leaves_of_secrets(self, seen: Seen) -> None:
        (hello,) = (frame for _, frame in seen.record.frames if isinstance(frame, Hello))
        assert len(hello.tokens) == 4
        assert all(seen.record.holds(token) for token in hello.tokens)

    def test_what_is_cut_into_frames_and_packed_twice_is_found(self) -> None:
        secret, layer = b"a secret of somebody", os.urandom(5_000)
        packed = zstandard.compress(base64.b64encode(b"before " + secret)) + layer[1_000:1_040]
        request = encode_request(1, Request("POST", "/x", "web", (), 1.0), b"", last=False)
        pieces = [packed[at : at + 7] for at in range(0, len(packed), 7)]
        frames = [request, *(encode_data(1, piece, last=False) for piece in pieces)]
        record = Record([Conversation(sent=sent(*frames), received=sent())])
        assert record.holds(secret)
        assert record.shreds([layer])
        assert not record.holds(b"another secret")
        assert not record.shreds([os.urandom(5_000)])

    @pytest.mark.parametrize("size", [1, 200, 70_000])
    def test_frames_of_each_size_are_read(self, size: int) -> None:
        content = os.urandom(size)
        request = encode_request(1, Request("POST", "/x", "web", (), 1.0), content, last=True)
        ((_, frame),) = Record([Conversation(sent=sent(request), received=sent())]).frames
        assert getattr(frame, "chunk", b"") == content

    def test_what_could_not_be_looked_into_is_no_record(self) -> None:
        compressed = bytearray(sent(b"x"))
        compressed[len(sent())] |= 0x40
        with pytest.raises(ValueError, match="extension"):
            _ = Record([Conversation(sent=compressed, received=sent())]).views


def sent(*messages: bytes) -> bytearray:
    """What a client sends: a head, and these messages in masked frames, each cut in two.

    https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    """
    stream = bytearray(b"GET /tunnel HTTP/1.1\r\n\r\n")
    for message in messages:
        half = len(message) // 2
        stream += masked(0x02, message[:half]) + masked(0x80, message[half:])
    return stream


def masked(kind: int, payload: bytes) -> bytes:
    mask, size = os.urandom(4), len(payload)
    short, more = (size, b"") if size < 126 else (126, size.to_bytes(2)) if size < 1 << 16 else (127, size.to_bytes(8))
    unmasked = (byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes((kind, 0x80 | short)) + more + mask + bytes(unmasked)
