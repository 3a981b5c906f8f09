"""The accounts file: which roles to take, with which external IDs, and which regions to look through.

    accounts:
      - role_arn: arn:aws:iam::111122223333:role/tidewaiter
        external_id: …
        regions: [eu-west-1, us-east-1]

YAML, JSON or TOML (`[[accounts]]`), by the end of its name; in YAML and JSON the list may stand alone. Nothing of its
content is told in an error: an external ID is a secret.
"""

from typing import TYPE_CHECKING

import msgspec

from tidewaiter.cli.documents import misfit, read_list
from tidewaiter.errors import UsageError

if TYPE_CHECKING:  # what asks AWS is imported only where it is asked
    from tidewaiter.aws.targets import AccountRequest

_KNOWN = "Known are role_arn, external_id, regions, session_name and duration."


class _Entry(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An account; without `role_arn` that of the identity itself, without `regions` all that it has enabled."""

    role_arn: str = ""
    external_id: str = ""
    regions: tuple[str, ...] = ()
    session_name: str = "tidewaiter"
    duration: int = 3600


def read_accounts(path: str) -> "tuple[AccountRequest, ...]":
    """The accounts that the file lists, each once. Raises UsageError, which says where and what is wrong."""
    from tidewaiter.aws.targets import AccountRequest

    entries = _entries(path)
    if not entries:
        raise UsageError("it lists no accounts", where=path)
    return tuple(AccountRequest(**msgspec.structs.asdict(entry)) for entry in dict.fromkeys(entries))


def _entries(path: str) -> tuple[_Entry, ...]:
    try:
        return msgspec.convert(read_list(path, "accounts"), tuple[_Entry, ...])
    except msgspec.ValidationError as error:
        raise misfit(str(error), f"{path}: accounts", known=_KNOWN) from None
