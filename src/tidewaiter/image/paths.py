"""Names in a layer, made clean: relative, without a way out."""

_WHITEOUT = b".wh."
_META = b".wh..wh."
_OPAQUE = b".wh..wh..opq"
_NOWHERE = frozenset((b"", b".", b".."))


def clean(name: bytes, ceiling: int) -> bytes | None:
    """The name from the root of the layer, without `./`, double, leading or trailing slashes; b"" is the root itself.

    None for one that must not be followed: with `..` or NUL, or longer than `ceiling` bytes.
    """
    if len(name) > ceiling or b"\0" in name:
        return None
    if name.startswith((b"/", b".")) or name.endswith((b"/", b"/.")) or b"//" in name or b"/." in name:
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        return None if b".." in parts else b"/".join(parts)
    return name


def marked(path: bytes) -> tuple[str, bytes] | None:
    """What a whiteout's name hides: ("whiteout", path), ("opaque", folder); ("ignored", …) for a storage driver's own.

    None for a plain name, also one that has the mark elsewhere than at the beginning of its last part; a mark that
    hides no name (`.wh.`, `.wh...`) is ("bad", …): it would reach for the folder itself, or the one above.
    https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
    """
    folder, slash, last = path.rpartition(b"/")
    if path.startswith(_META) and path != _OPAQUE:
        return "ignored", path
    if not last.startswith(_WHITEOUT):
        return None
    if last == _OPAQUE:
        return "opaque", folder
    if last.startswith(_META):
        return "ignored", path
    hidden = last[len(_WHITEOUT) :]
    return ("bad", path) if hidden in _NOWHERE else ("whiteout", folder + slash + hidden)


def text(path: bytes) -> str:
    """The name as text; bytes that are not UTF-8 survive as lone surrogates."""
    return path.decode("utf-8", "surrogateescape")


def raw(path: str) -> bytes:
    """The bytes of a name that `text` made."""
    return path.encode("utf-8", "surrogateescape")


def shown(path: bytes) -> str:
    """The name for a message: short, and without control characters or broken text."""
    whole = path[:100].decode("utf-8", "replace")
    return repr(whole)[1:-1] + ("…" if len(path) > len(path[:100]) else "")
