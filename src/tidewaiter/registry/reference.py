"""Names of images in registries, with all defaults filled in as Docker does.

https://github.com/distribution/reference/blob/main/reference.go
"""

import re

from tidewaiter.errors import UsageError
from tidewaiter.model.image import Digest, Reference

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_HOST = "registry-1.docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?")
_LONGEST_REPOSITORY = 255
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")


def parse_reference(text: str) -> Reference:
    """The reference that `text` spells: `[registry/]repository[:tag][@digest]`.

    The registry is Docker Hub where none is written, the tag `latest` where neither tag nor digest is. Raises
    UsageError, which says which part is wrong.
    """
    name, at, digest = text.partition("@")
    registry, rest = _split_registry(name)
    repository, colon, tag = rest.partition(":")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    _check(text, repository, tag if colon else None, registry)
    parsed = _digest(text, digest) if at else None
    return Reference(registry=registry, repository=repository, tag=tag or ("" if parsed else "latest"), digest=parsed)


def hub_name(host: str) -> str:
    """A registry's name in references: Docker Hub has several hosts, and one name."""
    return DOCKER_HUB if host in _HUB_NAMES else host


def is_registry(name: str) -> bool:
    """Whether it is a host, with a port or without."""
    return _REGISTRY.fullmatch(name) is not None


def is_repository(name: str) -> bool:
    """Whether it can be the name of a repository."""
    return len(name) <= _LONGEST_REPOSITORY and _REPOSITORY.fullmatch(name) is not None


def is_tag(name: str) -> bool:
    """Whether it can be a tag."""
    return _TAG.fullmatch(name) is not None


def api_host(registry: str) -> str:
    """The host, with its port, that answers for a registry's name."""
    return _HUB_HOST if registry == DOCKER_HUB else registry


def is_loopback(host: str) -> bool:
    """Whether the host (a port may follow) is this machine itself, by its name alone."""
    return _LOOPBACK.fullmatch(re.sub(r":[0-9]+$", "", host.lower())) is not None


def _split_registry(name: str) -> tuple[str, str]:
    """The registry and the rest: the first part is a registry if it cannot be a part of a repository."""
    first, slash, rest = name.partition("/")
    looks_like_host = "." in first or ":" in first or first.lower() == "localhost" or first != first.lower()
    if not slash or not looks_like_host:
        return DOCKER_HUB, name
    return hub_name(first.lower()), rest


def _check(text: str, repository: str, tag: str | None, registry: str) -> None:
    reason = ""
    if not is_registry(registry):
        reason = f"{registry[:100]!r} is no registry"
    elif repository != repository.lower():
        reason = "a repository's name is in lower case"
    elif not is_repository(repository):
        reason = f"{repository[:100]!r} is no repository"
    elif tag is not None and not _TAG.fullmatch(tag):
        reason = f"{tag[:100]!r} is no tag"
    if reason:
        raise UsageError(f"not an image reference: {reason}", where=text[:300])


def _digest(text: str, digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except ValueError as error:
        raise UsageError(f"not an image reference: {error}", where=text[:300]) from None
