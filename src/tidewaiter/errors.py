"""One tree of errors: what was asked, of whom, why it failed, whether a retry can help, what to do."""

from tidewaiter.model.diagnosis import Remedy


class TidewaiterError(Exception):
    """Something that a user can be told in one message.

    `what` happened (a full sentence without the full stop), `where` (a file, layer, host or record), `advice` (what to
    do about it, a sentence). `retry` tells whether the same call may succeed later.
    """

    def __init__(self, what: str, *, where: str = "", advice: str = "", retry: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.advice = advice
        self.retry = retry

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.advice}" if self.advice else text


class UsageError(TidewaiterError):
    """The command line or the configuration asks for what cannot be."""


class SourceError(TidewaiterError):
    """A target is not there, or is not an image that tidewaiter can open."""


class MalformedError(TidewaiterError):
    """Data breaks its own format: truncated, corrupt, or with a wrong digest or size."""


class LimitError(TidewaiterError):
    """Data goes beyond a configured ceiling. `limit` is the ceiling's name in `image/limits.py`."""

    def __init__(self, what: str, *, limit: str, where: str = "", advice: str = "") -> None:
        super().__init__(what, where=where, advice=advice)
        self.limit = limit


class UnsupportedError(TidewaiterError):
    """Data is of a kind that tidewaiter does not read."""


class RegistryError(TidewaiterError):
    """A registry did not answer, or not as the distribution specification says."""


class RegistryDeniedError(RegistryError):
    """A registry refused: wrong, missing or insufficient credentials."""


class RegistryAbsentError(RegistryError):
    """A registry does not have what it was asked for, or says so to who may not see it."""


class VersionError(TidewaiterError):
    """A version that its scheme does not call valid; it can not be compared."""


class DatabaseError(TidewaiterError):
    """The advisory database is missing, of another schema, or damaged."""


class FeedError(TidewaiterError):
    """Published advisories could not be read."""


class CloudError(TidewaiterError):
    """AWS did not answer, or with an error. `code` is that error's (`ThrottlingException`), "" where there was none."""

    def __init__(self, what: str, *, where: str = "", advice: str = "", retry: bool = False, code: str = "") -> None:
        super().__init__(what, where=where, advice=advice, retry=retry)
        self.code = code


class CloudDeniedError(CloudError):
    """AWS refused: wrong, expired or insufficient credentials. The message names who asked what, and what to allow.

    `remedy` says the same in parts, where a policy is the reason; None where the credentials themselves are.
    """

    remedy: Remedy | None = None


class StoreError(TidewaiterError):
    """The fleet's memory is missing, of another version, in use by another run, or cannot be written."""


class BrokerError(TidewaiterError):
    """A brokered request did not come to its answer. `code` says why; it is one of `broker/wire.py`'s `Code`."""

    def __init__(self, what: str, *, where: str = "", advice: str = "", retry: bool = False, code: str = "") -> None:
        super().__init__(what, where=where, advice=advice, retry=retry)
        self.code = code
