"""Scripts that put a blueprint up with the AWS command line: one a part, to be run as often as one likes.

https://docs.aws.amazon.com/cli/latest/userguide/
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tidewaiter.iam import aws_cli_functions as functions
from tidewaiter.iam.aws_cli_documents import REGION, Documents, function, word
from tidewaiter.iam.blueprint import (
    Attachment,
    Blueprint,
    InstanceProfile,
    OidcProvider,
    Part,
    PodIdentity,
    Policy,
    PullTimeExclusion,
    PushEvents,
    Resource,
    Role,
    User,
)
from tidewaiter.iam.comments import comment
from tidewaiter.iam.rendered import Rendered

_SHEBANG: Final = "#!/usr/bin/env bash\n"
_NAME: Final = re.compile(r"^(\w+)\(\) \{", re.MULTILINE)

_KEEP: Final = "External IDs stand in this file: keep it where secrets are kept."


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """The scripts in the order in which they are run. A part without resources has none."""
    parts = [part for part in blueprint.parts if part.resources]
    return tuple(
        Rendered(
            name=f"{part.name}.sh",
            part=part.name,
            text=_text(part, blueprint.partition, blueprint.notes if place == 0 else ()),
        )
        for place, part in enumerate(parts)
    )


def _text(part: Part, partition: str, notes: Iterable[str]) -> str:
    sections = _Script(part, partition).sections()
    secret = [_KEEP] if any('"sts:ExternalId"' in section for section in sections) else []
    heading = "".join(f"{line}\n" for line in _heading(part, [*notes, *part.notes, *secret]))
    return "\n".join([_SHEBANG + heading, functions.BEGINNING, *sections])


def _heading(part: Part, notes: Iterable[str]) -> Iterator[str]:
    """What stands above a script: where it belongs, what is to be done by hand, and how it is run."""
    place = "this account" if part.account else "each of these accounts in turn"
    name = f"{part.name}.sh"
    uses = (
        f"Run it with credentials of {place} that may change what it holds, and again after each change:",
        f"  DRY_RUN=1 bash {name}  # shows what it would do\n  bash {name}",
    )
    for text in [f"For {part.where}.", *notes, *uses]:
        yield "#"
        yield from comment(text)


class _Script:
    """Writes one script, in sections: the functions that it needs, its documents, what it does."""

    def __init__(self, part: Part, partition: str) -> None:
        self._part = part
        self._documents = Documents(part, partition)
        self._functions: dict[str, None] = {}
        self._texts: dict[str, str] = {}

    def sections(self) -> list[str]:
        """All of it, but for what every script begins with."""
        commands = [line for resource in self._part.resources for line in self._commands(resource)]
        told = [f"printf 'in place: %s\\n' {arn}" for arn in self._made()]
        texts = ["".join(f"{line}\n" for line in function(name, text)) for name, text in self._texts.items()]
        done = "".join(f"{line}\n" for line in [*commands, *_unless_dry(told)])
        return [*self._checks(), *self._functions, *texts, done]

    def _checks(self) -> list[str]:
        """That it runs in the right account, where only one is right."""
        if not self._part.account:
            return []
        return [f"readonly wanted={word(self._part.account)}\n{functions.IN_ACCOUNT}"]

    def _commands(self, resource: Resource) -> Iterator[str]:
        match resource:
            case Role():
                yield from self._role(resource)
            case User(name=name, policies=policies):
                yield self._call(functions.PUT_USER, name)
                yield from self._policies("user", name, policies)
                yield self._others("user", name, policies)
            case Attachment(principal_arn=arn, policies=policies):
                kind, _, name = arn.rpartition(":")[2].partition("/")
                yield from self._policies(kind, name.rpartition("/")[2], policies)
            case InstanceProfile(name=name, role=role):
                yield self._call(functions.PUT_INSTANCE_PROFILE, name, role)
            case OidcProvider(issuer=issuer, audience=audience):
                arn = self._documents.principal(f"oidc-provider/{issuer}")
                yield self._call(functions.PUT_OIDC_PROVIDER, arn, issuer, audience)
            case PodIdentity():
                yield self._pod_identity(resource)
            case PullTimeExclusion(principal_arn=arn, regions=regions):
                principal = self._documents.principal(arn)
                yield from _in_each(regions, self._call(functions.EXCLUDE_PULLS, REGION, principal))
            case PushEvents():
                yield from _in_each(self._part.regions, self._push_events(resource))

    def _role(self, role: Role) -> Iterator[str]:
        trust = self._printed(f"{role.name} trust", self._documents.placed(role.trust).text())
        yield f"{self._call(functions.PUT_ROLE, role.name, role.description, str(role.max_session))} {trust}"
        yield from self._policies("role", role.name, role.policies)
        yield self._others("role", role.name, role.policies)

    def _policies(self, kind: str, owner: str, policies: Sequence[Policy]) -> Iterator[str]:
        """Inline policies of a role or user."""
        for policy in policies:
            document = self._printed(f"{owner} {policy.name}", self._documents.placed(policy.document).text())
            yield f"{self._call(functions.PUT_POLICY, kind, owner, policy.name)} {document}"

    def _others(self, kind: str, owner: str, policies: Sequence[Policy]) -> str:
        return self._call(functions.TELL_OTHERS, kind, owner, *(policy.name for policy in policies))

    def _pod_identity(self, identity: PodIdentity) -> str:
        role = self._documents.principal(f"role/{identity.role}")
        tags = "--no-disable-session-tags" if identity.session_tags else "--disable-session-tags"
        place = (identity.cluster, identity.namespace, identity.service_account)
        return self._call(functions.PUT_POD_IDENTITY, *place, role, tags)

    def _push_events(self, events: PushEvents) -> str:
        arn = self._documents.queue(events.queue)
        policy = self._documents.placed(events.queue_policy)
        attributes = json.dumps({"Policy": json.dumps(policy.written())}, indent=2)
        pattern = self._printed(f"{events.rule} pattern", events.pattern)
        told = self._call(functions.PUT_PUSH_EVENTS, REGION, events.rule)
        queue = " ".join(map(word, (events.queue, arn)))
        return f"{told} {pattern} {queue} {self._printed(f'{events.queue} attributes', attributes)}"

    def _made(self) -> Iterator[str]:
        """The ARNs of what others have to know of, as words."""
        for each in self._part.resources:
            match each:
                case Role(name=name):
                    yield word(self._documents.principal(f"role/{name}"))
                case User(name=name):
                    yield word(self._documents.principal(f"user/{name}"))
                case _:
                    """Nobody asks for it."""

    def _call(self, text: str, *arguments: str) -> str:
        """A call of a function, which is written into the script once."""
        self._functions[text] = None
        found = _NAME.search(text)
        assert found, "the text of a function has its name"
        return " ".join([found[1], *map(word, arguments)])

    def _printed(self, name: str, text: str) -> str:
        """A document as a word: what a function prints, of which there is one for each document."""
        label = re.sub(r"[^0-9a-z]+", "_", f"json {name}".lower()).strip("_")
        number = 1
        while self._texts.setdefault(label if number == 1 else f"{label}_{number}", text) != text:
            number += 1
        return f'"$({label if number == 1 else f"{label}_{number}"})"'


def _in_each(regions: Sequence[str], command: str) -> Iterator[str]:
    if len(regions) == 1:
        yield f"region={word(regions[0])}"
        yield command
        return
    yield f"for region in {' '.join(map(word, regions))}; do"
    yield f"  {command}"
    yield "done"


def _unless_dry(commands: Sequence[str]) -> Iterator[str]:
    """Commands that tell what was done."""
    if commands:
        yield 'if [[ -z "${DRY_RUN:-}" ]]; then'
        yield from (f"  {command}" for command in commands)
        yield "fi"
