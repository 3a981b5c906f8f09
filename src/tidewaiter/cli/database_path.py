"""Where the advisory database lies unless the user says otherwise."""

import os


def default_database() -> str:
    """`advisories.db` in the user's data folder. https://specifications.freedesktop.org/basedir-spec/latest/."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "tidewaiter", "advisories.db")
