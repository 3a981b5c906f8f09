"""What is an image, and what only lies beside images."""

from typing import Any

import pytest

from tidewaiter.fleet.classify import by_descriptor, by_listing, by_manifest
from tidewaiter.image.manifest import read_document
from tidewaiter.model.cloud import ImageDetail, ImageStatus
from tidewaiter.model.fleet import Kind, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Digest, Manifest, Platform
from tidewaiter.simulator.images import Built, build_artifact, build_attestation, build_image, build_layer, describe

A = Digest("sha256", "a" * 64)
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"


def listed(media_type: str = OCI, artifact_type: str = OCI_CONFIG, *tags: str, **more: object) -> ImageDetail:
    return ImageDetail(digest=A, media_type=media_type, artifact_type=artifact_type, tags=tags, **more)  # type: ignore[arg-type]  # the other fields of ImageDetail


@pytest.mark.parametrize("media_type", [OCI, DOCKER])
@pytest.mark.parametrize("artifact_type", ["", OCI_CONFIG, "application/vnd.docker.container.image.v1+json"])
def test_a_manifest_with_the_configuration_of_an_image_is_an_image(media_type: str, artifact_type: str) -> None:
    verdict = by_listing(listed(media_type, artifact_type))
    assert (verdict.kind, verdict.outcome) == (Kind.IMAGE, None)


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_an_index_is_an_index(media_type: str) -> None:
    verdict = by_listing(listed(media_type, ""))
    assert (verdict.kind, verdict.outcome) == (Kind.INDEX, None)


@pytest.mark.parametrize(
    ("artifact_type", "words"),
    [
        ("application/vnd.cncf.helm.config.v1+json", "Helm chart"),
        ("application/vnd.dev.cosign.artifact.sig.v1+json", "cosign"),
        ("application/vnd.dev.cosign.simplesigning.v1+json", "cosign"),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", "Sigstore"),
        ("application/vnd.cncf.notary.signature", "Notation"),
        ("application/vnd.in-toto+json", "in-toto"),
        ("application/vnd.slsa.provenance+json", "SLSA"),
        ("application/spdx+json", "SPDX"),
        ("application/vnd.cyclonedx+json", "CycloneDX"),
        ("application/vnd.amazon.soci.index.v1+json", "SOCI"),
        ("application/vnd.amazon.soci.index.v2+json", "SOCI"),
        ("application/vnd.wasm.config.v0+json", "WebAssembly"),
        ("application/vnd.module.wasm.content.layer.v1+wasm", "WebAssembly"),
        ("application/vnd.oci.empty.v1+json", "without a configuration"),
    ],
)
def test_artifacts_are_known_by_their_type_alone(artifact_type: str, words: str) -> None:
    verdict = by_listing(listed(OCI, artifact_type, "1.0"))
    assert verdict.kind is Kind.ARTIFACT
    assert verdict.outcome
    assert (verdict.outcome.state, verdict.outcome.why) == (State.SKIPPED, Why.NOT_AN_IMAGE)
    assert words in verdict.outcome.detail


def test_a_type_that_nobody_knows_is_left_to_the_manifest() -> None:
    verdict = by_listing(listed(OCI, "application/vnd.acme.rocket.config.v1+json"))
    assert (verdict.kind, verdict.outcome) == (Kind.UNKNOWN, None)


def test_so_is_a_manifest_of_which_no_media_type_is_listed() -> None:
    verdict = by_listing(listed("", ""))
    assert (verdict.kind, verdict.outcome) == (Kind.UNKNOWN, None)


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
def test_the_names_of_cosign_tell_what_its_manifests_do_not(suffix: str) -> None:
    verdict = by_listing(listed(OCI, OCI_CONFIG, f"sha256-{'a' * 64}.{suffix}"))
    assert verdict.kind is Kind.ARTIFACT


@pytest.mark.parametrize(
    "tags",
    [(f"sha256-{'a' * 64}.sig", "latest"), (f"sha256-{'a' * 63}.sig",), (f"sha256-{'a' * 64}.sigs",), ("x.sig",)],
)
def test_an_image_cannot_hide_behind_a_name_that_is_like_cosigns(tags: tuple[str, ...]) -> None:
    assert by_listing(listed(OCI, OCI_CONFIG, *tags)).kind is Kind.IMAGE


