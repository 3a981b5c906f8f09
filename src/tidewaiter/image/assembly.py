"""From a manifest or an index to images: the same for a layout, an archive of one, and a registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Protocol

from tidewaiter.errors import LimitError, MalformedError, SourceError, TidewaiterError, UnsupportedError
from tidewaiter.image.blob import Image, LayerBlob
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import check_size, read_config, read_document, verify
from tidewaiter.image.selection import Flattening, Leaf, PlatformError, Wanted, choose, fits
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Descriptor, ImageConfig, ImageIdentity, Index, Layer, Manifest, Platform

CONFIG_TYPES = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_LAYER_TYPES = frozenset(
    {_OCI_LAYER, f"{_OCI_LAYER}+gzip", f"{_OCI_LAYER}+zstd", _DOCKER_LAYER, f"{_DOCKER_LAYER}.gzip"}
    | {f"{_DOCKER_LAYER}.zstd", "application/vnd.docker.container.image.rootfs.diff+x-gtar"}
)
_FOREIGN = ("application/vnd.oci.image.layer.nondistributable.", "application/vnd.docker.image.rootfs.foreign.")
_LAYER_FAMILIES = (_OCI_LAYER, _DOCKER_LAYER, *_FOREIGN)


class NotAnImageError(SourceError):
    """A manifest is sound, and of something else than an image."""


class AbsentError(SourceError):
    """An index lists a manifest that the local layout does not hold."""


class Content(Protocol):
    """Where the documents and layers behind descriptors lie: a layout, or a repository of a registry."""

    @property
    def where(self) -> str:
        """What messages call it."""
        ...

    def holds(self, descriptor: Descriptor) -> bool:
        """Whether it can be read at all: a layout may list more than it has."""
        ...

    def manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest's or index's bytes; the caller has checked the promised size and verifies what comes."""
        ...

    def config(self, descriptor: Descriptor) -> bytes:
        """A configuration's bytes, under the same terms."""
        ...

    def layer(self, descriptor: Descriptor) -> tuple[Callable[[], BinaryIO], tuple[str, int, int] | None]:
        """What LayerBlob calls `open` and `plain`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Makes images of what `content` holds, for the target as the user named it."""

    target: str
    content: Content
    wanted: Wanted
    limits: Limits

    def images(self, root: Index | Manifest, tags: tuple[str, ...]) -> tuple[Image, ...]:
        """The images that are meant by a document. Raises SourceError when there is none, or none for the platform.

        Beside real images, what is no image or is not held becomes an Image with nothing but a gap.
        """
        if isinstance(root, Manifest):
            return (self.image(root, None, tags),)
        leaves = tuple(self._leaf(descriptor) for descriptor in self.flat(root))
        if not leaves:
            raise NotAnImageError("not an image: it is an index that lists no image", where=self._where(root))
        chosen = choose(leaves, self.wanted, self._where(root))
        if len(chosen) == 1:
            return (self._of_leaf(chosen[0], tags),)
        return tuple(self._of_leaf_or_gap(leaf, tags) for leaf in chosen)

    def image(self, manifest: Manifest, platform: Platform | None, tags: tuple[str, ...]) -> Image:
        """The image of a manifest; `platform` is what its index says of it.

        Raises NotAnImageError, PlatformError, and what reading the configuration raises.
        """
        where = self._where(manifest)
        if reason := why_no_image(manifest):
            raise NotAnImageError(f"not an image: {reason}", where=where)
        check_layers(len(manifest.layers), self.limits, where)
        config = self._config(manifest)
        platform = platform or known_platform(config.platform)
        if not fits(platform, self.wanted):
            what = f"it is an image for {platform}, not for {self.wanted.platform}"
            raise PlatformError(what, where=where, advice="Leave --platform out to take it as it is.")
        layers = describe_layers(manifest.layers, config, where)
        gaps = tuple(gap for layer in layers if (gap := _gap(layer)))
        return Image(
            identity=ImageIdentity(
                reference=self.target,
                digest=manifest.digest,
                platform=platform,
                tags=tags,
                created=creation_time(config),
                layers=layers,
            ),
            config=config,
            blobs=tuple(
                self._blob(layer, descriptor)
                for layer, descriptor in zip(layers, manifest.layers, strict=True)
                if is_layer(layer.media_type)
            ),
            gaps=gaps,
        )

    def passed_over(self, descriptor: Descriptor, tags: tuple[str, ...], why: Why, error: TidewaiterError) -> Image:
        """An Image with nothing but a gap, for what stands beside real images and cannot be looked at."""
        gap = Gap(stage=Stage.SOURCE, why=why, subject=str(descriptor.digest), detail=str(error))
        identity = ImageIdentity(
            reference=self.target, digest=descriptor.digest, platform=descriptor.platform, tags=tags
        )
        return Image(identity=identity, gaps=(gap,))

    def document(self, descriptor: Descriptor) -> Index | Manifest:
        """The manifest or index behind a descriptor, verified."""
        where = f"{self.content.where}: {descriptor.digest}"
        check_size(descriptor.size, self.limits.manifest_bytes, limit="manifest_bytes", where=where)
        content = verify(self.content.manifest(descriptor), descriptor, where)
        return read_document(content, where, descriptor.media_type)

    def _where(self, document: Index | Manifest) -> str:
        return f"{self.content.where}: {document.digest}"

    def flat(self, root: Index) -> tuple[Descriptor, ...]:
        """The manifests below an index, nested ones too."""

        def fetch(descriptor: Descriptor) -> Index | Manifest | None:
            return self.document(descriptor) if self.content.holds(descriptor) else None

        return Flattening(fetch, self.limits, self._where(root)).manifests(root)

    def _leaf(self, descriptor: Descriptor) -> Leaf:
        """The leaf with its platform: the index's word, else that of the image's configuration."""
        held = self.content.holds(descriptor)
        platform = descriptor.platform
        if platform is None and held and not self.wanted.every:
            document = self.document(descriptor)
            if isinstance(document, Manifest) and why_no_image(document) == "":
                platform = known_platform(self._config(document).platform)
        return Leaf(descriptor=descriptor, platform=platform, held=held)

    def _of_leaf_or_gap(self, leaf: Leaf, tags: tuple[str, ...]) -> Image:
        try:
            return self._of_leaf(leaf, tags)
        except NotAnImageError as error:
            return self.passed_over(leaf.descriptor, tags, Why.NOT_AN_IMAGE, error)
        except UnsupportedError as error:
            return self.passed_over(leaf.descriptor, tags, Why.UNSUPPORTED, error)
        except AbsentError as error:
            return self.passed_over(leaf.descriptor, tags, Why.UNREACHABLE, error)

    def _of_leaf(self, leaf: Leaf, tags: tuple[str, ...]) -> Image:
        if not leaf.held:
            where = f"{self.content.where}: {leaf.descriptor.digest}"
            raise AbsentError(f"the index lists it for {leaf.platform}, but it is not there", where=where)
        document = self.document(leaf.descriptor)
        if isinstance(document, Index):
            raise MalformedError("it is an index, and its descriptor says manifest", where=self._where(document))
        return self.image(document, leaf.platform, tags)

    def _config(self, manifest: Manifest) -> ImageConfig:
        where = f"{self.content.where}: configuration {manifest.config.digest}"
        check_size(manifest.config.size, self.limits.config_bytes, limit="config_bytes", where=where)
        return read_config(verify(self.content.config(manifest.config), manifest.config, where), where)

    def _blob(self, layer: Layer, descriptor: Descriptor) -> LayerBlob:
        opener, plain = self.content.layer(descriptor)
        return LayerBlob(layer=layer, open=opener, hash_of="stored", plain=plain)


