"""Targets that are broken, or made to harm: each ends with an error that names the place, and takes no room."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tidewaiter.errors import LimitError, MalformedError, SourceError, TidewaiterError, UnsupportedError
from tidewaiter.image.limits import Limits
from tidewaiter.image.manifest import read_document
from tidewaiter.image.selection import Flattening
from tidewaiter.image.source import open_images
from tidewaiter.model.image import Descriptor, Digest, Index
from tidewaiter.simulator.archives import (
    docker_archive_files,
    layout_files,
    write_docker_archive,
    write_folder,
    write_layout,
    write_layout_tar,
    write_tar,
)
from tidewaiter.simulator.images import Symlink, as_json, build_image, build_index, build_layer, describe, sha256

IMAGE = build_image([build_layer({"a": b"1"}), build_layer({"b": b"2"})])
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def failure(target: str | Path, limits: Limits | None = None) -> TidewaiterError:
    with (
        pytest.raises(TidewaiterError) as caught,
        open_images(str(target), platform=None, all_platforms=False, limits=limits or Limits(), registry=None),
    ):
        raise AssertionError
    return caught.value


def layout_of(folder: Path, document: bytes, media_type: str = MANIFEST_TYPE, **blobs: bytes) -> Path:
    """A layout whose index lists one document."""
    files = layout_files([IMAGE])
    files["index.json"] = as_json({"schemaVersion": 2, "manifests": [describe(document, media_type)]})
    for content in (document, *blobs.values()):
        files[f"blobs/sha256/{sha256(content).hex}"] = content
    return write_folder(folder, files)


def changed(**fields: object) -> bytes:
    return as_json({**json.loads(IMAGE.document), **fields})


class TestNoImages:
    @pytest.mark.parametrize(
        "content", [b"FROM alpine\n" * 100, b"\0", b"\x7fELF" + b"\0" * 2000, b"PK\3\4" + b"x" * 600, os.urandom(5000)]
    )
    def test_a_file_of_another_kind_is_said_to_be_no_image(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "it"
        path.write_bytes(content)
        assert isinstance(failure(path), SourceError)
        assert "not an image: it is no tar archive" in str(failure(path))

    def test_an_empty_file_is_said_to_be_empty(self, tmp_path: Path) -> None:
        (tmp_path / "it").touch()
        assert "the file is empty" in str(failure(tmp_path / "it"))

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "it")
        assert "no regular file" in str(failure(tmp_path / "it"))

    @pytest.mark.parametrize("inside", [b"", b"text", bytes(range(256)) * 50])
    def test_compressed_junk_is_no_image(self, tmp_path: Path, inside: bytes) -> None:
        path = tmp_path / "it.gz"
        path.write_bytes(gzip.compress(inside))
        assert "not an image" in str(failure(path))

    def test_a_gzip_that_is_cut_off_is_malformed(self, tmp_path: Path) -> None:
        whole = write_docker_archive(tmp_path / "whole", {"a:1": IMAGE}, compression="gzip").read_bytes()
        path = tmp_path / "it.gz"
        for size in (11, len(whole) // 2, len(whole) - 9):
            path.write_bytes(whole[:size])
            error = failure(path)
            assert isinstance(error, MalformedError)
            assert error.where == str(path)

    def test_a_bomb_that_is_no_tar_is_not_unpacked(self, tmp_path: Path) -> None:
        path = tmp_path / "it.gz"
        path.write_bytes(gzip.compress(bytes(8 << 20)))
        error = failure(path, Limits(archive_bytes=4 << 20))
        assert isinstance(error, SourceError)
        assert "no tar archive inside" in error.what

    def test_a_bomb_of_zeros_takes_neither_disk_nor_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "it.gz"
        member = tarfile.TarInfo("manifest.json")
        member.size = 64 << 20
        with gzip.open(path, "wb", compresslevel=1) as stream:
            stream.write(member.tobuf())
            stream.writelines(bytes(1 << 20) for _ in range(64))
        error = failure(path, Limits(archive_bytes=32 << 20))
        assert isinstance(error, LimitError)
        assert error.limit == "archive_bytes"

    def test_a_file_system_s_tar_is_told_from_an_image_s(self, tmp_path: Path) -> None:
        path = write_tar(tmp_path / "it", {"etc/passwd": b"", "usr/bin/x": b"", "index.html": b""})
        assert "as docker export writes it" in str(failure(path))
        assert "neither manifest.json" in str(failure(write_tar(tmp_path / "other", {"a": b""})))

    def test_an_archive_of_before_docker_1_10_is_unsupported(self, tmp_path: Path) -> None:
        path = write_tar(tmp_path / "it", {"repositories": b"{}", "abc/layer.tar": b"", "abc/json": b"{}"})
        assert isinstance(failure(path), UnsupportedError)


class TestTars:
    @pytest.fixture
    def whole(self, tmp_path: Path) -> bytes:
        return write_docker_archive(tmp_path / "whole", {"a:1": IMAGE}).read_bytes()

    @pytest.mark.parametrize("cut", [700, 1000, 3000])
    def test_a_tar_that_ends_early_is_malformed(self, tmp_path: Path, whole: bytes, cut: int) -> None:
        path = tmp_path / "it"
        path.write_bytes(whole[:cut])
        error = failure(path)
        assert isinstance(error, MalformedError)
        assert error.where == str(path)

    @pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000001\0", b"99999999999\0"])
    def test_negative_and_overflowing_sizes_are_malformed(self, tmp_path: Path, whole: bytes, size: bytes) -> None:
        header = bytearray(whole[:512])
        header[124:136] = size
        header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 0x20)
        path = tmp_path / "it"
        path.write_bytes(bytes(header) + whole[512:])
        assert isinstance(failure(path), MalformedError)

    def test_more_members_than_allowed_end_it(self, tmp_path: Path) -> None:
        path = write_tar(tmp_path / "it", {f"{n}": b"" for n in range(11)})
        error = failure(path, Limits(archive_members=10))
        assert isinstance(error, LimitError)
        assert (error.limit, error.where) == ("archive_members", str(path))

    def test_links_in_a_circle_end(self, tmp_path: Path) -> None:
        files = {"manifest.json": Symlink("other.json"), "other.json": Symlink("manifest.json")}
        assert "in a circle" in str(failure(write_tar(tmp_path / "it", files)))

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "none", "", ".", "a\0b"])
    @pytest.mark.parametrize("field", ["Config", "Layers"])
    def test_names_of_nothing_in_the_archive_lead_nowhere(self, tmp_path: Path, name: str, field: str) -> None:
        files = docker_archive_files({"a:1": IMAGE})
        (entry,) = json.loads(bytes(files["manifest.json"]))  # type: ignore[arg-type]  # it is bytes
        entry[field] = name if field == "Config" else [name, *entry["Layers"][1:]]
        error = failure(write_tar(tmp_path / "it", {**files, "manifest.json": as_json([entry])}))
        assert isinstance(error, MalformedError)
        assert "the archive has no file" in str(error)

    def test_a_member_that_leads_upwards_is_not_there(self, tmp_path: Path) -> None:
        files = docker_archive_files({"a:1": IMAGE})
        (entry,) = json.loads(bytes(files["manifest.json"]))  # type: ignore[arg-type]  # it is bytes
        files["../config"] = files[entry["Config"]]
        manifest = as_json([{**entry, "Config": "../config"}])
        error = failure(write_tar(tmp_path / "it", {**files, "manifest.json": manifest}))
        assert "the archive has no file '../config'" in str(error)

    def test_links_do_not_lead_out_of_the_archive(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("{}")
        path = write_tar(tmp_path / "it", {"manifest.json": Symlink(str(secret)), "x": Symlink("../../secret")})
        assert "neither manifest.json" in str(failure(path))

    def test_a_configuration_that_is_not_what_its_name_promises_is_malformed(self, tmp_path: Path) -> None:
        files = docker_archive_files({"a:1": IMAGE})
        name = f"{sha256(IMAGE.config).hex}.json"
        files[name] = IMAGE.config.replace(b"amd64", b"arm64")
        error = failure(write_tar(tmp_path / "it", files))
        assert isinstance(error, MalformedError)
        assert "wrong digest" in error.what
        assert error.where.endswith(name)

    def test_layers_and_diff_ids_must_be_as_many(self, tmp_path: Path) -> None:
        files = docker_archive_files({"a:1": IMAGE})
        (entry,) = json.loads(bytes(files["manifest.json"]))  # type: ignore[arg-type]  # it is bytes
        entry["Layers"].pop()
        error = failure(write_tar(tmp_path / "it", {**files, "manifest.json": as_json([entry])}))
        assert "it has 1 layers, and its configuration has 2 diff_ids" in str(error)


class TestDocuments:
    @pytest.mark.parametrize("write", [write_layout, write_layout_tar])
    def test_a_manifest_with_another_digest_is_malformed(self, tmp_path: Path, write: Callable[..., Path]) -> None:
        files = layout_files([IMAGE])
        name = f"blobs/sha256/{IMAGE.digest.hex}"
        files[name] = files[name].replace(b"schemaVersion", b"schemaversion")
        target = write_folder(tmp_path / "it", files) if write is write_layout else write_tar(tmp_path / "it", files)
        error = failure(target)
        assert isinstance(error, MalformedError)
        assert "wrong digest" in error.what
        assert str(IMAGE.digest) in error.where

    @pytest.mark.parametrize("what", ["manifest", "config", "layer"])
    @pytest.mark.parametrize("change", [b"", b"x"])
    def test_a_blob_of_another_size_is_malformed(self, tmp_path: Path, what: str, change: bytes) -> None:
        folder = write_layout(tmp_path / "it", [IMAGE])
        digest = {"manifest": IMAGE.digest, "config": sha256(IMAGE.config), "layer": IMAGE.layers[0].digest}[what]
        file = folder / "blobs/sha256" / digest.hex
        file.write_bytes(file.read_bytes() + b"x" if change else b"")
        error = failure(folder)
        assert isinstance(error, MalformedError)
        assert "were promised" in error.what
        assert digest.hex in error.where

    def test_a_configuration_with_another_digest_is_malformed(self, tmp_path: Path) -> None:
        folder = write_layout(tmp_path / "it", [IMAGE])
        file = folder / "blobs/sha256" / sha256(IMAGE.config).hex
        file.write_bytes(IMAGE.config.replace(b"amd64", b"arm64"))
        assert "wrong digest" in str(failure(folder))

    def test_a_layer_that_is_not_there_is_malformed(self, tmp_path: Path) -> None:
        folder = write_layout(tmp_path / "it", [IMAGE])
        (folder / "blobs/sha256" / IMAGE.layers[1].digest.hex).unlink()
        error = failure(folder)
        assert isinstance(error, MalformedError)
        assert IMAGE.layers[1].digest.hex in error.where

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            (b"", "not valid JSON"),
            (b"null", "expected `object`"),
            (b"[" * 100_000, "expected `object`"),
            (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
            (b'{"config":' + b'{"a":' * 100_000, "nested too deep"),
            (b'{"layers":[],"config":{"digest":"sha256:x","size":1}}', "config.digest: not a digest"),
            (b'{"layers":[],"config":{"digest":5,"size":1}}', "config.digest: expected `str`, got `int`"),
            (changed(config=None), "config: expected `object`"),
            (changed(layers=[{"digest": "sha256:" + "0" * 64, "size": -1}]), "layers[0].size: expected `int` >= 0"),
            (changed(layers=[{"digest": "sha256:" + "0" * 64, "size": 1 << 70}]), "layers[0].size: expected `int` <="),
            (changed(layers=[{"digest": "sha256:" + "0" * 64, "size": 1.5}]), "layers[0].size: expected `int`"),
            (changed(layers="x"), "layers: expected"),
            (changed(manifests=[]), "a manifest and an index at once"),
            (b"{}", "neither a manifest nor an index"),
            (b'{"manifests":"\xff"}', "manifests: expected `array | null`, got `str`"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
        ],
    )
    def test_a_document_that_breaks_its_format_is_named_with_the_place(
        self, tmp_path: Path, document: bytes, message: str
    ) -> None:
        error = failure(layout_of(tmp_path / "it", document))
        assert isinstance(error, MalformedError)
        assert str(sha256(document)) in error.where
        assert message in str(error)

    def test_schema_1_is_unsupported(self, tmp_path: Path) -> None:
        document = as_json({"schemaVersion": 1, "fsLayers": [{"blobSum": "sha256:0"}], "history": []})
        assert isinstance(failure(layout_of(tmp_path / "it", document)), UnsupportedError)

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"rootfs": {"diff_ids": ["x"]}}, "rootfs.diff_ids[0]: not a digest"),
            ({"rootfs": None}, "rootfs: expected `object`"),
            ({"history": [{"created_by": 5}]}, "history[0].created_by: expected"),
            ({"config": {"Labels": {"a": 5}}}, "config.Labels[...]: expected `str`"),
            ({"rootfs": {"diff_ids": []}}, "it has 2 layers, and its configuration has 0 diff_ids"),
        ],
    )
    def test_a_configuration_that_breaks_its_format_is_named_with_the_place(
        self, tmp_path: Path, config: dict[str, object], message: str
    ) -> None:
        folder = write_layout(tmp_path / "it", [build_image(IMAGE.layers, config=config)])
        error = failure(folder)
        assert isinstance(error, MalformedError)
        assert message in str(error)

    def test_odd_times_and_platforms_are_no_errors(self, tmp_path: Path) -> None:
        built = build_image(IMAGE.layers, config={"created": "yesterday", "os": None, "architecture": ""})
        folder = write_layout(tmp_path / "it", {"v1": built})
        with open_images(str(folder), platform=None, all_platforms=True, limits=Limits(), registry=None) as (image,):
            assert image.identity.created is None

    @pytest.mark.parametrize(
        ("limits", "name"),
        [
            (Limits(manifest_bytes=10), "manifest_bytes"),
            (Limits(config_bytes=10), "config_bytes"),
            (Limits(layers=1), "layers"),
            (Limits(images=1), "images"),
            (Limits(index_manifests=1), "index_manifests"),
        ],
    )
    def test_every_ceiling_is_kept_and_named(self, tmp_path: Path, limits: Limits, name: str) -> None:
        files = {"v1": build_index([IMAGE]), "v2": IMAGE}
        for target in (write_layout(tmp_path / "it", files), write_layout_tar(tmp_path / "it.tar", files)):
            error = failure(target, limits)
            assert isinstance(error, LimitError)
            assert error.limit == name

    def test_a_manifest_that_is_promised_to_be_huge_is_not_read(self, tmp_path: Path) -> None:
        files = layout_files([IMAGE])
        entry = {"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "0" * 64, "size": 1 << 40}
        files["index.json"] = as_json({"schemaVersion": 2, "manifests": [entry]})
        folder = write_folder(tmp_path / "it", files)
        with (folder / "blobs/sha256" / ("0" * 64)).open("wb") as sparse:
            sparse.truncate(1 << 40)
        error = failure(folder)
        assert isinstance(error, LimitError)
        assert error.limit == "manifest_bytes"


class TestIndexes:
    def test_an_index_that_claims_to_list_itself_ends(self, tmp_path: Path) -> None:
        """No document can hold its own digest: whoever tries has a wrong one, and is told so."""
        own = Digest("sha256", "a" * 64)
        entry = {"mediaType": INDEX_TYPE, "digest": str(own), "size": 163}
        document = as_json({"schemaVersion": 2, "manifests": [entry]})
        files = layout_files([IMAGE])
        files["index.json"] = as_json({"schemaVersion": 2, "manifests": [{**entry, "size": len(document)}]})
        files[f"blobs/sha256/{own.hex}"] = document
        assert isinstance(failure(write_folder(tmp_path / "it", files)), MalformedError)

    def test_an_index_that_refers_to_itself_ends_even_where_nobody_checks(self) -> None:
        child = Descriptor(media_type=INDEX_TYPE, digest=Digest("sha256", "a" * 64), size=1)
        index = Index(digest=child.digest, media_type=INDEX_TYPE, manifests=(child,))
        with pytest.raises(MalformedError, match="refers to itself"):
            Flattening(lambda _: index, Limits(), "it").manifests(index)

    def test_two_indexes_that_refer_to_each_other_end(self) -> None:
        children = [Descriptor(media_type=INDEX_TYPE, digest=Digest("sha256", c * 64), size=1) for c in "ab"]
        documents = {
            children[n].digest: Index(digest=children[n].digest, media_type="", manifests=(children[1 - n],))
            for n in (0, 1)
        }
        with pytest.raises(MalformedError, match="refers to itself"):
            Flattening(lambda child: documents[child.digest], Limits(), "it").manifests(documents[children[0].digest])

    def test_indexes_are_nested_no_deeper_than_allowed(self, tmp_path: Path) -> None:
        built = IMAGE
        for _ in range(6):
            built = build_index([built])
        error = failure(write_layout(tmp_path / "it", [built]))
        assert isinstance(error, LimitError)
        assert error.limit == "index_depth"

    def test_a_tree_of_indexes_that_grows_without_end_is_cut(self) -> None:
        """Each index lists one child many times: few bytes, and a thousand to the fourth manifests."""
        levels = [Descriptor(media_type=INDEX_TYPE, digest=Digest("sha256", f"{n:064}"), size=1) for n in range(5)]
        documents = {
            child.digest: Index(digest=child.digest, media_type="", manifests=(levels[n + 1],) * 1000 if n < 4 else ())
            for n, child in enumerate(levels)
        }
        with pytest.raises(LimitError, match="more than 1000 manifests"):
            Flattening(lambda child: documents[child.digest], Limits(index_depth=9), "it").manifests(
                documents[levels[0].digest]
            )

    def test_an_index_of_attestations_only_holds_no_image(self, tmp_path: Path) -> None:
        attestation = {**describe(b"{}", MANIFEST_TYPE), "platform": {"os": "unknown", "architecture": "unknown"}}
        document = as_json({"schemaVersion": 2, "manifests": [attestation]})
        error = failure(layout_of(tmp_path / "it", document, INDEX_TYPE))
        assert isinstance(error, SourceError)
        assert "lists no image" in str(error)

    def test_a_layout_without_images_says_so(self, tmp_path: Path) -> None:
        assert "it lists no images" in str(failure(write_layout(tmp_path / "it", [])))
        empty = {**docker_archive_files({}), "manifest.json": b"[]"}
        assert "it lists no images" in str(failure(write_tar(tmp_path / "it.tar", empty)))

    def test_a_descriptor_that_calls_an_index_a_manifest_is_malformed(self, tmp_path: Path) -> None:
        built = build_index([IMAGE])
        folder = layout_of(tmp_path / "it", built.document, MANIFEST_TYPE)
        error = failure(folder)
        assert isinstance(error, MalformedError)
        assert "its descriptor says manifest" in error.what


def test_a_manifest_s_own_media_type_goes_before_what_others_say() -> None:
    assert read_document(IMAGE.document, "it", "text/plain").media_type == MANIFEST_TYPE
    assert read_document(changed(mediaType=None), "it", "text/plain").media_type == "text/plain"


def test_no_error_shows_more_than_a_line(tmp_path: Path) -> None:
    stream = io.StringIO(str(failure(write_tar(tmp_path / "it", {"a": b""}))))
    assert len(stream.readlines()) == 1
