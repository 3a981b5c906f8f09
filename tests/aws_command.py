"""A stand-in for the `aws` command: scripts find it on PATH; it makes their calls with boto3 in the test's process.

It knows what the real command makes of words (https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters.html)
as far as boto3's models tell it: an operation or option that AWS does not have is an error. What the simulated cloud
lacks a test can answer itself.
"""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import boto3
import botocore.session
import jmespath  # type: ignore[import-untyped]  # it has no types
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError
from botocore.loaders import create_loader
from botocore.model import ListShape, Shape, StructureShape

Answers = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What answers an operation in place of the cloud, given its arguments."""

# The client is this small so that it starts in no time: -I -S leave all out that it does not need.
_CLIENT = """#!{python} -IS
import json, os, socket, sys
given = {{"words": sys.argv[1:], "environment": {{k: v for k, v in os.environ.items() if k.startswith("AWS_")}}}}
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    connection.sendall(json.dumps(given).encode() + b"\\n")
    said = json.loads(connection.makefile("rb").readline())
sys.stdout.write(said["out"])
sys.stderr.write(said["err"])
sys.exit(said["code"])
"""
_PATIENCE = 60  # seconds
_LOADER = create_loader()
"""Reads the models of services, and remembers them, for all clients."""


class WordsError(Exception):
    """The real command would not understand the words either."""


@dataclass(frozen=True, slots=True)
class Called:
    """An operation that a script called, with its arguments."""

    service: str
    operation: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class _Words:
    service: str
    operation: str = ""
    options: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, words: list[str]) -> "_Words":
        """Reads words as the real command does: only behind a `=` may a value begin with a dash."""
        found, values = cls(words[0]), list[str]()
        for word in words[1:]:
            if word.startswith("--"):
                name, given, value = word[2:].partition("=")
                values = found.options.setdefault(name, [value] if given else [])
            elif word.startswith("-"):
                raise WordsError(f"{word} is no option")
            elif found.options:
                values.append(word)
            else:
                found.operation = f"{found.operation} {word}".strip()
        return found


class AwsCommand:
    """Is on PATH of the scripts that it runs. `calls` are all operations that they called, in their order.

    `answers` are by service and operation (`eks`, `list-pod-identity-associations`).
    """

    def __init__(self, folder: Path, answers: Mapping[tuple[str, str], Answers] | None = None) -> None:
        self.calls: list[Called] = []
        self.answers = dict(answers or {})
        self._folder = folder
        self._clients: dict[tuple[str, ...], Any] = {}
        address = str(folder / "socket")
        self._server = socketserver.ThreadingUnixStreamServer(address, _handler(self))
        self._put("aws", _CLIENT.format(python=sys.executable, address=address))
        self._put("sleep", "#!/bin/sh\n")  # nothing here takes the time that IAM does

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def run(self, script: str, environment: Mapping[str, str], **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs a script with the variables of an identity, and some more."""
        path = self._folder / "script.sh"
        path.write_text(script)
        own = {"PATH": f"{self._folder}:{os.environ['PATH']}", **environment, **more}
        return subprocess.run(["bash", path], env=own, text=True, capture_output=True, check=False, timeout=_PATIENCE)

    @staticmethod
    def refuse(operation: str, code: str, message: str) -> NoReturn:
        """Refuses, as AWS does."""
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    def answer(self, words: list[str], environment: Mapping[str, str]) -> Mapping[str, Any]:
        """What the command prints, and its exit code."""
        try:
            return {"out": self._answered(_Words.read(words), environment), "err": "", "code": 0}
        except ClientError as error:
            return {"out": "", "err": f"\naws: [ERROR]: {error}\n", "code": 254}
        except (WordsError, WaiterError) as error:
            return {"out": "", "err": f"aws: [ERROR]: {error}\n", "code": 252}

    def _answered(self, words: _Words, environment: Mapping[str, str]) -> str:
        query, output = words.options.pop("query", []), words.options.pop("output", ["json"])
        region = words.options.pop("region", [environment["AWS_DEFAULT_REGION"]])[0]
        client = self._client(words.service, region, environment)
        if words.operation.startswith("wait ") and (words.service, words.operation) in self.answers:
            return ""
        if words.operation.startswith("wait "):
            waiter = client.get_waiter(words.operation.removeprefix("wait ").replace("-", "_"))
            waiter.wait(WaiterConfig={"Delay": 0}, **_arguments(words.options, _of_waiter(client, words)))
            return ""
        found = self._call(client, words)
        return _printed(jmespath.search(query[0], found) if query else found, output[0])

    def _call(self, client: Any, words: _Words) -> Mapping[str, Any]:
        model = _operation(client, words.operation)
        arguments = _arguments(words.options, model.input_shape)
        self.calls.append(Called(words.service, words.operation, arguments))
        if answers := self.answers.get((words.service, words.operation)):
            return answers(arguments)
        found: dict[str, Any] = getattr(client, xform_name(model.name))(**arguments)
        return {key: value for key, value in found.items() if key != "ResponseMetadata"}

    def _client(self, service: str, region: str, environment: Mapping[str, str]) -> Any:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        identity = [environment.get(name) or None for name in names]
        address = environment["AWS_ENDPOINT_URL"]
        key = (service, region, address, *map(str, identity))
        if key not in self._clients:
            core = botocore.session.Session()
            core.register_component("data_loader", _LOADER)
            given = dict(zip(map(str.lower, names), identity, strict=True))
            session = boto3.session.Session(region_name=region, botocore_session=core, **given)
            self._clients[key] = session.client(service, endpoint_url=address)
        return self._clients[key]

    def _put(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o755)


