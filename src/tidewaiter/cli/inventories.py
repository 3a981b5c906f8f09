"""From the targets of a command line to inventories: what cannot be opened becomes an inventory that says so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tidewaiter.cli.ceilings import with_limits
from tidewaiter.cli.failures import failed
from tidewaiter.cli.progress import shown
from tidewaiter.errors import UsageError
from tidewaiter.image.source import open_images
from tidewaiter.model.image import ImageIdentity, Platform
from tidewaiter.model.package import Inventory
from tidewaiter.scan import look

if TYPE_CHECKING:  # a registry's client is imported only where one is asked
    from tidewaiter.cli.registries import Registries
    from tidewaiter.image.blob import Registry
    from tidewaiter.image.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the image options say."""

    platform: Platform | None
    all_platforms: bool
    insecure: bool
    verify: bool
    limits: "Limits"
    quiet: bool

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> "Choices":
        """The options' values, checked. Raises UsageError."""
        if options["platform"] and options["all_platforms"]:
            raise UsageError("--platform and --all-platforms exclude each other")
        return cls(
            platform=_platform(options["platform"]),
            all_platforms=options["all_platforms"],
            insecure=options["insecure"],
            verify=options["verify"],
            limits=with_limits(options["limit"]),
            quiet=options["quiet"],
        )


def inventories(targets: Sequence[str], choices: Choices) -> Iterator[Inventory]:
    """The inventories of the targets' images, one after the other.

    A target or image that fails is told on stderr at once, gives an inventory whose only content is the gap, and the
    others go on. Raises UsageError for an empty target, and for one that is wrong in itself if there are no others.
    """
    if "" in targets:
        raise UsageError("a target is empty", advice="Is a variable not set?")
    with ExitStack() as stack:
        # The same for all targets: connections and tokens serve the next image too.
        registry = cache(lambda: stack.enter_context(_registries(choices)))
        for target in targets:
            try:
                yield from _inventories(target, choices, registry)
            except Exception as error:  # the edge of the stages: whatever fails is a gap
                if isinstance(error, UsageError) and len(targets) == 1:
                    raise
                yield failed(ImageIdentity(reference=target), error)


def _inventories(target: str, choices: Choices, registry: "Callable[[], Registry]") -> Iterator[Inventory]:
    with open_images(
        target,
        platform=choices.platform,
        all_platforms=choices.all_platforms,
        limits=choices.limits,
        registry=registry,
    ) as images:
        for image in images:
            try:
                with shown(quiet=choices.quiet) as progress:
                    inventory = look(image, limits=choices.limits, verify=choices.verify, progress=progress)
            except Exception as error:  # noqa: BLE001 - the same edge, for one of several images
                inventory = failed(image.identity, error)
            yield inventory


def _registries(choices: Choices) -> "Registries":
    from tidewaiter.cli.registries import Registries

    return Registries(insecure=choices.insecure)


def _platform(text: str | None) -> Platform | None:
    try:
        return Platform.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--platform: {error}") from error
