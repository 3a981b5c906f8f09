"""Policies as IAM gives them back, read as far as their width has to be judged.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidewaiter.aws.answers import typed
from tidewaiter.errors import CloudError

ANYBODY = "*"


class Statement(msgspec.Struct, frozen=True, rename="pascal"):
    """One statement; a single value may stand without its list."""

    effect: str = ""
    action: str | list[str] = []
    not_action: str | list[str] = []
    resource: str | list[str] = []
    principal: str | dict[str, str | list[str]] = {}
    condition: dict[str, dict[str, Any]] = {}

    @property
    def actions(self) -> list[str]:
        """The actions that it names."""
        return listed(self.action)

    @property
    def resources(self) -> list[str]:
        """The resources that it names."""
        return listed(self.resource)

    @property
    def allows(self) -> bool:
        """Whether it allows something, and does not deny it."""
        return self.effect == "Allow"

    def principals(self, kind: str) -> list[str]:
        """Those of a kind (`AWS`, `Federated`) that it names; anybody is of every kind."""
        if isinstance(self.principal, str):
            return [self.principal]
        return listed(self.principal.get(kind, []))

    def tests(self) -> Iterator[tuple[str, str, list[str]]]:
        """The operator, key (in small letters) and values of each condition."""
        for operator, lines in self.condition.items():
            for key, values in lines.items():
                yield operator, key.lower(), [str(value) for value in listed(values)]


class _Document(msgspec.Struct, frozen=True, rename="pascal"):
    statement: Statement | list[Statement] = []


def statements(document: object, *, action: str) -> tuple[Statement, ...]:
    """The statements of a document, decoded or as JSON. Raises CloudError for what `action` answered and is none."""
    if isinstance(document, str):
        try:
            document = msgspec.json.decode(document)
        except msgspec.DecodeError as error:
            raise CloudError(f"AWS answered {action} with a policy that is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise CloudError(f"AWS answered {action} with a policy that is no document")
    read = typed(document, _Document, action=action).statement
    return tuple(read) if isinstance(read, list) else (read,)


def listed(value: Any) -> list[Any]:
    """A value that may stand without its list, as a list."""
    return list(value) if isinstance(value, list) else [value]
