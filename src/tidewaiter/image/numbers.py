"""The ways in which tar headers write numbers."""

from tidewaiter.errors import MalformedError

_LARGEST = (1 << 63) - 1
_PADDING = b" \0"


def number(field: bytes) -> int:
    """The size that a header's field holds: octal digits, or GNU's base-256 for what is too large for them.

    Raises MalformedError for a negative one, for one beyond 63 bits and for what is no number.
    https://www.gnu.org/software/tar/manual/html_node/Extensions.html
    """
    digits = field.rstrip(_PADDING)
    if not digits.isdigit():
        if field[0] & 0x80:
            return _base_256(field)
        digits = digits.lstrip(_PADDING).partition(b"\0")[0].rstrip(_PADDING) or b"0"
    try:
        return int(digits, 8) if digits.isdigit() else int("")
    except ValueError:  # an 8 or a 9, or no digits at all: int() alone would take signs and underscores
        raise MalformedError("it has a broken header: a number is not octal") from None


def decimal(digits: bytes) -> int:
    """The size that a pax header's record holds. Raises MalformedError."""
    if not digits.isdigit() or len(digits) > len(str(_LARGEST)):
        raise MalformedError("it has a broken pax header: a number is not decimal")
    return _checked(int(digits))


def _base_256(field: bytes) -> int:
    if field[0] & 0x40:
        raise MalformedError("it has a broken header: a size is negative")
    return _checked(int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1))


def _checked(value: int) -> int:
    if value > _LARGEST:
        raise MalformedError("it has a broken header: a size is beyond 63 bits")
    return value
