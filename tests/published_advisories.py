"""The published advisories beside the checkout, read one by one as far as a test needs them."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tidewaiter.feeds.osv import Osv
from tidewaiter.model.advisory import Advisory


def published(shared: Path, *archives: str, only: Callable[[str], bool] = lambda _: True) -> Iterator[Advisory]:
    """The advisories in these archives whose id (the file's name) is wanted."""
    parser = Osv()
    for archive in archives:
        with zipfile.ZipFile(shared / "advisories" / "osv" / f"{archive}.zip") as opened:
            for name in opened.namelist():
                if name.endswith(".json") and only(Path(name).stem):
                    yield from parser.parse(opened.read(name))
