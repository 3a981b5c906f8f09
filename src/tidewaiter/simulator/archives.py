"""Built images on disk: OCI layouts and docker-archives, as the tools that users have write them."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from tidewaiter.model.image import Digest
from tidewaiter.simulator.images import Built, BuiltLayer, Compression, Symlink, as_json, compress

Maker = Literal["docker", "docker-25", "podman", "kaniko"]
_REF_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"


def layout_files(images: Mapping[str, Built] | Iterable[Built]) -> dict[str, bytes]:
    """The files of an OCI layout that holds the images by their names, or without names.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    named = images.items() if isinstance(images, Mapping) else [("", image) for image in images]
    entries = [image.descriptor(**({_REF_NAME: name} if name else {})) for name, image in named]
    files = {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"})}
    files["index.json"] = as_json({"schemaVersion": 2, "manifests": entries})
    for _, image in named:
        files |= _blobs(image)
    return files


def write_layout(folder: Path, images: Mapping[str, Built] | Iterable[Built]) -> Path:
    """An OCI layout in a folder."""
    return write_folder(folder, layout_files(images))


def write_layout_tar(path: Path, images: Mapping[str, Built] | Iterable[Built], compression: Compression = "") -> Path:
    """An OCI layout in a tar, as `skopeo copy … oci-archive:` and `docker buildx build -o type=oci` write it."""
    return write_tar(path, layout_files(images), compression)


def docker_archive_files(images: Mapping[str, Built], maker: Maker = "docker") -> dict[str, bytes | Symlink]:
    """The members of a docker-archive, with the images by their tags, in the names that a maker gives them.

    `docker` is the classic form: a folder a layer, and a layer that stands in two images is a link the second time.
    `docker-25` is an OCI layout as well. `kaniko` keeps layers compressed.
    https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format
    """
    files: dict[str, bytes | Symlink] = {}
    entries = []
    for tag, image in images.items():
        members = [_layer_member(layer, index, maker) for index, layer in enumerate(image.layers)]
        config = _config_member(image, maker)
        files[config] = image.config
        for name, layer in zip(members, image.layers, strict=True):
            files |= _layer_files(name, layer, maker, files)
        entries.append({"Config": config, "RepoTags": [tag] if tag else None, "Layers": members})
    files["manifest.json"] = as_json(entries)
    if maker == "docker-25":
        files |= _dual_files(images)
    return files


def write_docker_archive(
    path: Path, images: Mapping[str, Built], maker: Maker = "docker", compression: Compression = ""
) -> Path:
    """A docker-archive, also compressed as a whole, as by `docker save | gzip`."""
    return write_tar(path, docker_archive_files(images, maker), compression)


def write_tar(path: Path, files: Mapping[str, bytes | Symlink], compression: Compression = "") -> Path:
    """A tar of these members in this order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, Symlink):
                member.type, member.linkname = tarfile.SYMTYPE, content.target
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    path.write_bytes(compress(stream.getvalue(), compression))
    return path


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """These files below a folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def blob_name(digest: Digest) -> str:
    """Where an OCI layout has a blob."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _blobs(image: Built) -> dict[str, bytes]:
    documents = {blob_name(digest): document for digest, (_, document) in image.manifests.items()}
    return documents | {blob_name(digest): blob for digest, blob in image.blobs.items()}


def _config_member(image: Built, maker: Maker) -> str:
    digest = next(digest for digest, blob in image.blobs.items() if blob == image.config)
    match maker:
        case "docker-25":
            return blob_name(digest)
        case "kaniko":
            return str(digest)
        case _:
            return f"{digest.hex}.json"


def _layer_member(layer: BuiltLayer, index: int, maker: Maker) -> str:
    match maker:
        case "docker":
            return f"{index:03}{layer.diff_id.hex[3:]}/layer.tar"
        case "docker-25":
            return blob_name(layer.digest)
        case "podman":
            return f"{layer.diff_id.hex}.tar"
        case "kaniko":
            return f"{layer.digest.hex}.tar.gz"


def _layer_files(
    name: str, layer: BuiltLayer, maker: Maker, there: Mapping[str, bytes | Symlink]
) -> dict[str, bytes | Symlink]:
    if name in there:
        return {}
    if maker in ("docker-25", "kaniko"):
        return {name: layer.stored}
    first = next((other for other, content in there.items() if content == layer.tar), None)
    return {name: Symlink(f"../{first}") if first and maker == "docker" else layer.tar}


def _dual_files(images: Mapping[str, Built]) -> dict[str, bytes]:
    """What makes a docker-archive an OCI layout too: names are in containerd's annotation."""
    files = layout_files(images.values())
    entries = [
        image.descriptor(**{_CONTAINERD_NAME: f"docker.io/library/{tag}", _REF_NAME: tag.rpartition(":")[2]})
        for tag, image in images.items()
    ]
    return files | {"index.json": as_json({"schemaVersion": 2, "manifests": entries})}
