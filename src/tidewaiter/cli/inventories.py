"""From the targets of a command line to inventories: what cannot be opened becomes an inventory that says so."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tidewaiter.cli.ceilings import with_limits
from tidewaiter.cli.progress import shown
from tidewaiter.errors import (
    LimitError,
    MalformedError,
    RegistryDeniedError,
    RegistryError,
    SourceError,
    TidewaiterError,
    UnsupportedError,
    UsageError,
)
from tidewaiter.image.source import open_images
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import ImageIdentity, Platform
from tidewaiter.model.package import Inventory
from tidewaiter.scan import look

if TYPE_CHECKING:  # a registry's client is imported only where one is asked
    from tidewaiter.image.blob import Registry
    from tidewaiter.image.limits import Limits
    from tidewaiter.registry.client import RegistryClient

_REASONS: tuple[tuple[type[TidewaiterError], Stage, Why], ...] = (
    (RegistryDeniedError, Stage.REGISTRY, Why.DENIED),
    (RegistryError, Stage.REGISTRY, Why.UNREACHABLE),
    (LimitError, Stage.IMAGE, Why.LIMIT),
    (MalformedError, Stage.IMAGE, Why.MALFORMED),
    (UnsupportedError, Stage.IMAGE, Why.UNSUPPORTED),
    (SourceError, Stage.SOURCE, Why.NOT_AN_IMAGE),
)


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


def inventories(targets: Iterable[str], choices: Choices) -> Iterator[Inventory]:
    """The inventories of the targets' images, one after the other.

    A target or image that fails is told on stderr at once, gives an inventory whose only content is the gap, and the
    others go on. Raises UsageError.
    """
    with ExitStack() as stack:
        # One client for all targets: connections and tokens serve the next image too.
        registry = cache(lambda: stack.enter_context(_registry(choices)))
        for target in targets:
            try:
                yield from _inventories(target, choices, registry)
            except UsageError:
                raise
            except TidewaiterError as error:
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
                    yield look(image, limits=choices.limits, verify=choices.verify, progress=progress)
            except TidewaiterError as error:
                yield failed(image.identity, error)


def failed(identity: ImageIdentity, error: TidewaiterError) -> Inventory:
    """An inventory that holds nothing but the failure, which is told on stderr too."""
    print(f"tidewaiter: {error}", file=sys.stderr)  # noqa: T201 - the command line speaks here
    stage, why = next(
        ((stage, why) for kind, stage, why in _REASONS if isinstance(error, kind)), (Stage.IMAGE, Why.MALFORMED)
    )
    gap = Gap(stage=stage, why=why, subject=identity.reference, detail=str(error))
    return Inventory(image=identity, gaps=(gap,))


def _registry(choices: Choices) -> "RegistryClient":
    from tidewaiter.registry.client import RegistryClient

    return RegistryClient(insecure=choices.insecure)


def _platform(text: str | None) -> Platform | None:
    try:
        return Platform.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--platform: {error}") from error
