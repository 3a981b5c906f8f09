"""What a script says to AWS: policy documents and words, with the account and the region as they are where it runs."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tidewaiter.iam.blueprint import ANY_PLACE, Part
from tidewaiter.iam.documents import Document, Principal, Statement

ACCOUNT: Final = "{ACCOUNT}"
REGION: Final = "{REGION}"
"""Stand for the script's variables of these names. No name, ARN or external ID has braces in it."""

_PLACES: Final[Mapping[str, str]] = {ACCOUNT: '"$account"', REGION: '"$region"'}
_PLACE: Final = re.compile("|".join(map(re.escape, _PLACES)))
_FIELDS: Final = 6
"""Of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""


def word(text: str) -> str:
    """The text as one word of bash, whatever is in it, with the places filled in."""
    pieces = [shlex.quote(piece) if piece else "" for piece in _PLACE.split(text)]
    places = [_PLACES[found] for found in _PLACE.findall(text)]
    return "".join(piece + place for piece, place in zip(pieces, [*places, ""], strict=True)) or "''"


def function(name: str, text: str) -> Iterator[str]:
    """A function of bash that prints a document, with the places filled in."""
    used = [place for place in _PLACES if place in text]
    filled = " ".join(f'-e "s/{place}/${place.strip("{}").lower()}/g"' for place in used)
    yield f"{name}() {{"
    yield f"  sed {filled} <<'JSON'" if used else "  cat <<'JSON'"
    yield text
    yield "JSON"
    yield "}"


class Documents:
    """Puts the places of a part into its documents and ARNs."""

    def __init__(self, part: Part, partition: str) -> None:
        self._part = part
        self._partition = partition

    @property
    def account(self) -> str:
        """The account of the part."""
        return self._part.account or ACCOUNT

    def placed(self, document: Document) -> Document:
        """The document, of this account and region where it was of any."""
        return Document(statements=tuple(map(self._statement, document.statements)))

    def principal(self, arn: str) -> str:
        """The ARN of a role or user of this account."""
        return f"arn:{self._partition}:iam::{self.account}:{arn.rpartition(':')[2]}"

    def queue(self, name: str) -> str:
        """The ARN of a queue of this account and region."""
        return f"arn:{self._partition}:sqs:{REGION}:{self.account}:{name}"

    def arn(self, arn: str) -> str:
        """An ARN, of this account and region where it was of any and the part is for many."""
        fields = arn.split(":", _FIELDS - 1)
        if len(fields) < _FIELDS or fields[:2] != ["arn", self._partition]:
            return arn
        _, _, service, region, account, named = fields
        here = account == ANY_PLACE and not self._part.account
        there = region == ANY_PLACE and bool(self._part.regions)
        places = [REGION if there else region, ACCOUNT if here else account]
        return ":".join(["arn", self._partition, service, *places, named])

    def _statement(self, statement: Statement) -> Statement:
        conditions = (replace(each, values=self._all(each.values)) for each in statement.conditions)
        principal = statement.principal
        named = principal and Principal(kind=principal.kind, names=self._all(principal.names))
        resources = self._all(statement.resources)
        return replace(statement, resources=resources, principal=named, conditions=tuple(conditions))

    def _all(self, arns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(self.arn, arns))
