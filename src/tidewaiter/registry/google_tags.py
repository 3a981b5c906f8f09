"""What Google's registries tell in their list of tags: all manifests with their times, and the names below it."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from tidewaiter.errors import MalformedError

_Tag = Annotated[str, msgspec.Meta(max_length=128)]


class GoogleManifest(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest as it is listed: `size` of its image in bytes and `uploaded` in milliseconds since 1970, in digits."""

    size: str = msgspec.field(name="imageSizeBytes", default="")
    uploaded: str = msgspec.field(name="timeUploadedMs", default="")
    media_type: str = ""
    tag: tuple[_Tag, ...] | None = None

    @property
    def image_size(self) -> int:
        """Bytes, 0 where that is not told."""
        return int(self.size) if self.size.isdecimal() else 0

    @property
    def pushed(self) -> datetime | None:
        """When it came, None where that is not told."""
        try:
            return datetime.fromtimestamp(int(self.uploaded) / 1000, UTC) if self.uploaded.isdecimal() else None
        except (ValueError, OverflowError, OSError):
            return None


class GoogleTags(msgspec.Struct, frozen=True):
    """One page: `manifest` by digest, None where the registry is not Google's."""

    tags: tuple[_Tag, ...] | None = None
    child: tuple[str, ...] = ()
    manifest: dict[str, GoogleManifest] | None = None


def parse_google_tags(content: bytes, where: str) -> GoogleTags:
    """One page of the list. Raises MalformedError."""
    try:
        return msgspec.json.decode(content, type=GoogleTags)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"its list of tags is broken: {error}", where=where) from None
