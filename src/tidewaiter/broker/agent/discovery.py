"""Which registries a connection has: told as they are come upon."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
from aiohttp import web

from tidewaiter.aws.registries import Found, Place
from tidewaiter.broker.agent.answers import document, streamed
from tidewaiter.broker.agent.entrance import Entrance
from tidewaiter.broker.agent.reception import Asked, Reception
from tidewaiter.broker.messages import AgentInfo, AtRegistry, Hello, Line, LostPlace, PassedPlace
from tidewaiter.model.cloud import Identity, Lost, Passed


class Valid(msgspec.Struct, frozen=True):
    """Credentials that open their registry, and as whom."""

    valid: bool
    identity: Identity


async def discover(reception: Reception, asked: Asked) -> web.StreamResponse:
    """Who looks and as whom, then every registry, and whatever could not be entered."""
    entrance = reception.enter(asked)
    return await streamed(reception, asked, lambda: _told(entrance, reception.info))


async def validate(reception: Reception, asked: Asked) -> web.StreamResponse:
    """As whom the credentials open the registry; an error where they do not."""
    entrance = reception.enter(asked)

    def proven() -> Identity:
        entrance.prove()
        return _plain(entrance.identity())

    return document(Valid(valid=True, identity=await reception.ask(asked, proven)))


def _told(entrance: Entrance, info: AgentInfo) -> Iterator[Line]:
    found = entrance.found()  # what cannot be is told before the greeting
    yield Hello(info, _plain(entrance.identity()))
    yield from map(_line, found)


def _line(found: Found) -> Line:
    match found:
        case Place():
            return AtRegistry(found.account, replace(found.api.registry, via=""))
        case Lost():
            return LostPlace(found.account, found.gap, found.region)
        case Passed():
            return PassedPlace(found.account, found.gap)


def _plain(identity: Identity) -> Identity:
    """Without the external IDs."""
    return replace(identity, hops=tuple(replace(hop, external_id="") for hop in identity.hops))
