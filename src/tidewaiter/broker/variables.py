"""Placeholders of rules files: `${NAME}`, filled from a closed list, never from the environment."""

import re
from collections.abc import Mapping
from typing import Final

from tidewaiter.errors import UsageError

_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]*)\}")


def filled(text: str, variables: Mapping[str, str], *, where: str) -> str:
    """The text with the values of its placeholders. What a value holds is not looked at again.

    Raises UsageError for a variable that is not among those given.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in variables:
            known = ", ".join(sorted(variables)) or "none"
            raise UsageError(f"${{{name}}} is not declared", where=where, advice=f"Declared are {known}")
        return variables[name]

    return _PLACEHOLDER.sub(value, text)
