"""Versions of Python packages, as PEP 440 orders them."""

from packaging.version import InvalidVersion, Version

from tidewaiter.versions.syntax import LONGEST, refusal

_SCHEME = "PEP 440"


def compare_key(version: str) -> Version:
    """The sort key of a Python version.

    Raises VersionError for what PEP 440 does not allow; so for the legacy versions that setuptools once ordered.
    Order: https://packaging.python.org/en/latest/specifications/version-specifiers/
    """
    if len(version) > LONGEST:
        raise refusal(version, _SCHEME)
    try:
        return Version(version)
    except InvalidVersion as error:
        raise refusal(version, _SCHEME) from error
