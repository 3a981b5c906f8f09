"""Installed rpm packages, read without librpm: its databases of three formats, and distroless images' manifests."""

from tidewaiter.inventory.rpm.extractor import Rpm

__all__ = ["Rpm"]
