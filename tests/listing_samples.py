"""Lines of listings, and of indexes, whose digests tell their names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.image import Descriptor, Digest, Platform

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(name: str) -> Digest:
    return Digest("sha256", name.encode().hex().ljust(64, "0"))


def named(digest: Digest) -> str:
    return bytes.fromhex(digest.hex).decode().rstrip("\0")


def image(name: str, *tags: str, day: int = 0, **more: object) -> ImageDetail:
    """A line of a listing, pushed so many days after the year began."""
    pushed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    line = ImageDetail(digest=digest(name), tags=tags, media_type=OCI, pushed=pushed)
    return replace(line, **more)  # type: ignore[arg-type]  # the fields of ImageDetail


def index(name: str, *tags: str, day: int = 0, **more: object) -> ImageDetail:
    return replace(image(name, *tags, day=day, **more), media_type=INDEX)


def child(name: str, platform: str = "linux/amd64", media_type: str = OCI) -> Descriptor:
    parsed = Platform.parse(platform) if platform else None
    return Descriptor(media_type=media_type, digest=digest(name), size=1, platform=parsed)


MULTI_LISTED = (index("multi", "v1", day=2), image("amd", day=1), image("arm", day=1), image("att", day=1))
