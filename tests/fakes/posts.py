"""A client of an agent in memory, that takes results or does not."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from tidewaiter.broker.agent.post import Receipt, Uptake
from tidewaiter.broker.agent.spool import Parcel

TAKEN = Receipt(Uptake.TAKEN)
AWAY = Receipt(Uptake.AWAY, "nobody is there")
GONE = Receipt(Uptake.GONE, "there is no such connection")
REFUSED = Receipt(Uptake.REFUSED, "this is no result")


@dataclass
class MemoryPost:
    """A `Post`. Answers with `receipts`, one after the other, then takes everything.

    `always` are answers for certain jobs. `taken` has (job, content), `tried` (callback, job) in their order; `told`
    the connections of which no job is left. While `hold` is there and not set, nothing is answered; `most` is how many
    were under way at the same time.
    """

    receipts: deque[Receipt] = field(default_factory=deque)
    always: dict[str, Receipt] = field(default_factory=dict)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    most: int = 0
    _under_way: int = 0

    @property
    def jobs(self) -> list[str]:
        return [job for job, _ in self.taken]

    async def result(self, callback: str, parcel: Parcel) -> Receipt:
        self.tried.append((callback, parcel.job))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await (self.hold.wait() if self.hold else asyncio.sleep(0))
        finally:
            self._under_way -= 1
        receipt = self.always.get(parcel.job) or (self.receipts.popleft() if self.receipts else TAKEN)
        if receipt is TAKEN:
            with parcel.open() as file:
                self.taken.append((parcel.job, file.read()))
        return receipt

    async def done(self, callback: str, connection: str) -> Receipt:  # noqa: ARG002 - the seam's
        receipt = self.receipts.popleft() if self.receipts else TAKEN
        if receipt is TAKEN:
            self.told.append(connection)
        return receipt
