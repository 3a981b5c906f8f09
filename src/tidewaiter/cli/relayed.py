"""`--via`: from its options to what is asked of a broker server, and by way of which connections."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tidewaiter.broker.names import CONNECTION_NAME
from tidewaiter.cli.quest import Begun
from tidewaiter.errors import UsageError

if TYPE_CHECKING:
    from tidewaiter.broker.platform.api import BrokerApi
    from tidewaiter.broker.platform.expedition import Expedition
    from tidewaiter.fleet.filters import Wishes
    from tidewaiter.fleet.watcher import Watcher

_ELSEWHERE = {
    **dict.fromkeys(("role_arn", "external_id", "region", "accounts"), "the broker client's connection has its own"),
    **dict.fromkeys(("profile", "sts_region"), "the agent has its own credentials"),
    "public": "a connection is one registry account",
    **dict.fromkeys(("workers", "limit"), "the agent has its own"),
}
"""Options about what is decided at the other end, and why."""

_ABOUT_SERVER = ("broker", "broker_key", "broker_key_file", "broker_patience", "broker_insecure")


def settled_there(options: Mapping[str, Any]) -> frozenset[str]:
    """The options that mean nothing where there is a `--via`: they may be set in the environment all the same."""
    return frozenset(_ELSEWHERE) if options.get("via") else frozenset()


def relayed_quest(context: click.Context, options: Mapping[str, Any]) -> "RelayedQuest | None":
    """The connections that `--via` names; None where it names none. Raises UsageError."""
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if not options["via"]:
        if alone := [name for name in _ABOUT_SERVER if name in given]:
            raise UsageError(f"{_option(alone[0])} belongs to a --via, and there is none")
        return None
    for name in given:
        if reason := _ELSEWHERE.get(name):
            raise UsageError(f"{_option(name)} cannot be given with --via: {reason}")
    for name in options["via"]:
        if not CONNECTION_NAME.fullmatch(name):
            raise UsageError(f"--via {name[:100]!r} is not the name of a connection")
    return RelayedQuest(options)


class RelayedQuest:
    """Somebody who has agents look for registries: a `cli.quest.Quest`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._api = _api(options)

    @contextmanager
    def begun(self, watcher: "Watcher") -> Iterator[Begun]:
        """What is behind the connections, once they have greeted or are given up. Raises UsageError."""
        from tidewaiter.broker.platform.documents import documents
        from tidewaiter.broker.platform.expedition import Expedition
        from tidewaiter.broker.platform.looks import RelayedLookers
        from tidewaiter.broker.platform.reach import Bearing

        bearing = Bearing(patience=self._options["broker_patience"])
        with Expedition(self._api, self._options["via"], watcher=watcher, bearing=bearing) as expedition:
            yield Begun(
                found=expedition.found(),
                identity=expedition.identity,
                scope=self._api.url,
                wishes=lambda wishes: _as_agents_do(wishes, expedition),
                looking={
                    "lookers": RelayedLookers(expedition, owner=_owner(self._options["store"])),
                    "documents": documents,
                    "fingerprint": expedition.fingerprint,
                }
                if "store" in self._options
                else {},
            )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _api(options: Mapping[str, Any]) -> "BrokerApi":
    from tidewaiter.broker.platform.api import BrokerApi

    if not options["broker"]:
        advice = "Set TIDEWAITER_BROKER_URL, or --broker."
        raise UsageError("--via needs the address of the broker server", advice=advice)
    key = _key(options)
    if not key:
        advice = "Set TIDEWAITER_BROKER_KEY to one of its API keys, or name a file with one: --broker-key-file."
        raise UsageError("--via needs an API key of the broker server", advice=advice)
    return BrokerApi(options["broker"], key, insecure=options["broker_insecure"])


def _key(options: Mapping[str, Any]) -> str:
    """The first key of the file, where one is named."""
    from tidewaiter.cli.keys import read_keys

    path = options["broker_key_file"]
    if not path:
        return str(options["broker_key"])
    keys = read_keys(path)
    if not keys:
        raise UsageError("holds no key", where=path)
    return keys[0]


def _as_agents_do(wishes: "Wishes", expedition: "Expedition") -> "Wishes":
    """So many images under way as the agents look through, under their ceilings."""
    return replace(wishes, workers=expedition.operations, limits=expedition.limits)


def _owner(store: str) -> str:
    """Whose results these are: those of a store, whoever runs on it. Files of the same name lie on many machines."""
    import os
    import socket
    from urllib.parse import urlsplit

    if "://" in store and not store.startswith("sqlite:"):
        parts = urlsplit(store)
        return f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{socket.gethostname()}:{os.path.abspath(store.removeprefix('sqlite:///'))}"