def is_layer(media_type: str) -> bool:
    """Whether a layer of this type is read; the others are gaps."""
    return media_type in _LAYER_TYPES


def check_layers(count: int, limits: Limits, where: str) -> None:
    """Raises LimitError for more layers than are allowed."""
    if count > limits.layers:
        raise LimitError(f"it has {count} layers, more than {limits.layers}", limit="layers", where=where)


def describe_layers(layers: Sequence[Descriptor], config: ImageConfig, where: str) -> tuple[Layer, ...]:
    """The layers with their diff_ids and history lines. Raises MalformedError when there is not one diff_id a layer."""
    if len(layers) != len(config.diff_ids):
        what = f"it has {len(layers)} layers, and its configuration has {len(config.diff_ids)} diff_ids"
        raise MalformedError(what, where=where)
    lines = [line.created_by for line in config.history if not line.empty_layer]
    if len(lines) != len(layers):  # a history is only told to people, and may be squashed or left out
        lines = [""] * len(layers)
    return tuple(
        Layer(
            index=index,
            digest=layer.digest,
            diff_id=diff_id,
            media_type=layer.media_type,
            size=layer.size,
            created_by=line,
        )
        for index, (layer, diff_id, line) in enumerate(zip(layers, config.diff_ids, lines, strict=True))
    )


def creation_time(config: ImageConfig) -> datetime | None:
    """When the image says that it was made; None when it says nothing that is a time."""
    try:
        return datetime.fromisoformat(config.created)
    except ValueError:
        return None


def merged(images: Sequence[Image]) -> tuple[Image, ...]:
    """The images, each digest once, with all of its tags."""
    found: dict[object, Image] = {}
    for image in images:
        known = found.get(image.identity.digest)
        tags = dict.fromkeys((*(known.identity.tags if known else ()), *image.identity.tags))
        base = known or image
        found[image.identity.digest] = replace(base, identity=replace(base.identity, tags=tuple(tags)))
    return tuple(found.values())


def known_platform(platform: Platform) -> Platform | None:
    """The platform, or None where a configuration leaves it out."""
    return platform if platform.os and platform.architecture else None


def why_no_image(manifest: Manifest) -> str:
    """What the manifest is of, when it is not of an image."""
    if manifest.config.media_type not in CONFIG_TYPES:
        kind = manifest.artifact_type or manifest.config.media_type
        return f"its configuration is of type {kind or 'unknown'}"
    types = [layer.media_type for layer in manifest.layers]
    if types and not any(kind.startswith(_LAYER_FAMILIES) or kind in _LAYER_TYPES for kind in types):
        return f"its layers are of type {types[0] or 'unknown'}"
    return ""


def _gap(layer: Layer) -> Gap | None:
    """Why a layer cannot be looked at, from its media type alone."""
    kind = layer.media_type
    if kind in _LAYER_TYPES:
        return None
    if kind.endswith("+encrypted"):
        detail = f"the layer is encrypted ({kind}). Decrypt the image and scan that"
    elif kind.startswith(_FOREIGN):
        detail = f"the layer is foreign, and is not distributed with the image ({kind})"
    else:
        detail = f"the layer is of a type that is not read ({kind or 'no type'})"
    return Gap(stage=Stage.IMAGE, why=Why.UNSUPPORTED, subject=str(layer.digest), detail=detail)
