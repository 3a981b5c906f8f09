"""The one list of extractors."""

from tidewaiter.inventory.apk import Apk
from tidewaiter.inventory.distro import DistroFiles
from tidewaiter.inventory.dpkg import Dpkg
from tidewaiter.inventory.extractor import Extractor
from tidewaiter.inventory.rpm import Rpm

EXTRACTORS: tuple[Extractor, ...] = (DistroFiles(), Dpkg(), Apk(), Rpm())
"""All that look at an image. A new one is listed here, and nowhere else."""

_TREE_VERSION = 1
"""Raised when a layer's names are noted in another way."""


def fingerprint(extractors: tuple[Extractor, ...]) -> str:
    """What a stored inventory depends on: the extractors and their versions, in one word."""
    return "+".join([f"tree.{_TREE_VERSION}", *sorted(f"{each.name}.{each.version}" for each in extractors)])


FINGERPRINT = fingerprint(EXTRACTORS)
