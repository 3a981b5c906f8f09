"""What all schemes share: a version is text of bounded length in a known form, or it is refused."""

import re

from tidewaiter.errors import VersionError

# No publisher comes near it. It keeps hostile versions cheap, and digits few enough for int(), which refuses thousands.
LONGEST = 1024


def parse(form: re.Pattern[str], version: str, scheme: str) -> re.Match[str]:
    """The match of the whole version in the scheme's form; raises VersionError where there is none."""
    found = form.fullmatch(version) if len(version) <= LONGEST else None
    if found is None:
        raise refusal(version, scheme)
    return found


def refusal(version: str, scheme: str) -> VersionError:
    """The error to raise for what is no version of the scheme. `scheme` is the name that a user knows."""
    shown = version if len(version) <= LONGEST else f"{version[:40]}… ({len(version)} characters)"
    return VersionError(f"{shown!r} is no version as {scheme} writes them")
