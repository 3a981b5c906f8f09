"""A fleet's memory, as commands open it: they know its address, and nothing else of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tidewaiter.store.store import Store


@contextmanager
def remembering(url: str) -> Iterator[Store]:
    """The store at this address until the block ends, made where there is none.

    Raises UsageError for what is no address, and StoreError for a store that cannot be used.
    """
    with Store.open(url) as store:
        yield store
