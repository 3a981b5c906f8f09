"""Images looked through in processes: the same is said of them as in one, and no layer is read twice."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest

from fakes.blob_registry import BlobRegistry
from fakes.layer_shelves import MemoryShelf
from tarballs import END, entry, hardlink, symlink, tar
from tidewaiter.fleet.looker import Looked, Looker, PulledImage
from tidewaiter.fleet.pull import EcrSource
from tidewaiter.fleet.watcher import Thing
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import open_images
from tidewaiter.model.cloud import Repository
from tidewaiter.model.gap import Stage, Why
from tidewaiter.model.image import Digest, Platform
from tidewaiter.model.package import Inventory
from tidewaiter.scan import look
from tidewaiter.simulator import demonstration
from tidewaiter.simulator.images import Built, BuiltLayer, build_artifact, build_image, build_index, build_layer, sha256

PATIENCE = 30  # seconds
STATUS = "var/lib/dpkg/status"
DEBIAN = entry("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')


class Counts:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.bytes = 0

    def count(self, thing: Thing, *, found: int = 0, done: int = 0) -> None:
        self.found[thing] += found
        self.done[thing] += done

    def pulled(self, stored_bytes: int) -> None:
        self.bytes += stored_bytes

    def note(self, message: str) -> None:
        pytest.fail(message)


class Fleet:
    """Registries, a shelf, and a Looker with two workers that is started when first used."""

    def __init__(self, stack: ExitStack, limits: Limits, *apis: BlobRegistry) -> None:
        self.api = apis[0]
        self.apis = {api.registry: api for api in apis}
        self.shelf = MemoryShelf()
        self.counts = Counts()
        self.limits = limits
        self.looker = stack.enter_context(
            Looker(workers=2, limits=limits, apis=self.apis.__getitem__, shelf=self.shelf, watcher=self.counts)
        )

    def push(self, image: Built, name: str = "app", api: BlobRegistry | None = None) -> PulledImage:
        return pulled((api or self.api).push(name, str(image.digest.hex[:8]), image), image)

    def look(self, *images: PulledImage) -> list[Looked]:
        return [future.result(PATIENCE) for future in [self.looker.look(image) for image in images]]

    def alone(self, image: PulledImage) -> Inventory:
        """What one process says of the image, that reads all of it."""
        source = EcrSource(self.apis[image.repository.registry])
        opening = open_images(
            image.reference, platform=None, all_platforms=False, limits=self.limits, registry=lambda: source
        )
        with opening as (opened,):
            inventory = look(opened, limits=self.limits)
        source.close()
        return inventory


def pulled(repository: Repository, image: Built) -> PulledImage:
    return PulledImage(repository=repository, digest=image.digest, manifest=image.document, media_type=image.media_type)


@pytest.fixture(scope="module")
def processes() -> Iterator[Fleet]:
    """A fleet that tests share whose images do not get in each other's way."""
    with BlobRegistry() as api, ExitStack() as stack:
        yield Fleet(stack, Limits(), api)


@pytest.fixture
def fleet() -> Iterator[Callable[..., Fleet]]:
    """Makes fleets with registries and processes of their own."""
    with ExitStack() as stack:

        def make(limits: Limits | None = None, registries: int = 1) -> Fleet:
            apis = [stack.enter_context(BlobRegistry(f"{number:012}")) for number in range(registries)]
            return Fleet(stack, limits or Limits(), *apis)

        yield make


def status(*names: str) -> bytes:
    return "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n\n" for name in names).encode()


def debian(*names: str) -> BuiltLayer:
    return build_layer(tar(DEBIAN, entry(STATUS, status(*names))))


def broken_gzip(layer: BuiltLayer) -> BuiltLayer:
    stored = layer.stored[:-20] + bytes(20)
    return replace(layer, stored=stored, digest=sha256(stored))


