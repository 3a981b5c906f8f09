"""Where the advisory database and the fleet's memory lie unless the user says otherwise."""

import os


def default_database() -> str:
    """`advisories.db` in the user's data folder."""
    return os.path.join(_data_folder(), "advisories.db")


def default_store() -> str:
    """`fleet.db` in the user's data folder."""
    return os.path.join(_data_folder(), "fleet.db")


def _data_folder() -> str:
    """The user's folder for what programs keep. https://specifications.freedesktop.org/basedir-spec/latest/."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "tidewaiter")