def test_whatever_has_a_subject_is_no_image() -> None:
    verdict = by_listing(listed(subject=A))
    assert verdict.kind is Kind.ARTIFACT
    assert verdict.outcome
    assert verdict.outcome.detail == f"It describes {A}."


@pytest.mark.parametrize("status", [ImageStatus.ARCHIVED, ImageStatus.ACTIVATING])
@pytest.mark.parametrize("media_type", [OCI, OCI_INDEX])
def test_what_is_archived_is_skipped_as_that(status: ImageStatus, media_type: str) -> None:
    outcome = by_listing(listed(media_type, status=status)).outcome
    assert outcome
    assert (outcome.state, outcome.why) == (State.SKIPPED, Why.ARCHIVED)


@pytest.mark.parametrize("suffix", ["json", "prettyjws"])
def test_schema_1_is_an_image_that_nobody_reads_here(suffix: str) -> None:
    verdict = by_listing(listed(f"application/vnd.docker.distribution.manifest.v1+{suffix}", ""))
    assert verdict.kind is Kind.IMAGE
    assert verdict.outcome
    assert (verdict.outcome.state, verdict.outcome.why) == (State.FAILED, Why.UNSUPPORTED)


def child(media_type: str = OCI, platform: str = "linux/amd64", **more: object) -> Descriptor:
    parsed = Platform.parse(platform) if platform else None
    return Descriptor(media_type=media_type, digest=A, size=1, platform=parsed, **more)  # type: ignore[arg-type]  # the other fields of Descriptor


@pytest.mark.parametrize(
    ("descriptor", "kind"),
    [
        (child(), Kind.IMAGE),
        (child(platform=""), Kind.IMAGE),
        (child(OCI_INDEX, ""), Kind.INDEX),
        (child(platform="unknown/unknown"), Kind.ARTIFACT),
        (child(platform="", annotations=(("vnd.docker.reference.type", "attestation-manifest"),)), Kind.ARTIFACT),
        (child(platform="", artifact_type="application/vnd.amazon.soci.index.v2+json"), Kind.ARTIFACT),
        (child("application/vnd.buildkit.cacheconfig.v0", ""), Kind.ARTIFACT),
        (child("application/vnd.acme.v1", "linux/amd64"), Kind.IMAGE),
    ],
)
def test_an_index_tells_what_it_lists(descriptor: Descriptor, kind: Kind) -> None:
    assert by_descriptor(descriptor).kind is kind


@pytest.mark.parametrize(
    "claim",
    [
        {"annotations": (("vnd.docker.reference.type", "attestation-manifest"),)},
        {"artifact_type": "application/vnd.cncf.helm.config.v1+json"},
    ],
)
def test_what_runtimes_would_choose_for_a_platform_is_an_image_until_it_says_otherwise(
    claim: dict[str, Any],
) -> None:
    verdict = by_descriptor(child(platform="linux/amd64", **claim))
    assert (verdict.kind, verdict.outcome) == (Kind.IMAGE, None)


def manifest(built: Built) -> Manifest:
    read = read_document(built.document, "test")
    assert isinstance(read, Manifest)
    return read


IMAGE = build_image([build_layer({"a": b""})])


def test_the_manifest_has_the_last_word() -> None:
    assert by_manifest(manifest(IMAGE)).outcome is None
    signature = build_image([build_layer(b"{}", media_type="application/vnd.dev.cosign.simplesigning.v1+json")])
    for built in (
        build_artifact("application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        build_artifact("application/vnd.acme.rocket"),
        build_attestation(IMAGE),
        signature,
        build_image([build_layer({"a": b""})], manifest={"subject": describe(IMAGE.document, IMAGE.media_type)}),
    ):
        verdict = by_manifest(manifest(built))
        assert verdict.kind is Kind.ARTIFACT
        assert verdict.outcome
        assert verdict.outcome.why is Why.NOT_AN_IMAGE


def test_an_image_of_an_unknown_artifact_type_is_still_an_image() -> None:
    built = build_image([build_layer({"a": b""})], manifest={"artifactType": "application/vnd.acme.app"})
    assert by_manifest(manifest(built)).outcome is None