IMAGES: Mapping[str, Built] = {
    "like Debian": build_image([demonstration.debian_base(), demonstration.debian_curl()]),
    "like Alpine": build_image([demonstration.alpine_base(), demonstration.alpine_curl()]),
    "of no layers": build_image([]),
    "of an empty layer": build_image([build_layer(END)]),
    "with zstd": build_image([debian("a"), build_layer({STATUS: status("a", "b")}, compression="zstd")]),
    "of Docker's types": build_image([debian("a"), debian("b")], family="docker"),
    "with the same layer twice": build_image([debian("a"), debian("b"), debian("a")]),
    "with what only a link leads to": build_image(
        [
            build_layer(tar(DEBIAN, entry("opt/status", status("linked")))),
            build_layer(tar(symlink(STATUS, "/opt/status"))),
        ]
    ),
    "with hard links": build_image(
        [
            build_layer(tar(DEBIAN, entry("opt/status", status("hard")), hardlink(STATUS, "opt/status"))),
            build_layer(tar(hardlink("etc/os-release", "opt/status"))),
        ]
    ),
    "with a link in a circle": build_image([build_layer(tar(DEBIAN, symlink(STATUS, "status")))]),
    "with names that are no text": build_image(
        [build_layer(tar(DEBIAN, entry(b"var/lib/dpkg/status.d/\xff\xfe", status("odd")), symlink("l\xff", "x")))]
    ),
    "with a whiteout": build_image([debian("gone"), build_layer(tar(entry("var/lib/dpkg/.wh.status")))]),
    "with a tar that is cut off": build_image([debian("a"), build_layer(tar(entry(STATUS, status("a")))[:700])]),
    "with broken packing": build_image([debian("a"), broken_gzip(debian("b", "c", "d"))]),
    "with a layer of no known type": build_image([debian("a"), build_layer({"x": b""}, media_type="application/x")]),
    "of another platform": build_image([debian("a")], platform=Platform("windows", "arm64")),
}


@pytest.mark.parametrize("what", IMAGES)
def test_an_image_is_said_to_hold_what_one_process_finds_in_it(processes: Fleet, what: str) -> None:
    image = processes.push(IMAGES[what])
    (looked,) = processes.look(image)
    assert looked.failure is None
    assert looked.inventory == processes.alone(image)


@pytest.mark.parametrize(
    ("what", "built", "expected"),
    [
        ("an artifact", build_artifact("application/vnd.cncf.helm.config.v1+json"), (Stage.SOURCE, Why.NOT_AN_IMAGE)),
        ("an index", build_index([IMAGES["like Debian"]]), (Stage.IMAGE, Why.MALFORMED)),
        ("no JSON", replace(IMAGES["like Debian"], document=b"{"), (Stage.IMAGE, Why.MALFORMED)),
        (
            "a configuration with fewer layers",
            build_image([debian("a")], config={"rootfs": {"type": "layers", "diff_ids": []}}),
            (Stage.IMAGE, Why.MALFORMED),
        ),
        (
            "a layer of another size than promised",
            build_image(
                [debian("a")],
                manifest={
                    "layers": [
                        {
                            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                            "digest": str(debian("a").digest),
                            "size": len(debian("a").stored) + 1,
                        }
                    ]
                },
            ),
            (Stage.IMAGE, Why.MALFORMED),
        ),
    ],
)
def test_what_cannot_be_looked_through_says_why(
    processes: Fleet, what: str, built: Built, expected: tuple[Stage, Why]
) -> None:
    (looked,) = processes.look(processes.push(built, what.replace(" ", "-").lower()))
    assert looked.inventory is None
    assert looked.failure is not None
    assert (looked.failure.stage, looked.failure.why) == expected, looked.failure
    assert str(built.digest) in looked.failure.subject or "layer" in looked.failure.detail


def test_a_manifest_that_is_not_its_digest_s_is_refused(processes: Fleet) -> None:
    image = processes.push(IMAGES["like Debian"])
    (looked,) = processes.look(replace(image, manifest=image.manifest + b" "))
    assert looked.failure is not None
    assert "wrong digest" in looked.failure.detail


def test_tags_are_those_that_the_registry_says_and_the_platform_is_the_image_s_own(processes: Fleet) -> None:
    image = replace(processes.push(IMAGES["of another platform"]), tags=("1", "2"))
    (looked,) = processes.look(image)
    assert looked.inventory is not None
    assert looked.inventory.image.tags == ("1", "2")
    assert looked.inventory.image.platform == Platform("windows", "arm64")
    assert looked.inventory.image.reference == f"{image.repository}@{image.digest}"


