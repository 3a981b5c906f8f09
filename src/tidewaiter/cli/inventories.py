"""From the targets of a command line to inventories: what cannot be opened becomes an inventory that says so."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from tidewaiter.image.blob import Registry
    from tidewaiter.image.limits import Limits

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
    for target in targets:
        try:
            yield from _inventories(target, choices)
        except UsageError:
            raise
        except TidewaiterError as error:
            yield failed(ImageIdentity(reference=target), error)


def _inventories(target: str, choices: Choices) -> Iterator[Inventory]:
    with open_images(
        target,
        platform=choices.platform,
        all_platforms=choices.all_platforms,
        limits=choices.limits,
        registry=lambda: _registry(choices),
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


def _registry(choices: Choices) -> "Registry":
    from tidewaiter.registry.client import RegistryClient

    return RegistryClient(insecure=choices.insecure)


def _platform(text: str | None) -> Platform | None:
    try:
        return Platform.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--platform: {error}") from error
