"""Jobs over HTTP: an image to be looked through, how far that is, and that it is not wanted any more."""

import asyncio
import uuid

import msgspec
from aiohttp import web

from tidewaiter.broker.agent.answers import document
from tidewaiter.broker.agent.callbacks import check_callback
from tidewaiter.broker.agent.lists import digest_of
from tidewaiter.broker.agent.reception import Asked, Reception, deadline_over
from tidewaiter.broker.agent.records import Wanted
from tidewaiter.broker.messages import IDEMPOTENCY, Job, ScanRequest
from tidewaiter.broker.names import JOB_NAME
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError


async def scan(reception: Reception, asked: Asked) -> web.StreamResponse:
    """Take an image to look through, and say which job that is. The same key names the same job."""
    entrance = reception.enter(asked)
    image = await _image(asked)
    callback = asked.callback
    check_callback(callback, proven=asked.proven, configured=reception.settings.callback)
    key = _key(asked)
    api = await reception.ask(asked, lambda: entrance.registry(image.registry))
    wanted = Wanted(image=image, api=api, connection=asked.connection, callback=callback, redact=entrance.redact)
    return document(await reception.jobs.submit(key, wanted), status=202)


async def progress(reception: Reception, asked: Asked) -> web.StreamResponse:
    """How far a job of this connection is."""
    return document(_known(reception.jobs.state(asked.connection, asked.rest)))


async def cancel(reception: Reception, asked: Asked) -> web.StreamResponse:
    """Do a job of this connection no more; its result, if there is one, goes."""
    return document(_known(await reception.jobs.cancel(asked.connection, asked.rest)))


def _known(job: Job | None) -> Job:
    if job is None:
        advice = "It was never taken, or is over long ago: post the scan again."
        raise BrokerError("the connection has no such job", advice=advice, code=Code.NOT_FOUND)
    return job


async def _image(asked: Asked) -> ScanRequest:
    """The image that the body names. Raises BrokerError."""
    try:
        async with asyncio.timeout_at(asked.ends):
            body = await asked.request.read()
        image = msgspec.json.decode(body, type=ScanRequest)
    except TimeoutError:
        raise deadline_over() from None
    except web.HTTPRequestEntityTooLarge:
        raise BrokerError("the body is too large for a scan request", code=Code.TOO_LARGE) from None
    except msgspec.MsgspecError as error:
        raise BrokerError(f"the body is no scan request: {error}", code=Code.MALFORMED) from None
    digest_of(str(image.digest))
    if not image.registry or not image.repository:
        raise BrokerError("the body is no scan request: it names no registry or repository", code=Code.MALFORMED)
    return image


def _key(asked: Asked) -> str:
    """The key of the request; one of its own where it has none, so that it names no other job."""
    key = asked.request.headers.get(IDEMPOTENCY, "") or uuid.uuid4().hex
    if not JOB_NAME.fullmatch(key):
        advice = "It has at most 200 letters, digits and `._~:-`, a letter or digit first."
        raise BrokerError(f"the header {IDEMPOTENCY} cannot name a job", advice=advice, code=Code.MALFORMED)
    return key
