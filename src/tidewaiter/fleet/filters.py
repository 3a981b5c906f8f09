"""What of a fleet the user wants to see, and what is said of the rest."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from tidewaiter.image.limits import Limits
from tidewaiter.image.selection import Wanted, fits
from tidewaiter.model.cloud import ImageDetail
from tidewaiter.model.fleet import Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which images are wanted; all of them, as long as nothing is set. An image must pass every filter.

    Globs are a shell's, but `*` takes slashes too, and case counts. `tags`: the image has a tag that one of these
    takes and none of `exclude_tags`; one without tags passes only where `tags` is empty, and `untagged` set. `newest`:
    the so many images of a repository that were pushed last, of those that pass all else. `max_age` and
    `pulled_within` are in days; a push at an unknown time is not too old, and no recorded pull is no pull.
    """

    repositories: tuple[str, ...] = ()
    exclude_repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    newest: int = 0
    max_age: int = 0
    pulled_within: int = 0
    untagged: bool = True

    def of_repository(self, name: str) -> Outcome | None:
        """Why a repository is left out with all that is in it; None for one that is wanted."""
        if self.repositories and not _taken(name, self.repositories):
            return left_out("--repository", f"{_spelled(self.repositories)} does not name it")
        if _taken(name, self.exclude_repositories):
            return left_out("--exclude-repository", f"{_spelled(self.exclude_repositories)} names it")
        return None

    def of_image(self, detail: ImageDetail, now: datetime) -> Outcome | None:
        """Why an image or index is left out by what is listed of it, `newest` apart; None for one that is wanted."""
        return self.of_tags(detail.tags) or self._of_age(detail, now) or self._of_pull(detail, now)

    def of_tags(self, tags: tuple[str, ...]) -> Outcome | None:
        """Why something with these tags is left out; None where they are wanted."""
        if not tags:
            return self._of_untagged()
        wanted = [tag for tag in tags if not self.tags or _taken(tag, self.tags)]
        if not wanted:
            return left_out("--tag", f"none of its tags is like {_spelled(self.tags)}")
        if all(_taken(tag, self.exclude_tags) for tag in wanted):
            return left_out("--exclude-tag", f"{_spelled(self.exclude_tags)} takes the tags it is wanted for")
        return None

    def beyond_newest(self) -> Outcome:
        """Why an image that passes all else is left out by `newest`."""
        return left_out(f"--newest {self.newest}", "as many in its repository were pushed later")

    def _of_untagged(self) -> Outcome | None:
        if self.tags:
            return left_out("--tag", "it has no tag")
        return None if self.untagged else left_out("--no-untagged", "it has no tag")

    def _of_age(self, detail: ImageDetail, now: datetime) -> Outcome | None:
        if not self.max_age or detail.pushed is None or detail.pushed >= now - timedelta(days=self.max_age):
            return None
        return left_out(f"--max-age {self.max_age}", f"it was pushed on {_day(detail.pushed)}")

    def _of_pull(self, detail: ImageDetail, now: datetime) -> Outcome | None:
        if not self.pulled_within:
            return None
        if detail.pulled is None:
            return left_out(f"--pulled-within {self.pulled_within}", "no pull of it is recorded")
        if detail.pulled < now - timedelta(days=self.pulled_within):
            return left_out(f"--pulled-within {self.pulled_within}", f"it was last pulled on {_day(detail.pulled)}")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a fleet is looked through. `platforms` are those wanted, all where there is none; `workers` are processes."""

    filters: Filters = field(default_factory=Filters)
    platforms: tuple[Platform, ...] = ()
    workers: int = 1
    limits: Limits = field(default_factory=Limits)

    def of_platform(self, platform: Platform | None) -> Outcome | None:
        """Why an image for this platform is left out; None for one that is wanted, or whose platform is not known."""
        if not self.platforms or any(fits(platform, Wanted(platform=each)) for each in self.platforms):
            return None
        return left_out("--platform", f"it is for {platform}, not for {' or '.join(map(str, self.platforms))}")


def left_out(option: str, reason: str) -> Outcome:
    """How something ends that the user left out with an option."""
    return Outcome(state=State.SKIPPED, why=Why.FILTERED, detail=f"{option}: {reason}.")


def _taken(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _spelled(globs: tuple[str, ...]) -> str:
    return " or ".join(repr(glob) for glob in globs)


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