def _handler(command: AwsCommand) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            given = json.loads(self.rfile.readline())
            said = command.answer(given["words"], given["environment"])
            self.wfile.write(json.dumps(said).encode() + b"\n")

    return Handler


def _operation(client: Any, name: str) -> Any:
    model = client.meta.service_model
    known = {xform_name(each, "-"): each for each in model.operation_names}
    if name not in known:
        raise WordsError(f"{model.service_name} has no operation {name}")
    return model.operation_model(known[name])


def _of_waiter(client: Any, words: _Words) -> Shape:
    waiter = client.get_waiter(words.operation.removeprefix("wait ").replace("-", "_"))
    shape: Shape = client.meta.service_model.operation_model(waiter.config.operation).input_shape
    return shape


def _arguments(options: Mapping[str, list[str]], shape: Any) -> Mapping[str, Any]:
    """The operation's arguments; a flag of it can be turned by `--no-`."""
    known = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    found: dict[str, Any] = {}
    for option, words in options.items():
        name, member = known.get(option, (None, None))
        if name is None and option.startswith("no-"):
            name, member = known.get(option.removeprefix("no-"), (None, None))
        if name is None or (member.type_name == "boolean") != (not words):
            raise WordsError(f"--{option} does not take {words}")
        found[name] = _value(member, words) if words else not option.startswith("no-")
    return found


def _value(shape: Shape, words: list[str]) -> Any:
    match shape:
        case ListShape():
            return [_value(shape.member, [word]) for word in words]
        case _ if len(words) != 1:
            raise WordsError(f"one word is wanted, not {words}")
        case StructureShape() if not words[0].startswith("{"):
            return dict(pair.split("=", 1) for pair in words[0].split(","))
        case _ if shape.type_name in ("structure", "map"):
            return json.loads(words[0])
        case _:
            return int(words[0]) if shape.type_name in ("integer", "long") else words[0]


def _printed(found: Any, output: str) -> str:
    if output == "json":
        return f"{json.dumps(found, indent=4, default=str)}\n"
    if isinstance(found, list):
        if any(isinstance(each, list | dict) for each in found):
            raise WordsError("as text only a list of words is printed here")
        return "\t".join(map(str, found)) + "\n" * bool(found)
    return f"{found}\n"
