"""The connections file: which registries a broker client or agent enters, and for which connections of the platform.

    connections:
      - name: payments
        token_file: /run/secrets/payments-token
        role_arn: arn:aws:iam::111122223333:role/tidewaiter
        external_id_env: PAYMENTS_EXTERNAL_ID
        regions: [eu-west-1, us-east-1]
      - token_env: HUB_TOKEN
        type: docker-hub
        username: reader
        password_file: /run/secrets/hub-password

A secret stands in the file itself, in a file of its own (`…_file`) or in the environment (`…_env`).
"""

import os
from collections.abc import Iterable

import msgspec

from tidewaiter.broker.client.settings import Connection
from tidewaiter.broker.credentials import ECR, TYPES, decode
from tidewaiter.broker.messages import Credentials, Extra
from tidewaiter.broker.names import CONNECTION_NAME, CONNECTION_RULE
from tidewaiter.broker.wire import TOKENS_MOST
from tidewaiter.cli.documents import misfit, read_list
from tidewaiter.errors import BrokerError, UsageError

_LARGEST = 64 << 10  # bytes: a file with one secret


class Entry(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A connection as it is written down. Without `regions`: all that the account has enabled."""

    name: str = ""
    token: str = ""
    token_file: str = ""
    token_env: str = ""
    type: str = ECR
    role_arn: str = ""
    external_id: str = ""
    external_id_file: str = ""
    external_id_env: str = ""
    region: str = ""
    regions: tuple[str, ...] = ()
    username: str = ""
    password: str = ""
    password_file: str = ""
    password_env: str = ""
    registry_token: str = ""
    registry_token_file: str = ""
    registry_token_env: str = ""
    credentials: str = ""
    credentials_file: str = ""
    credentials_env: str = ""
    base: str = ""
    repositories: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Entry(name={self.name!r}, type={self.type!r}, …)"


_KNOWN = f"Known are {', '.join(Entry.__struct_fields__)}."


def read_connections(path: str) -> tuple[Connection, ...]:
    """The connections that the file lists. Raises UsageError, which says file, entry and field, and no secret."""
    try:
        entries = msgspec.convert(read_list(path, "connections"), tuple[Entry, ...])
    except msgspec.ValidationError as error:
        raise misfit(str(error), f"{path}: connections", known=_KNOWN) from None
    if not entries:
        raise UsageError("it lists no connections", where=path)
    if len(entries) > TOKENS_MOST:
        advice = "Put the rest into another file, for another client"
        raise UsageError(f"it lists more than {TOKENS_MOST} connections", where=path, advice=advice)
    found = tuple(connection_of(entry, f"{path}: connections[{at}]") for at, entry in enumerate(entries))
    _demand_distinct((connection.token for connection in found), "token", path)
    _demand_distinct((connection.name for connection in found), "name", path)
    return found


def connection_of(entry: Entry, where: str) -> Connection:
    """The connection that an entry means; `where` is where it stands, for messages. Raises UsageError."""
    if entry.name and not CONNECTION_NAME.fullmatch(entry.name):
        raise UsageError("not a name of a connection", where=f"{where}.name", advice=CONNECTION_RULE)
    token = _secret(entry, "token", where)
    if not token:
        advice = "`tidewaiter broker connections create NAME` on the platform shows it once."
        raise UsageError("there is no token, token_file or token_env", where=where, advice=advice)
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("holds what cannot be in a token", where=f"{where}.token")
    encoded = _secret(entry, "credentials", where)
    credentials = _decoded(encoded, where) if encoded else _credentials(entry, where)
    return Connection(token=token, credentials=credentials, name=entry.name, encoded=encoded)


def _decoded(encoded: str, where: str) -> Credentials:
    try:
        return decode(encoded)
    except BrokerError as error:
        raise UsageError(error.what, where=f"{where}.credentials", advice=error.advice) from None


def _credentials(entry: Entry, where: str) -> Credentials:
    _demand_fitting(entry, where)
    regions = tuple(dict.fromkeys((*filter(None, [entry.region]), *entry.regions)))
    return Credentials(
        type=entry.type.lower(),
        role_arn=entry.role_arn,
        username=entry.username,
        password=_secret(entry, "password", where),
        token=_secret(entry, "registry_token", where),
        registry_base=entry.base,
        extra=Extra(
            region=regions[0] if regions else "", external_id=_secret(entry, "external_id", where), regions=regions
        ),
        repositories=entry.repositories,
    )


_OF_A_ROLE = ("role_arn", "external_id", "region", "regions")
_OF_A_LOGIN = ("username", "password", "registry_token", "base", "repositories")


def _demand_fitting(entry: Entry, where: str) -> None:
    """Raise UsageError for an unknown type, and for fields that mean nothing for it."""
    kind = entry.type.lower()
    if kind not in TYPES:
        raise UsageError("no known type of registry", where=f"{where}.type", advice=f"Known are {', '.join(TYPES)}.")
    foreign = _OF_A_LOGIN if kind == ECR else _OF_A_ROLE
    for field in entry.__struct_fields__:
        if getattr(entry, field) and field.removesuffix("_file").removesuffix("_env") in foreign:
            what = "a role" if kind == ECR else "a user name and password, or a token"
            raise UsageError(f"means nothing here: {kind} is entered with {what}", where=f"{where}.{field}")


def _secret(entry: Entry, field: str, where: str) -> str:
    """The secret, from where the entry says that it is; "" where it says nothing."""
    named = [end for end in ("", "_file", "_env") if getattr(entry, field + end)]
    if len(named) > 1:
        raise UsageError(f"{field} is given more than once: {', '.join(field + end for end in named)}", where=where)
    if not named:
        return ""
    value: str = getattr(entry, field + named[0])
    place = f"{where}.{field}{named[0]}"
    if named[0] == "_file":
        value = _from_file(value, place)
    elif named[0] == "_env":
        value = _from_environment(value, place)
    if not value.isprintable():
        raise UsageError("holds control characters", where=place)
    return value


def _from_file(path: str, where: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            value = file.read(_LARGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', 'not UTF-8')}", where=where) from None
    if not value:
        raise UsageError(f"{path} is empty", where=where)
    return value


def _from_environment(name: str, where: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise UsageError(f"the environment has no variable {name}", where=where)
    return value


def _demand_distinct(values: Iterable[str], field: str, path: str) -> None:
    seen: dict[str, int] = {}
    for at, value in enumerate(values):
        if value and value in seen:
            raise UsageError(f"has the same {field} as connections[{seen[value]}]", where=f"{path}: connections[{at}]")
        seen[value] = at
