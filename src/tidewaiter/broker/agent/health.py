"""The truth about an agent: whether it works at all, and whether a connection's credentials open its registries."""

import os
from functools import partial

import msgspec
from aiohttp import web

import tidewaiter
from tidewaiter.broker.agent.answers import document
from tidewaiter.broker.agent.entrance import Entrance
from tidewaiter.broker.agent.jobs import Counts
from tidewaiter.broker.agent.probes import failed_probe
from tidewaiter.broker.agent.reception import Asked, Reception
from tidewaiter.broker.agent.redaction import redacted
from tidewaiter.broker.agent.way_back import way_back
from tidewaiter.broker.messages import Probe, SystemCheck
from tidewaiter.errors import TidewaiterError

CALLBACK = "callback"
"""The parameter of a system check that tries the way back too."""

_BROKEN = 503


class Healthy(msgspec.Struct, frozen=True):
    """Whether the agent works; if not, `trouble` says why."""

    ok: bool
    version: str
    trouble: str
    jobs: Counts


async def healthcheck(reception: Reception, asked: Asked) -> web.StreamResponse:  # noqa: ARG001 - as all answers
    """Whether the agent works: its folder can be written, and has room. Asks nothing of AWS."""
    counts = reception.jobs.counts()
    trouble = _trouble(reception, counts)
    told = Healthy(ok=not trouble, version=tidewaiter.__version__, trouble=trouble, jobs=counts)
    return document(told, status=_BROKEN if trouble else 200)


async def systemcheck(reception: Reception, asked: Asked) -> web.StreamResponse:
    """What works of all that a scan needs: the role is really taken, the registries are really listed.

    Without credentials, what can be told of the agent by itself. With `callback=try`, also whether the client's port is
    reached.
    """
    entrance = reception.entrance_of(asked)
    tried = await reception.ask(asked, partial(_tried, reception, entrance))
    back = [await way_back(asked, reception.settings.callback, reception.trusting)] if asked.value(CALLBACK) else []
    checks = redacted((_own(reception), *back, *tried), asked.redact)
    ok = all(check.ok for check in checks)
    return document(SystemCheck(ok=ok, checks=checks), status=200 if ok else _BROKEN)


def _own(reception: Reception) -> Probe:
    trouble = _trouble(reception, reception.jobs.counts())
    return Probe(name="agent", ok=not trouble, detail=trouble or "it takes jobs")


def _tried(reception: Reception, entrance: Entrance | None) -> list[Probe]:
    checks: list[Probe] = []
    try:
        if entrance is None:
            checks.append(Probe(name="identity", ok=True, detail=f"it is {reception.entrances.base().identity().arn}"))
        else:
            checks.extend(entrance.probes())
    except TidewaiterError as error:
        checks.append(failed_probe("identity" if not checks else "registries", error))
    return checks


def _trouble(reception: Reception, counts: Counts) -> str:
    """What keeps the agent from taking jobs; "" if nothing does."""
    folder = reception.settings.folder
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} cannot be written"
    return "no room is left for results until some are delivered" if counts.spool_full else ""
