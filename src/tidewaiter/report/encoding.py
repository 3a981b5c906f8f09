"""Documents as JSON text."""

import msgspec


def indented(document: object) -> str:
    r"""The document as JSON, indented by two spaces, keys in the order of their definition, with a final newline.

    File names of an image may hold bytes that are no UTF-8 (lone surrogates here): they are written as the escape
    that names them, `\udcff`, since JSON has no other way.
    """
    try:
        encoded = msgspec.json.encode(document)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_encodable(msgspec.to_builtins(document)))
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


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
