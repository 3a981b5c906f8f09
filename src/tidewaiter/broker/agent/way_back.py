"""Whether results can go back: the broker client's local port is really asked."""

from ssl import SSLContext

import aiohttp
from yarl import URL

from tidewaiter.broker.agent.callbacks import check_callback
from tidewaiter.broker.agent.reception import Asked
from tidewaiter.broker.causes import cause, is_distrust
from tidewaiter.broker.messages import Probe
from tidewaiter.broker.sessions import new_session
from tidewaiter.errors import BrokerError

NAME = "results"

_WITHIN = 5.0  # seconds
_ANSWERS = (200, 503)  # a client without a tunnel is there all the same
_ADDRESS = "Tell the client how the agent reaches it: --client-url, or BROKER_CLIENT_URL."
_TRUST = "Name the authority of the client's certificate to the agent: --ca-cert."
_PROOF = "Where the client asks agents for a certificate, give the agent one: --https-cert."


async def way_back(asked: Asked, configured: str, tls: SSLContext | None) -> Probe:
    """Whether the port that results would go to is reached and answers. `configured` is the one without secrets."""
    callback = asked.callback
    try:
        check_callback(callback, proven=asked.proven, configured=configured)
        status = await _status(callback, tls)
    except BrokerError as error:
        return Probe(name=NAME, ok=False, detail=error.what, advice=error.advice)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        detail = f"the broker client's port {callback} does not answer: {cause(error)}"
        return Probe(name=NAME, ok=False, detail=detail, advice=_advice(callback, error))
    if status not in _ANSWERS:
        return Probe(
            name=NAME, ok=False, detail=f"{callback} is no broker client: it answers {status}", advice=_ADDRESS
        )
    return Probe(name=NAME, ok=True, detail=f"they go to {callback}")


async def _status(callback: str, tls: SSLContext | None) -> int:
    timeout = aiohttp.ClientTimeout(total=_WITHIN)
    async with new_session(tls) as session:
        url = URL(f"{callback.rstrip('/')}/healthcheck", encoded=True)
        async with session.get(url, timeout=timeout, allow_redirects=False) as answer:
            return answer.status


def _advice(callback: str, error: Exception) -> str:
    if is_distrust(error):
        return _TRUST
    refused = callback.startswith("https") and isinstance(error, aiohttp.ServerDisconnectedError)
    return _PROOF if refused else _ADDRESS
