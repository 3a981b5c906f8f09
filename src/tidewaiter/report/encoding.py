"""Documents as JSON."""

import msgspec


def indented(document: object) -> str:
    """The document as JSON, indented by two spaces, keys in the order of their definition, with a final newline."""
    return msgspec.json.format(encoded(document), indent=2).decode() + "\n"


def encoded(document: object) -> bytes:
    r"""The document as JSON without blanks.

    File names of an image may hold bytes that are no UTF-8 (lone surrogates here): they are written as the escape
    that names them, `\udcff`, since JSON has no other way.
    """
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(msgspec.to_builtins(document)))


def _encodable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value
