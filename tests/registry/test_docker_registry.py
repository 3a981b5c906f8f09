"""The proof on the field's own tools: Debian's docker-registry serves, skopeo writes and reads."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_registries import NEEDED, docker_registry_process, pushed, skopeo
from tidewaiter.errors import RegistryDeniedError
from tidewaiter.image.compression import unpacked
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import Image, open_images
from tidewaiter.model.image import Platform
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import ConfiguredKeychain
from tidewaiter.simulator.archives import write_docker_archive, write_layout, write_layout_tar
from tidewaiter.simulator.images import Built, build_attestation, build_image, build_index, build_layer, sha256

ARM = Platform("linux", "arm64")
LAYERS = [
    build_layer({"etc/os-release": b"ID=debian\n"}, created_by="ADD rootfs"),
    build_layer({"app": bytes(range(256)) * 4000}, created_by="COPY app"),
]
IMAGE = build_image(LAYERS)
pytestmark = NEEDED


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry_process(tmp_path_factory.mktemp("registry")) as address:
        yield address


def opened(target: str, *, platform: Platform | None = None, every: bool = False) -> tuple[Image, ...]:
    with (
        RegistryClient(keychain=ConfiguredKeychain([])) as client,
        open_images(target, platform=platform, all_platforms=every, limits=Limits(), registry=lambda: client) as images,
    ):
        for image in images:
            check(image)
        return images


def check(image: Image) -> None:
    """Every layer's bytes have the size and the hashes that are promised."""
    for blob in image.blobs:
        with blob.open() as stream:
            content = stream.read()
        plain = b"".join(iter(unpacked(io.BytesIO(content), window_bytes=1 << 27).chunk, b""))
        assert sha256(plain) == blob.layer.diff_id
        assert sha256(content) == blob.layer.digest or blob.hash_of == "unpacked"
        assert len(content) == blob.layer.size


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_an_image_that_skopeo_pushed_from_a_layout_is_pulled(tmp_path: Path, host: str, compression: str) -> None:
    layers = [build_layer(layer.tar, compression=compression) for layer in LAYERS]  # type: ignore[arg-type]  # a parameter is a plain string
    built = build_image(layers)
    source = f"oci:{write_layout(tmp_path / 'it', {'v1': built})}:v1"
    (image,) = opened(pushed(host, source, f"a/{compression or 'plain'}:v1", "--preserve-digests"))
    assert image.identity.digest == built.digest
    assert image.config is not None
    assert image.config.diff_ids == tuple(layer.diff_id for layer in LAYERS)
    assert [blob.layer.digest for blob in image.blobs] == [layer.digest for layer in layers]


def test_skopeo_reads_the_archives_that_are_written_here(tmp_path: Path, host: str) -> None:
    sources = {
        "layout-tar": f"oci-archive:{write_layout_tar(tmp_path / 'o.tar', {'v1': IMAGE})}:v1",
        "docker": f"docker-archive:{write_docker_archive(tmp_path / 'd.tar', {'a/b:1': IMAGE}, 'docker')}",
        "podman": f"docker-archive:{write_docker_archive(tmp_path / 'p.tar', {'a/b:1': IMAGE}, 'podman')}",
        "kaniko": f"docker-archive:{write_docker_archive(tmp_path / 'k.tar', {'a/b:1': IMAGE}, 'kaniko')}",
        "docker-25": f"docker-archive:{write_docker_archive(tmp_path / 'n.tar', {'a/b:1': IMAGE}, 'docker-25')}",
    }
    for name, source in sources.items():
        (image,) = opened(pushed(host, source, f"written/{name}:v1"))
        assert image.config is not None
        assert image.config.diff_ids == tuple(layer.diff_id for layer in LAYERS), name
        (local,) = opened(source)
        assert local.config == image.config


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci"])
def test_the_archives_that_skopeo_writes_are_read(tmp_path: Path, form: str) -> None:
    source = write_layout(tmp_path / "it", {"v1": IMAGE})
    target = tmp_path / "copy"
    skopeo("copy", f"oci:{source}:v1", f"{form}:{target}:x.io/a/b:v2")
    (image,) = opened(str(target))
    assert image.identity.tags == ("x.io/a/b:v2",)
    assert image.config is not None
    assert image.config.diff_ids == tuple(layer.diff_id for layer in LAYERS)
    assert [layer.created_by for layer in image.identity.layers] == ["ADD rootfs", "COPY app"]


@pytest.fixture
def index() -> Built:
    arm = build_image([build_layer({"b": b"2"})], platform=ARM)
    return build_index([IMAGE, build_attestation(IMAGE), arm, build_attestation(arm)])


def test_an_index_with_attestations_is_pulled_by_platform(tmp_path: Path, host: str, index: Built) -> None:
    reference = pushed(
        host, f"oci:{write_layout(tmp_path / 'it', {'v1': index})}:v1", "a/many:v1", "--all", "--preserve-digests"
    )
    assert [image.identity.digest for image in opened(reference)] == [IMAGE.digest]
    assert [image.identity.platform for image in opened(reference, platform=ARM)] == [ARM]
    assert len(opened(reference, every=True)) == 2
    assert len(opened(f"{host}/a/many@{index.digest}", every=True)) == 2


def test_tags_are_listed(tmp_path: Path, host: str) -> None:
    source = f"oci:{write_layout(tmp_path / 'it', {'v1': IMAGE})}:v1"
    for tag in ("one", "two"):
        pushed(host, source, f"a/tagged:{tag}")
    with RegistryClient(keychain=ConfiguredKeychain([])) as client:
        assert list(client.tags(client.reference(f"{host}/a/tagged"))) == ["one", "two"]


def test_a_registry_with_a_password_lets_in_who_logged_in(tmp_path: Path) -> None:
    with docker_registry_process(tmp_path, password=True) as address:
        login = tmp_path / "login" / "config.json"
        source = f"oci:{write_layout(tmp_path / 'it', {'v1': IMAGE})}:v1"
        reference = pushed(address, source, "a/b:v1", "--dest-creds", "ann:pw", "--preserve-digests")
        skopeo(
            "login", "--tls-verify=false", "--authfile", str(login), "--username", "ann", "--password", "pw", address
        )
        with RegistryClient(keychain=ConfiguredKeychain([login])) as client:
            content, _ = client.manifest(client.reference(reference), ceiling=1 << 20)
        assert content == IMAGE.document
        with (
            RegistryClient(keychain=ConfiguredKeychain([])) as client,
            pytest.raises(RegistryDeniedError, match=f"docker login {address}"),
        ):
            client.manifest(client.reference(reference), ceiling=1 << 20)