def test_a_layer_that_many_images_have_is_read_once(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    base = debian("base")
    built = [build_image([base, debian("base", f"app{number}")]) for number in range(30)]
    images = [ours.push(image, f"app{number % 3}") for number, image in enumerate(built)]
    looked = ours.look(*images)
    distinct = {layer.digest: layer.stored for image in built for layer in image.layers}
    assert [each.failure for each in looked] == [None] * 30
    assert {digest: ours.api.sent(digest) for digest in distinct} == dict.fromkeys(distinct, 1)
    assert sum(each.layers_read for each in looked) == len(distinct) == 31
    total = sum(map(len, distinct.values()))
    assert sum(each.bytes_pulled for each in looked) == ours.counts.bytes == total
    assert sum(ours.shelf.sizes.values()) == total
    assert ours.counts.found["layers"] == ours.counts.done["layers"] == 31


def test_what_is_on_the_shelf_is_not_pulled(fleet: Callable[..., Fleet]) -> None:
    first, second = fleet(), fleet()
    image = first.push(IMAGES["like Debian"])
    (before,) = first.look(image)
    second.shelf = first.shelf
    second.looker._stock._shelf = first.shelf
    (after,) = second.look(replace(second.push(IMAGES["like Debian"])))
    assert after.layers_read == after.bytes_pulled == 0
    assert before.inventory is not None
    assert after.inventory is not None
    assert after.inventory.packages == before.inventory.packages


def test_a_damaged_layer_on_the_shelf_is_read_again(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    image = ours.push(IMAGES["like Debian"])
    damaged = IMAGES["like Debian"].layers[0]
    ours.shelf.kept[damaged.digest] = b"\x01\x00damaged"

    def keep_layer(digest: Digest, fingerprint: str, content: bytes, stored_size: int) -> None:
        kept[digest] = content

    kept: dict[Digest, bytes] = {}
    ours.shelf.keep_layer = keep_layer  # type: ignore[method-assign]  # this time a layer is kept twice
    (looked,) = ours.look(image)
    assert looked.inventory == ours.alone(image)
    assert looked.layers_read == 2
    assert damaged.digest in kept


def test_a_layer_that_a_ceiling_cut_is_not_kept_but_told(fleet: Callable[..., Fleet]) -> None:
    ours = fleet(Limits(entries=1))
    cut = build_layer({"etc/os-release": b"ID=debian\n", STATUS: status("a")})
    whole = build_layer({"etc/other": b""})
    (looked,) = ours.look(ours.push(build_image([cut, whole])))
    assert looked.inventory is not None
    assert [gap.why for gap in looked.inventory.gaps if "limit entries" in gap.detail] == [Why.LIMIT]
    assert set(ours.shelf.kept) == {whole.digest}


def test_the_ceilings_of_an_image_count_all_its_layers(fleet: Callable[..., Fleet]) -> None:
    layers = [debian(*(f"{name}{number}" for number in range(40))) for name in "abc"]
    ours = fleet(Limits(image_bytes=2 * len(layers[0].tar) + 100))
    (looked,) = ours.look(ours.push(build_image(layers)))
    assert looked.inventory is not None
    assert any("limit image_bytes" in gap.detail for gap in looked.inventory.gaps)


def test_a_wrong_layer_fails_its_image_and_the_others_go_on(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    wrong, right = build_image([debian("wrong")]), build_image([debian("right")])
    ours.api.storage.faults.corrupt.add(wrong.layers[0].digest)
    bad, good = ours.look(ours.push(wrong), ours.push(right))
    assert bad.failure is not None
    assert bad.failure.why is Why.MALFORMED
    assert str(wrong.layers[0].digest) in bad.failure.detail
    assert good.inventory is not None
    assert wrong.layers[0].digest not in ours.shelf.kept


def test_a_layer_that_one_registry_refuses_is_read_from_another_that_has_it(fleet: Callable[..., Fleet]) -> None:
    ours = fleet(registries=2)
    refusing, giving = ours.apis.values()
    refusing.refused |= {"GetDownloadUrlForLayer", "GetAuthorizationToken"}
    image = build_image([debian("a")])
    refused = [ours.push(image, name, refusing) for name in ("one", "two", "one")]
    *failures, good = ours.look(*refused, ours.push(image, "app", giving))
    assert good.inventory is not None
    assert {each.failure.why for each in failures if each.failure} == {Why.DENIED}
    assert len([each for each in failures if each.failure]) == 3


def test_an_image_that_says_a_wrong_size_of_a_layer_fails_no_other(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    layer = debian("a")
    descriptor = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": str(layer.digest)}
    wrong = build_image([layer], manifest={"layers": [{**descriptor, "size": len(layer.stored) + 1}]})
    bad, good = ours.look(ours.push(wrong), ours.push(build_image([layer])))
    assert bad.failure is not None
    assert bad.failure.why is Why.MALFORMED
    assert good.inventory is not None


@pytest.mark.parametrize("limits", [Limits(layers=2), Limits(layer_bytes=100)])
def test_of_an_image_beyond_a_ceiling_of_its_manifest_nothing_is_pulled(
    fleet: Callable[..., Fleet], limits: Limits
) -> None:
    ours = fleet(limits)
    image = build_image([debian(name) for name in "abc"])
    (looked,) = ours.look(ours.push(image))
    assert looked.failure is not None
    assert looked.failure.why is Why.LIMIT
    assert "--limit layer" in looked.failure.detail
    assert sum(ours.api.asked.values()) == 0


def test_what_a_refusal_says_reaches_the_report(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    ours.api.refused |= {"GetDownloadUrlForLayer", "GetAuthorizationToken"}
    (looked,) = ours.look(ours.push(build_image([debian("a")])))
    assert looked.failure is not None
    assert (looked.failure.stage, looked.failure.why) == (Stage.REGISTRY, Why.DENIED)
    assert "ecr:GetDownloadUrlForLayer is denied. Allow it" in looked.failure.detail


def test_a_worker_is_given_no_login_where_the_registry_has_no_signed_address(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    ours.api.refused.add("GetDownloadUrlForLayer")
    ours.api.docker.faults.redirect = ""
    (looked,) = ours.look(ours.push(build_image([debian("a")])))
    assert looked.failure is not None
    assert "no signed address of it" in looked.failure.detail
    assert ours.api.password not in looked.failure.detail


def test_addresses_that_have_expired_are_asked_for_again_by_the_worker(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    image = ours.push(build_image([debian("a")]))
    ours.api.expired = 2
    (looked,) = ours.look(image)
    assert looked.inventory is not None
    assert sum(ours.api.asked.values()) == 4


def test_a_worker_that_gets_no_new_address_says_why(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    image = ours.push(build_image([debian("a")]))
    original = ours.api.download

    def download(repository: str, digest: Digest) -> object:
        address = original(repository, digest)
        ours.api.broken = "ThrottlingException"
        return address

    ours.api.expired = 1
    ours.api.download = download  # type: ignore[method-assign,assignment]  # a registry that breaks in between
    (looked,) = ours.look(image)
    assert looked.failure is not None
    assert "AWS answers ThrottlingException" in looked.failure.detail


def test_a_shelf_that_cannot_keep_fails_the_image_and_says_why(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    ours.shelf.full = True
    (looked,) = ours.look(ours.push(build_image([debian("a")])))
    assert looked.failure is not None
    assert "the disk is full" in looked.failure.detail


def test_an_error_of_ours_is_told_as_such(fleet: Callable[..., Fleet]) -> None:
    ours = fleet()
    image = ours.push(build_image([debian("a")]))
    strange = replace(image, repository=replace(image.repository, registry=replace(ours.api.registry, account="9")))
    (looked,) = ours.look(strange)
    assert looked.failure is not None
    assert "an error of tidewaiter itself: KeyError" in looked.failure.detail


def test_what_is_not_done_at_the_end_is_cancelled() -> None:
    with BlobRegistry() as api, ExitStack() as stack:
        ours = Fleet(stack, Limits(), api)
        api.storage.faults.pause = 60
        future = ours.looker.look(ours.push(build_image([debian("a")])))
        stack.close()
        assert future.cancelled()
