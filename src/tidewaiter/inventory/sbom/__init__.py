"""Inventories that somebody wrote before: SBOMs of any tool, and tidewaiter's own documents."""

from tidewaiter.inventory.sbom.reader import CEILING, read_inventories, read_sbom

__all__ = ["CEILING", "read_inventories", "read_sbom"]
