"""A blueprint as policy documents, each in a file: to be pasted, or put up by tools of one's own.

What is no document, and what has to be known, stands in words in a file beside them.
"""

from collections.abc import Iterable

from tidewaiter.iam.blueprint import Blueprint, Part
from tidewaiter.iam.instructions import documents, file_name, instructions
from tidewaiter.iam.rendered import Rendered


def render(blueprint: Blueprint) -> tuple[Rendered, ...]:
    """All documents, part by part, and the notes."""
    files = (file for part in blueprint.parts for file in _files(part))
    return (*files, Rendered(name="notes.md", part="notes", text=instructions(blueprint)))


def _files(part: Part) -> Iterable[Rendered]:
    for resource in part.resources:
        for name, document in documents(resource):
            yield Rendered(name=file_name(part, name), part=part.name, text=f"{document.text()}\n")
