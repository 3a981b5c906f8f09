"""What a connection leads to: its agent's greeting, then each registry as the agent comes upon it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from tidewaiter.aws.gaps import gap_of
from tidewaiter.aws.registries import Found, Place
from tidewaiter.broker.messages import AtRegistry, Hello, Line, LostPlace, PassedPlace
from tidewaiter.broker.platform.api import BrokerApi
from tidewaiter.broker.platform.lines import lines
from tidewaiter.broker.platform.reach import Reach, as_cloud_error
from tidewaiter.broker.platform.registry import RelayedRegistry
from tidewaiter.broker.wire import Code
from tidewaiter.errors import BrokerError, CloudError
from tidewaiter.model.cloud import Account, Lost, Passed

_WITHIN = 1800.0  # seconds for all of it: roles are taken and regions are asked, no images are listed
_LARGEST = 100_000  # places behind one connection


@dataclass(eq=False, slots=True)
class Discovery:
    """One connection, gone over in a thread of its own, which tells what it finds: None at the end.

    `hello` is the agent's greeting; None where the connection leads nowhere, which is then told as lost. A discovery
    that breaks off begins anew, and tells only what it has not told before.
    """

    connection: str
    api: BrokerApi
    reach: Reach
    tell: Callable[[Found | None], None]
    hello: "Future[Hello | None]" = field(default_factory=Future)
    _seen: set[object] = field(default_factory=set)

    def begin(self) -> None:
        """Starts the thread."""
        threading.Thread(target=self._run, name=f"tidewaiter-discovery-{self.connection}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.reach.answered(self._go_over)
        except BrokerError as error:
            self._end(as_cloud_error(error), error)
        except CloudError as error:
            self._end(error)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the greeting
            self._end(CloudError(f"an error of tidewaiter itself: {type(error).__name__}", advice="Please report it."))
        else:
            self._settle(None)
        self.tell(None)

    def _end(self, error: CloudError, reason: BrokerError | None = None) -> None:
        """The connection led nowhere, or broke off: the first is the greeting's, all are a loss."""
        subject = f"connection {self.connection}"
        if error.where == subject:
            error.where = ""  # who reads the gap has read its subject
        gap = gap_of(error, subject)
        self.tell(Lost(account=Account(id=self.connection), gap=gap))
        self._settle(reason)

    def _settle(self, error: BrokerError | None) -> None:
        if self.hello.done():
            return
        if error is not None and error.code in (Code.UNAUTHORIZED, Code.UNKNOWN_CONNECTION):
            self.hello.set_exception(error)
        else:
            self.hello.set_result(None)

    def _go_over(self) -> None:
        with self.api.asked(self.connection, "/discover", method="POST", body="{}", deadline=_WITHIN) as answer:
            answer.check()
            for line in lines(answer.chunks(), f"connection {self.connection}"):
                self._take(line)

    def _take(self, line: Line) -> None:
        if isinstance(line, Hello):
            if not self.hello.done():
                self.hello.set_result(line)
            return
        if line in self._seen:
            return
        if len(self._seen) >= _LARGEST or not self.hello.done():
            what = "the agent does not greet" if self._seen else "the agent finds more registries than can be"
            raise BrokerError(what, where=f"connection {self.connection}", code=Code.MALFORMED)
        self._seen.add(line)
        self.tell(self._found(line))

    def _found(self, line: Line) -> Found:
        match line:
            case AtRegistry(account, registry):
                here = replace(registry, via=self.connection)
                api = RelayedRegistry(registry=here, connection=self.connection, api=self.api, reach=self.reach)
                return Place(account=account, api=api)
            case LostPlace(account, gap, region):
                return Lost(account=account, gap=gap, region=region)
            case PassedPlace(account, gap):
                return Passed(account=account, gap=gap)
        what = f"the agent finds what is no registry: {type(line).__name__}"
        raise BrokerError(what, where=f"connection {self.connection}", code=Code.MALFORMED)
