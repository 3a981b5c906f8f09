"""Every way in which one thing can be missing from a policy document, or one thing can be wider than it was."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

NOBODY = "tidewaiter-nobody"
"""The name, in place of the one that is meant, of a role, user or provider that there is not; a wrong external ID."""


class Change(StrEnum):
    """What is another one: the first are about what is allowed, all others about trust."""

    ACTION = "without the action"
    STATEMENT = "without the statement"
    RESOURCE = "without the resource"
    DOCUMENT = "without the document"
    STRANGER = "trusts another than"
    ANYBODY = "trusts anybody, not only"
    ACCOUNT = "trusts the whole account, not only"
    CONDITION = "without the condition"
    VALUE = "without the value"
    UNASKED = "without trust for the action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A file's document with one thing changed, None for none. `lost` are the actions that are allowed no more."""

    file: str
    change: Change
    what: str
    document: Json | None = field(repr=False)
    lost: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.file} {self.change} {self.what}".rstrip()


def mutations(file: str, document: Json) -> Iterator[Mutation]:
    """All of a document: of an identity's policy, or of a trust policy."""
    if any("Principal" in statement for statement in document["Statement"]):
        yield from _of_trust(file, document)
    else:
        yield from _of_rights(file, document)


def _of_rights(file: str, document: Json) -> Iterator[Mutation]:
    everything = frozenset(action for each in document["Statement"] for action in _listed(each["Action"]))
    yield Mutation(file=file, change=Change.DOCUMENT, what="", document=None, lost=everything)
    for place, statement in enumerate(document["Statement"]):
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        if len(document["Statement"]) > 1:
            left = _without(document, place)
            yield Mutation(
                file=file, change=Change.STATEMENT, what=statement["Sid"], document=left, lost=frozenset(actions)
            )
        if len(actions) > 1:
            for action in actions:
                left = _with(document, place, Action=[each for each in actions if each != action])
                yield Mutation(file=file, change=Change.ACTION, what=action, document=left, lost=frozenset({action}))
        if len(resources) > 1:
            for resource in resources:
                left = _with(document, place, Resource=[each for each in resources if each != resource])
                yield Mutation(
                    file=file,
                    change=Change.RESOURCE,
                    what=f"{resource} of {statement['Sid']}",
                    document=left,
                    lost=frozenset(actions),
                )


def _of_trust(file: str, document: Json) -> Iterator[Mutation]:
    for place, statement in enumerate(document["Statement"]):
        yield from _of_principals(file, document, place, statement["Principal"])
        actions = _listed(statement["Action"])
        for action in actions if len(actions) > 1 else ():
            left = _with(document, place, Action=[each for each in actions if each != action])
            yield Mutation(file=file, change=Change.UNASKED, what=action, document=left, lost=frozenset({action}))
        tests = statement.get("Condition", {})
        for operator, lines in tests.items():
            for key, values in lines.items():
                yield from _of_condition(file, document, place, operator, key, _listed(values))


def _of_principals(file: str, document: Json, place: int, principal: Json) -> Iterator[Mutation]:
    ((kind, name),) = principal.items()
    others: dict[Change, str] = {Change.STRANGER: _stranger(kind, name)}
    if kind == "AWS":
        others |= {Change.ANYBODY: "*", Change.ACCOUNT: f"{name.rpartition(':')[0]}:root"}
    for change, other in others.items():
        left = _with(document, place, Principal={kind: other})
        yield Mutation(file=file, change=change, what=name, document=left)


def _stranger(kind: str, name: str) -> str:
    return "lambda.amazonaws.com" if kind == "Service" else f"{name.rpartition('/')[0]}/{NOBODY}"


def _of_condition(
    file: str, document: Json, place: int, operator: str, key: str, values: list[str]
) -> Iterator[Mutation]:
    def changed(change: Callable[[Json], None]) -> Json:
        found = deepcopy(document)
        change(found["Statement"][place]["Condition"])
        return found

    def drop(tests: Json) -> None:
        del tests[operator][key]
        if not tests[operator]:
            del tests[operator]

    yield Mutation(file=file, change=Change.CONDITION, what=f"{operator} {key}", document=changed(drop))
    for value in values:
        others = [each for each in values if each != value] or [f"{NOBODY}:{value}"]

        def swap(tests: Json, others: list[str] = others) -> None:
            tests[operator][key] = others

        yield Mutation(file=file, change=Change.VALUE, what=value, document=changed(swap))


def _with(document: Json, place: int, **fields: Any) -> Json:
    found = deepcopy(document)
    found["Statement"][place] |= fields
    return found


def _without(document: Json, place: int) -> Json:
    found = deepcopy(document)
    del found["Statement"][place]
    return found


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
