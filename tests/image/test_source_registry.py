"""Images of a registry: the same choices as on disk, and layers that are pulled only when they are read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidewaiter.errors import LimitError, MalformedError, SourceError, UnsupportedError
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import Image, open_images
from tidewaiter.model.image import Platform
from tidewaiter.registry.client import RegistryClient
from tidewaiter.registry.credentials import ConfiguredKeychain
from tidewaiter.simulator.images import (
    Built,
    as_json,
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    build_layer,
    sha256,
)
from tidewaiter.simulator.registry import Login, SimulatedRegistry

ARM = Platform("linux", "arm64")
IMAGE = build_image([build_layer({"etc/os-release": b"ID=alpine\n"}, created_by="ADD"), build_layer({"a": b"1"})])


@pytest.fixture
def registry() -> Iterator[SimulatedRegistry]:
    with SimulatedRegistry() as running:
        yield running


@pytest.fixture
def client() -> Iterator[RegistryClient]:
    with RegistryClient(keychain=ConfiguredKeychain([])) as made:
        yield made


def opened(
    target: str,
    client: RegistryClient,
    *,
    platform: Platform | None = None,
    every: bool = False,
    limits: Limits | None = None,
) -> tuple[Image, ...]:
    with open_images(
        target, platform=platform, all_platforms=every, limits=limits or Limits(), registry=lambda: client
    ) as images:
        return images


@pytest.mark.parametrize("scheme", ["", "registry:", "registry://", "docker://", "docker:"])
def test_a_reference_is_opened_with_and_without_a_scheme(
    registry: SimulatedRegistry, client: RegistryClient, scheme: str
) -> None:
    reference = registry.push("team/app", "v1", IMAGE)
    (image,) = opened(f"{scheme}{reference}", client)
    assert image.identity.digest == IMAGE.digest
    assert image.identity.reference == f"{scheme}{reference}"
    assert image.identity.tags == (reference,)
    assert [layer.created_by for layer in image.identity.layers] == ["ADD", ""]


def test_layers_are_pulled_when_they_are_read_and_not_before(
    registry: SimulatedRegistry, client: RegistryClient
) -> None:
    registry.login = Login()
    (image,) = opened(registry.push("a/b", "v1", IMAGE), client)
    layers = {str(layer.digest) for layer in IMAGE.layers}
    assert not any(asked.path.rpartition("/")[2] in layers for asked in registry.asked)
    with ThreadPoolExecutor(2) as pool:
        contents = list(pool.map(lambda blob: blob.open().read(), image.blobs))
    assert contents == [layer.stored for layer in IMAGE.layers]
    assert [blob.plain for blob in image.blobs] == [None, None]


def test_a_digest_names_an_image_without_a_tag(registry: SimulatedRegistry, client: RegistryClient) -> None:
    (image,) = opened(registry.push("a/b", "", IMAGE), client)
    assert (image.identity.digest, image.identity.tags) == (IMAGE.digest, ())


def many() -> Built:
    arm = build_image([build_layer({"b": b"2"})], platform=ARM)
    return build_index([build_attestation(IMAGE), arm, build_attestation(arm), IMAGE])


def test_an_index_s_image_is_chosen_by_platform(registry: SimulatedRegistry, client: RegistryClient) -> None:
    reference = registry.push("a/b", "v1", many())
    assert [image.identity.digest for image in opened(reference, client)] == [IMAGE.digest]
    assert [image.identity.platform for image in opened(reference, client, platform=ARM)] == [ARM]
    assert len(opened(reference, client, every=True)) == 2
    with pytest.raises(SourceError, match="no image for plan9/mips, only for linux/amd64, linux/arm64"):
        opened(reference, client, platform=Platform("plan9", "mips"))


def test_only_what_is_chosen_is_pulled(registry: SimulatedRegistry, client: RegistryClient) -> None:
    opened(registry.push("a/b", "v1", many()), client)
    assert [asked.path for asked in registry.asked_for("/manifests/")] == [
        "/v2/a/b/manifests/v1",
        f"/v2/a/b/manifests/{IMAGE.digest}",
    ]


def test_a_single_image_for_another_platform_is_not_taken_for_the_wanted_one(
    registry: SimulatedRegistry, client: RegistryClient
) -> None:
    with pytest.raises(SourceError, match="it is an image for linux/amd64, not for linux/arm64"):
        opened(registry.push("a/b", "v1", IMAGE), client, platform=ARM)


@pytest.mark.parametrize("what", ["manifest", "config"])
def test_wrong_bytes_stop_the_image(registry: SimulatedRegistry, client: RegistryClient, what: str) -> None:
    registry.faults.corrupt.add(IMAGE.digest if what == "manifest" else sha256(IMAGE.config))
    with pytest.raises(MalformedError, match="wrong digest"):
        opened(registry.push("a/b", "v1", build_index([IMAGE])), client)


def test_a_manifest_of_another_size_than_its_index_promises_stops_the_image(
    registry: SimulatedRegistry, client: RegistryClient
) -> None:
    index = as_json({"schemaVersion": 2, "manifests": [{**IMAGE.descriptor(), "size": len(IMAGE.document) + 1}]})
    media_type = "application/vnd.oci.image.index.v1+json"
    lying = Built(document=index, media_type=media_type, manifests=IMAGE.manifests, blobs=IMAGE.blobs)
    with pytest.raises(MalformedError, match="were promised"):
        opened(registry.push("a/b", "v1", lying), client)


def test_ceilings_hold_for_what_a_registry_sends(registry: SimulatedRegistry, client: RegistryClient) -> None:
    reference = registry.push("a/b", "v1", IMAGE)
    for limits, name in ((Limits(manifest_bytes=10), "manifest_bytes"), (Limits(config_bytes=10), "config_bytes")):
        with pytest.raises(LimitError) as caught:
            opened(reference, client, limits=limits)
        assert caught.value.limit == name


def test_what_is_no_image_is_told(registry: SimulatedRegistry, client: RegistryClient) -> None:
    chart = build_artifact("application/vnd.cncf.helm.config.v1+json")
    with pytest.raises(SourceError, match=r"not an image: its configuration is of type application/vnd\.cncf"):
        opened(registry.push("charts/a", "v1", chart), client)


def test_a_manifest_of_schema_1_is_told(registry: SimulatedRegistry, client: RegistryClient) -> None:
    document = as_json({"schemaVersion": 1, "fsLayers": []})
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    old = Built(document=document, media_type=media_type, manifests={sha256(document): (media_type, document)})
    with pytest.raises(UnsupportedError, match="schema 1"):
        opened(registry.push("a/b", "v1", old), client)
