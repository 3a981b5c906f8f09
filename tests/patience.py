"""Waiting, in tests, for what comes about by itself."""

import asyncio
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds after which a test counts as hanging."""


async def until(so: Callable[[], bool]) -> None:
    """Until this is so."""
    async with asyncio.timeout(PATIENCE):
        while not so():  # noqa: ASYNC110 - what it waits for knows of no test
            await asyncio.sleep(0.001)
