"""Fills in what a connection declares, where a request asks for it, and nothing else."""

import re
from collections.abc import Mapping

from tidewaiter.broker.messages import CREDENTIALS, IDEMPOTENCY, JOB, PLACEHOLDER, SUBSTITUTE
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError

_SAID_BACK = frozenset({IDEMPOTENCY, JOB})
"""Headers that agents repeat in their answers: with a secret in one of them, who asked would have it."""

_VARIABLE = re.compile(r"\$\{([^{}$]*)\}")


def substitute(headers: dict[str, str], variables: Mapping[str, str]) -> None:
    """Fills variables into the headers that `SUBSTITUTE` names, and takes that header away.

    Names of headers are small. Raises BrokerError (refused) for a variable that the connection does not declare, for
    one in a header that agents repeat, and for credentials that are not the connection's own: who asks may use them,
    never choose or see them.
    """
    named = {name.strip().lower() for name in headers.pop(SUBSTITUTE, "").split(",")}
    if repeated := named & _SAID_BACK:
        raise BrokerError(f"the header {min(repeated)} is repeated in answers: nothing is filled in", code=Code.REFUSED)
    if CREDENTIALS in headers and (headers[CREDENTIALS] != PLACEHOLDER or CREDENTIALS not in named):
        raise BrokerError(
            "the request brings credentials of its own",
            advice=f"Send {CREDENTIALS}: {PLACEHOLDER} and name that header in {SUBSTITUTE}.",
            code=Code.REFUSED,
        )
    for name in named & headers.keys():
        headers[name] = _filled(headers[name], variables)


def _filled(value: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: _variable(found[1], variables), value)


def _variable(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        known = ", ".join(sorted(variables))
        raise BrokerError(
            f"the request asks for ${{{name[:64]}}}, which the connection does not declare",
            advice=f"It declares {known}.",
            code=Code.REFUSED,
        )
    return variables[name]
