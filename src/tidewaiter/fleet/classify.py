"""What a manifest is: an image, an index, or something else that only lies beside images.

The listing says it of most, so that nothing is pulled for a signature; the manifest itself has the last word.
"""

import re
from dataclasses import dataclass

from tidewaiter.image.assembly import CONFIG_TYPES, why_no_image
from tidewaiter.image.selection import INDEX_TYPES, MANIFEST_TYPES, is_attestation
from tidewaiter.model.cloud import ImageDetail, ImageStatus
from tidewaiter.model.fleet import Kind, Outcome, State
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Descriptor, Manifest

_ARTIFACTS = (
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/vnd.dev.cosign.", "a cosign signature or attestation"),
    ("application/vnd.dev.sigstore.", "a Sigstore bundle"),
    ("application/vnd.cncf.notary.", "a Notation signature"),
    ("application/vnd.in-toto", "an in-toto attestation"),
    ("application/vnd.slsa", "a SLSA attestation"),
    ("application/slsa", "a SLSA attestation"),
    ("application/spdx", "an SPDX SBOM"),
    ("text/spdx", "an SPDX SBOM"),
    ("application/vnd.spdx", "an SPDX SBOM"),
    ("application/vnd.cyclonedx", "a CycloneDX SBOM"),
    ("application/vnd.syft", "an SBOM of syft"),
    ("application/vnd.amazon.soci.", "a SOCI index"),
    ("application/vnd.wasm.", "a WebAssembly module"),
    ("application/vnd.module.wasm.", "a WebAssembly module"),
    ("application/wasm", "a WebAssembly module"),
    ("application/vnd.oci.empty.", "an artifact without a configuration"),
    ("application/vnd.unknown.", "an artifact of unknown type"),
)
_ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json"
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(?:(sig)|(att)|(sbom))")
_COSIGN_KINDS = ("a cosign signature", "a cosign attestation", "an SBOM that cosign attached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a manifest is as far as is known, and how it ends where that is settled by what it is."""

    kind: Kind
    outcome: Outcome | None = None


def by_listing(detail: ImageDetail) -> Verdict:
    """What a manifest is by its line in the registry's listing.

    UNKNOWN without an outcome is what only the manifest can tell: the listing gives no media type, or one that is
    rarely seen.
    """
    if reason := _artifact_listed(detail):
        return not_an_image(reason)
    kind = _kind(detail.media_type)
    if detail.status is not ImageStatus.ACTIVE:
        return Verdict(kind=kind, outcome=_stored_away(detail.status))
    if detail.media_type.startswith(_SCHEMA_1):
        return Verdict(kind=Kind.IMAGE, outcome=schema_1())
    if kind is Kind.IMAGE and detail.artifact_type not in ("", *CONFIG_TYPES):
        return Verdict(kind=Kind.UNKNOWN)
    return Verdict(kind=kind)


def by_descriptor(descriptor: Descriptor) -> Verdict:
    """What the child of an index is by the line that lists it there.

    Runtimes choose by platform alone: whatever else the line says, what is for a platform has to be opened.
    """
    if _is_for_a_platform(descriptor):
        return Verdict(kind=Kind.INDEX if descriptor.media_type in INDEX_TYPES else Kind.IMAGE)
    if is_attestation(descriptor):
        return not_an_image("it says something of an image of its index (provenance, SBOM or signature)")
    if reason := known_artifact(descriptor.artifact_type):
        return not_an_image(f"it is {reason}")
    if descriptor.media_type in INDEX_TYPES:
        return Verdict(kind=Kind.INDEX)
    if descriptor.media_type in (*MANIFEST_TYPES, ""):
        return Verdict(kind=Kind.IMAGE)
    return not_an_image(f"it is of type {descriptor.media_type}")


def by_manifest(manifest: Manifest) -> Verdict:
    """What a manifest is by its own words."""
    if manifest.subject is not None:
        return not_an_image(f"it describes {manifest.subject}")
    if artifact := known_artifact(manifest.artifact_type) or known_artifact(manifest.config.media_type):
        return not_an_image(f"it is {artifact}")
    if reason := why_no_image(manifest):
        return not_an_image(reason)
    return Verdict(kind=Kind.IMAGE)


def known_artifact(media_type: str) -> str:
    """What an artifact of this type is, in words; "" for a type that may be an image's or is not known."""
    return next((words for prefix, words in _ARTIFACTS if media_type.startswith(prefix)), "")


def not_an_image(reason: str) -> Verdict:
    """The verdict on what is no image and need not be looked at."""
    return Verdict(
        kind=Kind.ARTIFACT, outcome=Outcome(state=State.SKIPPED, why=Why.NOT_AN_IMAGE, detail=f"{_sentence(reason)}.")
    )


def schema_1() -> Outcome:
    """How a manifest of schema 1 ends: it is an image, and nothing here can read it."""
    detail = "It is a manifest of schema 1, which is obsolete and not read. Push the image again with a newer tool."
    return Outcome(state=State.FAILED, why=Why.UNSUPPORTED, detail=detail)


def _is_for_a_platform(descriptor: Descriptor) -> bool:
    platform = descriptor.platform
    return platform is not None and (platform.os, platform.architecture) != ("unknown", "unknown")


def _artifact_listed(detail: ImageDetail) -> str:
    """What says in the listing that it is no image; "" where nothing does."""
    if artifact := known_artifact(detail.artifact_type):
        return f"it is {artifact}"
    if detail.subject is not None:
        return f"it describes {detail.subject}"
    if detail.media_type == _ARTIFACT_MANIFEST:
        return "it is an OCI artifact"
    return _by_tags(detail.tags)


def _by_tags(tags: tuple[str, ...]) -> str:
    """What cosign's names tell. One other tag beside them, and it may be pulled as an image."""
    matches = [_COSIGN_TAG.fullmatch(tag) for tag in tags]
    if not matches or not all(matches):
        return ""
    first = matches[0]
    return f"it is {_COSIGN_KINDS[(first.lastindex or 1) - 1]}" if first else ""


def _kind(media_type: str) -> Kind:
    if media_type in INDEX_TYPES:
        return Kind.INDEX
    return Kind.IMAGE if media_type in MANIFEST_TYPES else Kind.UNKNOWN


def _stored_away(status: ImageStatus) -> Outcome:
    detail = {
        ImageStatus.ARCHIVED: "It is archived, and cannot be pulled before it is restored.",
        ImageStatus.ACTIVATING: "It is being restored from the archive. Run again when that is done.",
    }[status]
    return Outcome(state=State.SKIPPED, why=Why.ARCHIVED, detail=detail)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
