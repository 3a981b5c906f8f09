"""Fuzz target: the headers of rpm packages."""

from tidewaiter.errors import MalformedError
from tidewaiter.inventory.rpm.header import Header, Tag
from tidewaiter.inventory.rpm.ownership import owned_files

_TEXTS = (Tag.NAME, Tag.VERSION, Tag.RELEASE, Tag.VENDOR, Tag.LICENSE, Tag.ARCH, Tag.SOURCERPM, Tag.MODULARITYLABEL)
_MAX_OWNED = 64 << 20


def fuzz_one(data: bytes) -> None:
    """Any bytes are a header whose texts together are no longer than itself, or malformed."""
    try:
        header = Header(data)
        texts = [header.text(tag) for tag in _TEXTS]
        epoch = header.number(Tag.EPOCH)
        files = owned_files(header, "srv/jail/")
    except MalformedError:
        return
    assert sum(map(len, texts)) <= len(data)
    assert epoch is None or 0 <= epoch <= 0xFFFFFFFF
    assert all(path.startswith("srv/jail/") for path in files)
    assert sum(map(len, files)) <= _MAX_OWNED + len(files) * len("srv/jail/")
