"""A file that a blueprint is rendered to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One file: its name, the part that it puts up, and its text, which may hold external IDs.

    The name is a path below the folder that all are put into (`base.yaml`); where a format takes a whole folder for
    one thing, as Terraform does, each has a folder of its own (`base/main.tf`).
    """

    name: str
    part: str
    text: str = field(repr=False)
