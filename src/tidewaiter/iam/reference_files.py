"""What another system's documentation grants, as files: its documents, and the notes on them."""

from collections.abc import Iterable, Iterator

from tidewaiter.iam.reference import Cited, Reference, Remark
from tidewaiter.iam.rendered import Rendered

_NOTES = "notes.txt"


def render(reference: Reference) -> tuple[Rendered, ...]:
    """Each document as JSON, then a text with what AWS' own policies it attaches, what is needless, what is missing."""
    documents = (
        Rendered(name=_file_name(cited), part=cited.identity, text=f"{cited.document.text()}\n")
        for cited in reference.documents
    )
    return (*documents, Rendered(name=_NOTES, part="notes", text="\n".join(_notes(reference)) + "\n"))


def _file_name(cited: Cited) -> str:
    kind = "trust" if cited.kind == "trust policy" else "policy"
    return f"{cited.name.replace(',', '').replace(' ', '-')}-{kind}.json"


def _notes(reference: Reference) -> Iterator[str]:
    yield reference.title
    yield from _section(
        "Documents",
        (f"{_file_name(each)}, {each.kind} of {each.identity}: {each.says}" for each in reference.documents),
    )
    yield from _section(
        "AWS managed policies", (f"{each.arn} for {each.identity}: {each.says}" for each in reference.managed)
    )
    yield from _section("Needless, and why", map(_told, reference.needless))
    yield from _section("Missing", map(_told, reference.missing))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    several = list(lines)
    if several:
        yield ""
        yield title
        yield from (f"- {line}" for line in several)


def _told(remark: Remark) -> str:
    return f"{', '.join(remark.about)}: {remark.why}"
