"""`--limit NAME=VALUE`."""

import pytest

from tidewaiter.cli.ceilings import with_limits
from tidewaiter.errors import UsageError
from tidewaiter.image.limits import Limits


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("100", 100), ("2k", 2000), ("2KiB", 2048), ("1.5MiB", 3 << 19), ("3GB", 3 * 10**9), ("1Ti", 1 << 40), ("7 b", 7)],
)
def test_values_take_units(value: str, bytes_: int) -> None:
    assert with_limits([f"manifest_bytes={value}"]).manifest_bytes == bytes_


def test_what_is_not_named_keeps_its_default() -> None:
    changed = with_limits(["index-depth=2"])
    assert changed.index_depth == 2
    assert changed.layers == Limits().layers


@pytest.mark.parametrize("setting", ["nothing=1", "layers", "layers=", "layers=many", "layers=-1", "layers=1XB"])
def test_what_is_no_limit_or_no_number_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="--limit"):
        with_limits([setting])
