"""Names of images as people write them: short and long spellings of one name are the same."""

_REGISTRIES = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")


def same_name(one: str, other: str) -> bool:
    """Whether both spell one image: `alpine` is `docker.io/library/alpine:latest`."""
    return one == other or _short(one) == _short(other)


def _short(name: str) -> str:
    for registry in _REGISTRIES:
        name = name.removeprefix(registry)
    name = name.removeprefix("library/")
    tagged = ":" in name.rpartition("/")[2] or "@" in name
    return name if tagged else f"{name}:latest"
