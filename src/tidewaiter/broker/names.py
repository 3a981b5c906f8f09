"""What connections and jobs can be called: the same for all who name them."""

import re
from typing import Final

CONNECTION_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CONNECTION_RULE: Final = "Take small letters, digits and hyphens, at most 63, the first of them no hyphen"

JOB_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:-]{0,199}")
"""A segment of a path, as it is."""

_LONGEST: Final = 63


def shown(name: str) -> str:
    """What somebody gives as a name, as far as it is told in logs and errors."""
    return name[:_LONGEST]
