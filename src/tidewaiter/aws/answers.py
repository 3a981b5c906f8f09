"""Answers of AWS turned into types where they come in: no dictionary of boto3 travels further."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tidewaiter.errors import CloudError

_T = TypeVar("_T")


def typed(answer: Mapping[str, Any], kind: type[_T], *, action: str) -> _T:
    """The answer as a `kind`, a msgspec structure. Raises CloudError that says which part is not as documented."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise CloudError(f"AWS answered {action} otherwise than its documentation says: {error}") from None
