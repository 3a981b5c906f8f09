"""`python -m benchmarks.cloud`: a simulated AWS in a process of its own, with many images on few bases.

Prints one line of JSON that says how to reach it, then for every line on stdin how many bytes of blobs it has sent; it
ends with its stdin.
"""

import json
import random
import sys
from collections.abc import Iterator

from tidewaiter.simulator import rootfs
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.images import Built, BuiltLayer, Content, build_image, build_layer
from tidewaiter.simulator.policies import allowing
from tidewaiter.simulator.rootfs import Installed

_REGION = "eu-central-1"
_BASE_PACKAGES = 180
_BASE_FILES = 2_500
_BASE_BYTES = 10_000  # of each file, that do not compress
_OWN_PACKAGES = 12
_OWN_FILES = 120
_OWN_BYTES = 20_000
_RELEASES = 5  # of each service, in a repository of its own


def main() -> None:
    """Serve until stdin ends."""
    bases, each = int(sys.argv[1]), int(sys.argv[2])
    with SimulatedAws() as cloud:
        account = cloud.account("benchmark", regions=(_REGION,))
        user = account.user("tidewaiter", policy=allowing("*"))
        registry = account.registry(_REGION)
        distinct: dict[str, int] = {}
        references = []
        for repository, tag, image in _images(bases, each):
            digest = registry.push(repository, tag, image)
            distinct.update((str(blob), len(content)) for blob, content in image.blobs.items())
            references.append(f"{registry.docker_url.removeprefix('http://')}/{repository}@{digest}")
        told = {
            "environment": cloud.environment(user, region=_REGION),
            "region": _REGION,
            "references": references,
            "distinct_bytes": sum(distinct.values()),
        }
        print(json.dumps(told), flush=True)
        for _ in sys.stdin:
            print(cloud.registries.blobs.bytes_served, flush=True)


def _images(bases: int, each: int) -> Iterator[tuple[str, str, Built]]:
    """`each` images on each of the bases: the base, a layer of packages, one with an application's files."""
    noise = random.Random(1)
    for number in range(bases):
        packages = [Installed(f"base{number}-lib{index}", f"1.{index}-1+deb12u1") for index in range(_BASE_PACKAGES)]
        base = _layer(dict(rootfs.debian(packages)), _files(noise, f"usr/share/base{number}", _BASE_FILES, _BASE_BYTES))
        for image in range(each):
            name = f"service-{number}-{image}"
            own = [Installed(f"{name}-{index}", f"2.{index}-1") for index in range(_OWN_PACKAGES)]
            installed = _layer({rootfs.STATUS: rootfs.dpkg_status([*packages, *own])}, {})
            application = _layer({}, _files(noise, f"srv/{name}", _OWN_FILES, _OWN_BYTES))
            repository = f"team-{number}/service-{image // _RELEASES}"
            yield repository, f"1.{image % _RELEASES}", build_image([base, installed, application])


def _files(noise: random.Random, folder: str, count: int, size: int) -> dict[str, Content]:
    return {f"{folder}/{index % 50}/{index}": noise.randbytes(size) for index in range(count)}


def _layer(database: dict[str, Content], files: dict[str, Content]) -> BuiltLayer:
    return build_layer({**files, **database})


if __name__ == "__main__":
    main()
