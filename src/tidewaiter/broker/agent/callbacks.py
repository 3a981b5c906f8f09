"""Where results go: to the client that asks, and nowhere that somebody who is not known may name."""

from functools import lru_cache
from urllib.parse import urlsplit

from tidewaiter.broker.tls import is_loopback
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError


def check_callback(callback: str, *, proven: bool, configured: str) -> None:
    """Raises BrokerError where results cannot, or must not, go to this base URL.

    Who has `proven` to know the secret may name any; others the `configured` one, and those on this machine.
    """
    if not callback:
        advice = "Start the agent with --callback, the URL of the broker client's port."
        raise BrokerError("the request does not say where its result goes", advice=advice, code=Code.MALFORMED)
    host = _host(callback)
    if not host:
        raise BrokerError("the callback is no URL of http or https", code=Code.MALFORMED)
    if not proven and callback != configured and not is_loopback(host):
        advice = "Give agent and client a secret, or start the agent with --callback."
        raise BrokerError(
            "results go to this machine only, as nobody proves who asks", advice=advice, code=Code.REFUSED
        )


@lru_cache(maxsize=1024)
def _host(callback: str) -> str:
    """The host of a base URL; "" for what is none."""
    try:
        address = urlsplit(callback)
        port = address.port
    except ValueError:
        return ""
    plain = not (address.query or address.fragment or "@" in address.netloc)
    return (address.hostname or "") if plain and address.scheme in ("http", "https") and port != 0 else ""
