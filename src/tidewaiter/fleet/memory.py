"""A fleet's memory, as commands open it: they know its address, and nothing else of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tidewaiter.store.database import CACHE_KIB
from tidewaiter.store.store import Store


@contextmanager
def remembering(url: str, *, cache: int = CACHE_KIB) -> Iterator[Store]:
    """The store at this address until the block ends, made where there is none.

    Each of several connections to a file keeps `cache` KiB of it in memory. Raises UsageError for what is no address,
    and StoreError for a store that cannot be used.
    """
    with Store.open(url, cache=cache) as store:
        yield store
