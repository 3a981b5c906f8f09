"""A file that a blueprint is rendered to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One file: its name without a folder, the part that it puts up, and its text, which may hold external IDs."""

    name: str
    part: str
    text: str = field(repr=False)
