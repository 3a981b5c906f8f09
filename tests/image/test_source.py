"""Where images come from: each form that users have, with and without a scheme, by name, digest and platform."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from tidewaiter.errors import SourceError, UnsupportedError, UsageError
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import Image, open_images
from tidewaiter.model.gap import Why
from tidewaiter.model.image import Digest, Platform, Reference
from tidewaiter.simulator.archives import (
    Maker,
    docker_archive_files,
    layout_files,
    write_docker_archive,
    write_layout,
    write_layout_tar,
    write_tar,
)
from tidewaiter.simulator.images import (
    Built,
    Compression,
    Symlink,
    as_json,
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    build_layer,
    compress,
    describe,
    sha256,
)

ARM = Platform("linux", "arm64")
WINDOWS = Platform("windows", "amd64")
BASE = build_layer({"etc/os-release": b"ID=debian\n"}, created_by="ADD rootfs", compression="gzip")
TOP = build_layer({"app": b"1"}, created_by="COPY app", compression="gzip")
SMALL = build_image([BASE, TOP], labels={"team": "a"})
PLAIN = build_image([build_layer(BASE.tar, compression=""), build_layer(TOP.tar, compression="")])


def opened(target: str | Path, *, platform: Platform | None = None, every: bool = False) -> tuple[Image, ...]:
    with open_images(str(target), platform=platform, all_platforms=every, limits=Limits(), registry=None) as images:
        return images


def only(target: str | Path, *, platform: Platform | None = None) -> Image:
    (image,) = opened(target, platform=platform)
    return image


def stored(image: Image) -> list[bytes]:
    contents = []
    for blob in image.blobs:
        with blob.open() as stream:
            contents.append(stream.read())
    return contents


def for_platform(platform: Platform) -> Built:
    return build_image([build_layer({"os": str(platform).encode()})], platform=platform)


class TestLayouts:
    @pytest.mark.parametrize("write", [write_layout, write_layout_tar])
    @pytest.mark.parametrize("family", ["oci", "docker"])
    @pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
    def test_an_image_is_identified_and_its_layers_are_the_stored_bytes(
        self, tmp_path: Path, write: Callable[..., Path], family: str, compression: Compression
    ) -> None:
        layers = [build_layer(layer.tar, compression=compression, created_by=layer.created_by) for layer in (BASE, TOP)]
        built = build_image(layers, family=family)  # type: ignore[arg-type]  # a parameter is a plain string
        image = only(write(tmp_path / "it", {"v1": built}))
        assert image.identity.digest == built.digest
        assert image.identity.tags == ("v1",)
        assert str(image.identity.platform) == "linux/amd64"
        assert str(image.identity.created) == "2026-01-02 03:04:05.678901+00:00"
        assert stored(image) == [layer.stored for layer in layers]
        assert [blob.hash_of for blob in image.blobs] == ["stored", "stored"]
        assert [blob.layer.digest for blob in image.blobs] == [layer.digest for layer in layers]
        assert [blob.layer.diff_id for blob in image.blobs] == [layer.diff_id for layer in layers]
        assert [blob.layer.created_by for blob in image.blobs] == ["ADD rootfs", "COPY app"]
        assert image.gaps == ()

    def test_the_configuration_is_kept_without_its_environment(self, tmp_path: Path) -> None:
        image = only(write_layout(tmp_path / "it", [SMALL]))
        assert image.config is not None
        assert image.config.labels == (("team", "a"),)
        assert "secret" not in repr(image)

    def test_plain_layers_of_an_archive_can_be_hopped_through_where_they_lie(self, tmp_path: Path) -> None:
        for blob, layer in zip(only(write_layout_tar(tmp_path / "it", [PLAIN])).blobs, PLAIN.layers, strict=True):
            assert blob.plain is not None
            file, offset, size = blob.plain
            assert Path(file).read_bytes()[offset : offset + size] == layer.tar

    def test_plain_layers_of_a_folder_are_read_and_hashed(self, tmp_path: Path) -> None:
        assert all(blob.plain is None for blob in only(write_layout(tmp_path / "it", [PLAIN])).blobs)

    def test_a_compressed_layer_that_is_called_plain_is_not_hopped_through(self, tmp_path: Path) -> None:
        media_type = "application/vnd.oci.image.layer.v1.tar"
        built = build_image([build_layer({"a": b"1"}, compression="gzip", media_type=media_type)])
        assert only(write_layout(tmp_path / "it", [built])).blobs[0].plain is None

    def test_a_stream_can_be_opened_again_and_read_in_pieces(self, tmp_path: Path) -> None:
        blob = only(write_layout_tar(tmp_path / "it.tar", [SMALL])).blobs[0]
        with blob.open() as one, blob.open() as other:
            assert one.read(3) + other.read(3) == BASE.stored[:3] * 2
            assert one.read() == BASE.stored[3:]
            assert one.read(1) == b""

    def test_the_two_names_of_one_image_are_one_image(self, tmp_path: Path) -> None:
        image = only(write_layout(tmp_path / "it", {"v1": SMALL, "v2": SMALL}))
        assert image.identity.tags == ("v1", "v2")

    def test_all_images_of_a_layout_are_opened_unless_one_is_named(self, tmp_path: Path) -> None:
        other = build_image([BASE])
        folder = write_layout(tmp_path / "it", {"v1": SMALL, "x.io/a:v2": other})
        assert [image.identity.digest for image in opened(folder)] == [SMALL.digest, other.digest]
        assert only(f"oci:{folder}:v1").identity.digest == SMALL.digest
        assert only(f"oci:{folder}:x.io/a:v2").identity.digest == other.digest
        assert only(f"oci:{folder}@{other.digest}").identity.digest == other.digest
        assert only(f"oci-archive:{folder}:v1").identity.digest == SMALL.digest

    def test_images_without_names_and_platforms_are_images_of_their_own(self, tmp_path: Path) -> None:
        images = [SMALL, for_platform(ARM)]
        entries = [describe(image.document, image.media_type) for image in images]
        files = {**layout_files(images), "index.json": as_json({"schemaVersion": 2, "manifests": entries})}
        platforms = [str(image.identity.platform) for image in opened(write_tar(tmp_path / "it", files))]
        assert platforms == ["linux/amd64", "linux/arm64"]

    def test_images_without_names_that_say_their_platforms_are_one_image(self, tmp_path: Path) -> None:
        image = only(write_layout(tmp_path / "it", [for_platform(ARM), SMALL]))
        assert image.identity.digest == SMALL.digest

    def test_a_name_that_is_not_there_is_answered_with_those_that_are(self, tmp_path: Path) -> None:
        folder = write_layout(tmp_path / "it", {"v1": SMALL, "v2": build_image([BASE])})
        with pytest.raises(SourceError, match=r"it holds no image v3\. It holds v1, v2\."):
            opened(f"oci:{folder}:v3")
        with pytest.raises(SourceError, match="holds no image sha256:"):
            opened(f"oci:{folder}@{sha256(b'')}")

    def test_a_chart_is_no_image(self, tmp_path: Path) -> None:
        chart = build_artifact("application/vnd.cncf.helm.config.v1+json")
        with pytest.raises(
            SourceError, match=r"not an image: its configuration is of type application/vnd\.cncf\.helm"
        ):
            opened(write_layout(tmp_path / "it", [chart]))

    def test_a_signature_with_an_image_s_configuration_is_no_image(self, tmp_path: Path) -> None:
        signature = build_artifact(
            "application/vnd.dev.cosign.simplesigning.v1+json", config_type="application/vnd.oci.image.config.v1+json"
        )
        with pytest.raises(SourceError, match="not an image: its layers are of type"):
            opened(write_layout(tmp_path / "it", [signature]))

    def test_a_chart_beside_an_image_is_a_gap(self, tmp_path: Path) -> None:
        chart = build_artifact("application/vnd.cncf.helm.config.v1+json")
        image, gap = opened(write_layout(tmp_path / "it", {"v1": SMALL, "chart": chart}))
        assert (image.gaps, gap.blobs) == ((), ())
        assert [found.why for found in gap.gaps] == [Why.NOT_AN_IMAGE]

    @pytest.mark.parametrize(
        ("media_type", "reason"),
        [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "foreign"),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign"),
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"),
            ("application/vnd.example.squashfs", "of a type that is not read"),
        ],
    )
    def test_a_layer_that_cannot_be_read_is_a_gap(self, tmp_path: Path, media_type: str, reason: str) -> None:
        odd = build_layer({"a": b"1"}, media_type=media_type)
        image = only(write_layout(tmp_path / "it", [build_image([BASE, odd])]))
        assert [blob.layer.index for blob in image.blobs] == [0]
        assert [layer.index for layer in image.identity.layers] == [0, 1]
        (gap,) = image.gaps
        assert gap.why is Why.UNSUPPORTED
        assert gap.subject == str(odd.digest)
        assert reason in gap.detail

    def test_a_history_that_does_not_fit_is_left_out(self, tmp_path: Path) -> None:
        built = build_image([BASE, TOP], config={"history": [{"created_by": "squashed"}]})
        image = only(write_layout(tmp_path / "it", [built]))
        assert [layer.created_by for layer in image.identity.layers] == ["", ""]


class TestIndexes:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        images = [for_platform(platform) for platform in (ARM, Platform("linux", "amd64"), WINDOWS)]
        attested = [built for image in images for built in (build_attestation(image), image)]
        return write_layout(tmp_path / "it", {"v1": build_index(attested)})

    def test_linux_on_amd64_is_the_default(self, folder: Path) -> None:
        assert str(only(folder).identity.platform) == "linux/amd64"

    @pytest.mark.parametrize("text", ["linux/arm64", "linux/arm64/v8", "linux/aarch64", "windows/amd64"])
    def test_a_platform_can_be_chosen(self, folder: Path, text: str) -> None:
        platform = Platform.parse(text)
        found = only(folder, platform=platform).identity.platform
        assert found is not None
        assert (found.os, found.architecture) == (platform.os, platform.architecture)

    def test_all_platforms_are_without_attestations(self, folder: Path) -> None:
        platforms = [str(image.identity.platform) for image in opened(folder, every=True)]
        assert platforms == ["linux/arm64", "linux/amd64", "windows/amd64"]

    def test_a_platform_that_is_not_there_is_answered_with_those_that_are(self, folder: Path) -> None:
        with pytest.raises(SourceError, match="no image for linux/s390x, only for linux/amd64, linux/arm64, windows"):
            opened(folder, platform=Platform("linux", "s390x"))

    def test_without_the_default_the_only_one_is_taken(self, tmp_path: Path) -> None:
        image = for_platform(ARM)
        folder = write_layout(tmp_path / "one", {"v1": build_index([image, build_attestation(image)])})
        assert only(folder).identity.platform == ARM

    def test_without_the_default_the_user_chooses_among_several(self, tmp_path: Path) -> None:
        folder = write_layout(tmp_path / "two", {"v1": build_index([for_platform(ARM), for_platform(WINDOWS)])})
        with pytest.raises(
            SourceError, match=r"no image for linux/amd64, only for linux/arm64, windows/amd64\. Choose"
        ):
            opened(folder)

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [("linux/arm", "linux/arm/v7"), ("linux/arm/v6", "linux/arm/v6"), ("linux/arm/v7", "linux/arm/v7")],
    )
    def test_a_variant_is_chosen_exactly_or_as_implied(self, tmp_path: Path, wanted: str, expected: str) -> None:
        images = [for_platform(Platform("linux", "arm", variant)) for variant in ("v6", "v7")]
        folder = write_layout(tmp_path / "it", {"v1": build_index(images)})
        assert str(only(folder, platform=Platform.parse(wanted)).identity.platform) == expected

    def test_nested_indexes_are_looked_into(self, tmp_path: Path) -> None:
        inner = build_index([for_platform(ARM), for_platform(Platform("linux", "amd64"))])
        folder = write_layout(tmp_path / "it", {"v1": build_index([build_index([inner])])})
        assert str(only(folder).identity.platform) == "linux/amd64"

    def test_an_obsolete_manifest_is_not_passed_over(self, tmp_path: Path) -> None:
        document = as_json({"schemaVersion": 1, "fsLayers": []})
        kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        platform = Platform("linux", "amd64")
        manifests = {sha256(document): (kind, document)}
        obsolete = Built(document=document, media_type=kind, platform=platform, manifests=manifests)
        folder = write_layout(tmp_path / "it", {"v1": build_index([obsolete, for_platform(ARM)], family="docker")})
        with pytest.raises(UnsupportedError, match="schema 1"):
            opened(folder)
        gap, image = opened(folder, every=True)
        assert [found.why for found in gap.gaps] == [Why.UNSUPPORTED]
        assert image.identity.platform == ARM

    def test_a_child_is_found_by_its_digest(self, folder: Path) -> None:
        digest = for_platform(WINDOWS).digest
        assert only(f"oci:{folder}@{digest}").identity.digest == digest

    def test_an_index_that_lists_more_than_the_layout_holds_gives_what_is_there(self, tmp_path: Path) -> None:
        absent, there = for_platform(Platform("linux", "amd64")), for_platform(ARM)
        folder = write_layout(tmp_path / "it", {"v1": build_index([absent, there])})
        (folder / "blobs/sha256" / absent.digest.hex).unlink()
        assert only(folder).identity.platform == ARM
        with pytest.raises(SourceError, match="it lists linux/amd64, but does not hold them"):
            opened(folder, platform=Platform("linux", "amd64"))
        gap, image = opened(folder, every=True)
        assert [found.why for found in gap.gaps] == [Why.UNREACHABLE]
        assert image.gaps == ()

    def test_an_image_for_another_platform_is_not_taken_for_the_wanted_one(self, tmp_path: Path) -> None:
        folder = write_layout(tmp_path / "it", {"v1": SMALL})
        with pytest.raises(SourceError, match="no image for linux/arm64, only for linux/amd64"):
            opened(folder, platform=ARM)


class TestDockerArchives:
    @pytest.mark.parametrize("maker", ["docker", "podman", "kaniko"])
    @pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
    def test_every_maker_s_archive_is_read_also_compressed_as_a_whole(
        self, tmp_path: Path, maker: Maker, compression: Compression
    ) -> None:
        path = write_docker_archive(tmp_path / "it", {"app:v1": SMALL}, maker, compression)
        with open_images(str(path), platform=None, all_platforms=False, limits=Limits(), registry=None) as (image,):
            layers = [layer.stored if maker == "kaniko" else layer.tar for layer in SMALL.layers]
            assert stored(image) == layers
        assert image.identity.digest == sha256(SMALL.config)
        assert image.identity.tags == ("app:v1",)
        assert [blob.hash_of for blob in image.blobs] == ["unpacked", "unpacked"]
        assert [blob.layer.digest for blob in image.blobs] == [layer.diff_id for layer in SMALL.layers]
        assert [blob.plain is None for blob in image.blobs] == [maker == "kaniko"] * 2
        assert [blob.layer.created_by for blob in image.blobs] == ["ADD rootfs", "COPY app"]

    def test_frames_of_zstd_without_data_may_come_first(self, tmp_path: Path) -> None:
        skipped = b"\x50\x2a\x4d\x18\x04\0\0\0data"  # as pzstd writes it
        layer = replace(BASE, stored=skipped + compress(BASE.tar, "zstd"))
        plain = write_docker_archive(tmp_path / "it", {"app:v1": build_image([layer])}, "kaniko")
        packed = tmp_path / "packed"
        packed.write_bytes(skipped + compress(plain.read_bytes(), "zstd"))
        assert only(packed).blobs[0].layer.media_type.endswith(".zstd")
        assert only(plain).blobs[0].plain is None

    def test_an_unpacked_copy_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "tmp"
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        path = write_docker_archive(tmp_path / "it", {"app:v1": SMALL}, compression="gzip")
        with open_images(str(path), platform=None, all_platforms=False, limits=Limits(), registry=None) as (image,):
            assert list(folder.iterdir()) == []
            blob = image.blobs[0]
        with pytest.raises(SourceError, match="it cannot be read"):
            blob.open()

    def test_runs_of_zeros_in_an_unpacked_copy_take_no_room(self, tmp_path: Path) -> None:
        built = build_image([build_layer({"zeros": bytes(8 << 20)}, compression="")])
        path = write_docker_archive(tmp_path / "it", {"app:v1": built}, compression="gzip")
        with open_images(str(path), platform=None, all_platforms=False, limits=Limits(), registry=None) as (image,):
            assert image.blobs[0].plain is not None
            assert Path(image.blobs[0].plain[0]).stat().st_blocks * 512 < 4 << 20
            assert stored(image) == [built.layers[0].tar]

    def test_layers_that_are_links_to_others_are_found(self, tmp_path: Path) -> None:
        images = {"one:1": build_image([BASE]), "two:1": build_image([TOP, BASE])}
        files = docker_archive_files(images)
        links = [content for content in files.values() if isinstance(content, Symlink)]
        assert len(links) == 1
        one, two = opened(write_tar(tmp_path / "it", files))
        assert stored(one) + stored(two) == [BASE.tar, TOP.tar, BASE.tar]

    def test_hard_links_between_layers_are_found(self, tmp_path: Path) -> None:
        path = tmp_path / "it"
        files = docker_archive_files({"one:1": SMALL}, "podman")
        first, second = (f"{layer.diff_id.hex}.tar" for layer in SMALL.layers)
        files["manifest.json"] = bytes(files["manifest.json"]).replace(second.encode(), b"link.tar")  # type: ignore[arg-type]  # it is bytes
        write_tar(path, {name: content for name, content in files.items() if name != second})
        with tarfile.open(path, "a") as archive:
            member = tarfile.TarInfo("link.tar")
            member.type, member.linkname = tarfile.LNKTYPE, f"./{first}"
            archive.addfile(member)
        assert stored(only(path))[1] == BASE.tar

    def test_names_with_a_dot_in_front_are_the_same_names(self, tmp_path: Path) -> None:
        files = {f"./{name}": content for name, content in docker_archive_files({"a:1": SMALL}).items()}
        assert only(write_tar(tmp_path / "it", files)).identity.tags == ("a:1",)

    @pytest.mark.parametrize("name", ["two:1", "docker.io/library/two:1", "library/two:1"])
    def test_one_of_several_is_chosen_by_any_spelling_of_its_name(self, tmp_path: Path, name: str) -> None:
        path = write_docker_archive(tmp_path / "it", {"one:1": SMALL, "two:1": build_image([TOP])})
        assert len(opened(path)) == 2
        assert only(f"docker-archive:{path}:{name}").identity.tags == ("two:1",)
        with pytest.raises(SourceError, match=r"no image three\. It holds one:1, two:1\."):
            opened(f"docker-archive:{path}:three")

    def test_an_image_is_chosen_by_its_configuration_s_digest(self, tmp_path: Path) -> None:
        path = write_docker_archive(tmp_path / "it", {"": SMALL})
        assert only(f"docker-archive:{path}@{sha256(SMALL.config)}").identity.tags == ()

    def test_an_archive_that_is_a_layout_too_is_identified_by_its_manifest(self, tmp_path: Path) -> None:
        path = write_docker_archive(tmp_path / "it", {"app:v1": PLAIN}, "docker-25")
        image = only(path)
        assert image.identity.digest == PLAIN.digest
        assert image.identity.tags == ("docker.io/library/app:v1",)
        assert all(blob.plain for blob in image.blobs)
        assert only(f"docker-archive:{path}").identity.digest == sha256(PLAIN.config)
        assert only(f"oci-archive:{path}:app:v1").identity.digest == PLAIN.digest

    def test_an_image_that_only_one_of_two_lists_names_is_read_too(self, tmp_path: Path) -> None:
        files = docker_archive_files({"app:v1": PLAIN}, "docker-25")
        hidden = docker_archive_files({"app:v1": SMALL}, "docker-25")
        files = {**files, **hidden, "index.json": files["index.json"]}
        digests = {image.identity.digest for image in opened(write_tar(tmp_path / "it", files))}
        assert digests == {PLAIN.digest, sha256(SMALL.config)}

    def test_another_platform_than_the_wanted_one_is_told(self, tmp_path: Path) -> None:
        path = write_docker_archive(tmp_path / "it", {"app:v1": SMALL})
        assert only(path, platform=Platform("linux", "amd64")).identity.tags == ("app:v1",)
        with pytest.raises(SourceError, match="no image for linux/arm64, only for linux/amd64"):
            opened(path, platform=ARM)


class Refusing:
    """A registry that gives nothing but the text of the reference."""

    def reference(self, text: str) -> Reference:
        raise UsageError(f"asked for {text}")

    def manifest(self, reference: Reference, *, ceiling: int) -> tuple[bytes, str]:
        raise NotImplementedError

    def blob(self, reference: Reference, digest: Digest, size: int) -> BinaryIO:
        raise NotImplementedError


class TestTargets:
    def test_a_root_file_system_is_known_by_its_folders(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        image = only(tmp_path)
        assert (image.folder, image.blobs, image.identity.digest) == (str(tmp_path), (), None)

    def test_any_folder_is_a_root_file_system_by_its_scheme(self, tmp_path: Path) -> None:
        assert only(f"dir:{tmp_path}").folder == str(tmp_path)

    def test_a_folder_that_looks_like_nothing_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"neither an OCI layout .* nor looks like a root file system"):
            opened(tmp_path)

    @pytest.mark.parametrize("name", ["./none", "/none/at/all", "../none", "image.tar", "image.tar.gz", "image.tgz"])
    def test_a_path_that_is_not_there_is_no_reference(self, name: str) -> None:
        with pytest.raises(SourceError, match="there is no such file or folder"):
            opened(name)

    @pytest.mark.parametrize("scheme", ["docker-archive", "oci", "oci-archive", "dir"])
    def test_a_path_with_a_scheme_must_be_there(self, tmp_path: Path, scheme: str) -> None:
        with pytest.raises(SourceError, match="there is no such"):
            opened(f"{scheme}:{tmp_path}/none:v1")

    @pytest.mark.parametrize(
        ("target", "reference"),
        [
            ("alpine", "alpine"),
            ("alpine:3", "alpine:3"),
            ("registry:alpine", "alpine"),
            ("registry://x.io/a", "x.io/a"),
            ("docker://alpine", "alpine"),
            ("docker:alpine", "alpine"),
            ("registry:5000/a", "registry:5000/a"),
            ("registry:registry:5000/a", "registry:5000/a"),
            ("registry:image.tar", "image.tar"),
        ],
    )
    def test_all_else_is_a_reference(self, target: str, reference: str) -> None:
        with pytest.raises(UsageError, match="names an image in a registry"):
            opened(target)
        with (
            pytest.raises(UsageError, match=f"asked for {reference}$"),
            open_images(target, platform=None, all_platforms=False, limits=Limits(), registry=Refusing),
        ):
            raise AssertionError

    def test_an_existing_path_goes_before_a_reference(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_layout_tar(tmp_path / "alpine:3", {"v1": SMALL})
        assert only("alpine:3").identity.digest == SMALL.digest
        Path("alpine:3").rename("oci:alpine")
        assert only("oci:alpine").identity.digest == SMALL.digest
