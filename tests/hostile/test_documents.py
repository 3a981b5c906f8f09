"""Targets whose documents are hostile, or that are no images at all."""

import json
import os
from pathlib import Path

import pytest

from hostile_targets import SOUND, Command, Look
from tarballs import tar
from tidewaiter.simulator.archives import docker_archive_files, layout_files, write_folder, write_tar
from tidewaiter.simulator.images import Built, as_json, build_image, build_index, build_layer, describe, sha256

IMAGE = build_image([build_layer(tar(*SOUND))])
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
DEEP = {"lists": b"[" * 100_000 + b"]" * 100_000, "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}
NOT_JSON = {"text": b"hello", "nothing": b"", "a cut": b'{"schemaVersion": 2, "manif'}


def layout(folder: Path, **files: bytes) -> Path:
    """A layout with an image, some of its files replaced or added."""
    named = {name.replace("_", "."): content for name, content in files.items()}
    return write_folder(folder, {**layout_files([IMAGE]), **named})


def layout_of(folder: Path, *documents: bytes, media_type: str = MANIFEST_TYPE) -> Path:
    """A layout whose index lists the first document, and which holds them all."""
    index = as_json({"schemaVersion": 2, "manifests": [describe(documents[0], media_type)]})
    blobs = {f"blobs/sha256/{sha256(document).hex}": document for document in documents}
    return write_folder(folder, {**layout_files([IMAGE]), **blobs, "index.json": index})


def manifest(**fields: object) -> bytes:
    return as_json({**json.loads(IMAGE.document), **fields})


def beside(document: bytes, content: bytes) -> bytes:
    """The object with one more key."""
    return document[:-1] + b',"x":' + content + b"}"


class TestNesting:
    @pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
    def test_documents_of_a_layout_that_are_nested_100_000_deep_are_malformed(
        self, command: Command, tmp_path: Path, content: bytes
    ) -> None:
        config = beside(IMAGE.config, content)
        wrapped = manifest(config=describe(config, "application/vnd.oci.image.config.v1+json"))
        targets = {
            "index.json": layout(tmp_path / "1", index_json=beside(b'{"schemaVersion":2,"manifests":[]}', content)),
            "sha256:": layout_of(tmp_path / "2", beside(IMAGE.document, content)),
            "configuration sha256:": layout_of(tmp_path / "3", wrapped, config),
        }
        for where, target in targets.items():
            outcome = command.sbom(target, most_memory=64 << 20)
            outcome.gap("malformed", str(target), where, "nested too deep")
            assert outcome.err.count("\n") == 1

    @pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
    def test_so_is_the_list_of_a_docker_archive(self, look: Look, tmp_path: Path, content: bytes) -> None:
        files = {**docker_archive_files({"a:1": IMAGE}), "manifest.json": b'[{"Config":"a","x":' + content + b"}]"}
        path = write_tar(tmp_path / "saved.tar", files)
        look(path).gap("malformed", str(path), "manifest.json", "nested too deep")

    @pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
    def test_so_is_an_sbom(self, command: Command, tmp_path: Path, database: Path, content: bytes) -> None:
        path = tmp_path / "sbom.json"
        path.write_bytes(b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[],"x":' + content + b"}")
        outcome = command("match", "--db", database, path)
        assert str(path) in outcome.err
        assert "nested too deep" in outcome.err


class TestWrongDocuments:
    @pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON)
    def test_what_is_no_json_is_malformed(self, look: Look, tmp_path: Path, content: bytes) -> None:
        target = layout(tmp_path / "index", index_json=content)
        look(target).gap("malformed", str(target), "index.json", "not valid JSON")
        target = layout_of(tmp_path / "manifest", content)
        look(target).gap("malformed", str(target), str(sha256(content)), "not valid JSON")

    def test_an_index_that_refers_to_itself_is_malformed(self, look: Look, tmp_path: Path) -> None:
        """No index can hold its own digest: one that seems to has another digest than the one it is stored under."""
        name = "0" * 64
        document = b""
        for _ in range(2):
            size = len(document) or 100
            entry = {"mediaType": INDEX_TYPE, "digest": f"sha256:{name}", "size": size}
            document = as_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})
        files = {**layout_files([IMAGE]), "index.json": document, f"blobs/sha256/{name}": document}
        target = write_folder(tmp_path / "layout", files)
        look(target).gap("malformed", str(target), name, "wrong digest")

    def test_indexes_nested_too_deep_are_not_followed(self, look: Look, tmp_path: Path) -> None:
        nested: Built = IMAGE
        for _ in range(10):
            nested = build_index([nested])
        target = write_folder(tmp_path / "layout", layout_files([nested]))
        look(target).gap("limit", str(target), "nested deeper than 4", "index_depth")

    def test_an_index_that_lists_another_thousands_of_times_is_not_followed(self, look: Look, tmp_path: Path) -> None:
        inner = build_index([IMAGE])
        document = as_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [inner.descriptor()] * 5000})
        target = layout_of(tmp_path / "layout", document, inner.document, media_type=INDEX_TYPE)
        look(target).gap("limit", str(target), "more than 1000 manifests", "index_manifests")

    def test_more_layers_than_the_ceiling_are_not_read(self, look: Look, tmp_path: Path) -> None:
        layers = json.loads(IMAGE.document)["layers"] * 1001
        target = layout_of(tmp_path / "layout", manifest(layers=layers))
        look(target).gap("limit", str(target), "1001 layers", "layers")

    @pytest.mark.parametrize("count", [0, 2])
    def test_another_number_of_diff_ids_than_of_layers_is_malformed(
        self, look: Look, tmp_path: Path, count: int
    ) -> None:
        image = build_image(IMAGE.layers, config={"rootfs": {"diff_ids": [str(IMAGE.layers[0].diff_id)] * count}})
        target = write_folder(tmp_path / "layout", layout_files([image]))
        look(target).gap("malformed", str(target), f"1 layers, and its configuration has {count} diff_ids")
        path = write_tar(tmp_path / "saved.tar", docker_archive_files({"a:1": image}))
        look(path).gap("malformed", str(path), f"{count} diff_ids")

    @pytest.mark.parametrize("size", [-1, 1 << 64, "1", 1.5, None])
    def test_a_size_that_is_none_is_malformed(self, look: Look, tmp_path: Path, size: object) -> None:
        layer = {**json.loads(IMAGE.document)["layers"][0], "size": size}
        target = layout_of(tmp_path / "layout", manifest(layers=[layer]))
        look(target).gap("malformed", str(target), "layers[0].size")

    @pytest.mark.parametrize("digest", ["sha256:../../../../etc/passwd", "md5:" + "0" * 32, "sha256:" + "0" * 63, ""])
    def test_a_digest_that_is_none_is_malformed(self, look: Look, tmp_path: Path, digest: str) -> None:
        layer = {**json.loads(IMAGE.document)["layers"][0], "digest": digest}
        target = layout_of(tmp_path / "layout", manifest(layers=[layer]))
        look(target).gap("malformed", str(target), "layers[0].digest", "not a digest")

    def test_a_manifest_that_claims_terabytes_is_not_read(self, command: Command, tmp_path: Path) -> None:
        entry = {**describe(IMAGE.document, MANIFEST_TYPE), "size": 1 << 42}
        target = layout(tmp_path / "layout", index_json=as_json({"schemaVersion": 2, "manifests": [entry]}))
        command.sbom(target, most_memory=64 << 20).gap("limit", str(target), "manifest_bytes")

    def test_a_layer_that_claims_another_size_is_malformed(self, look: Look, tmp_path: Path) -> None:
        layer = {**json.loads(IMAGE.document)["layers"][0], "size": 1 << 42}
        target = layout_of(tmp_path / "layout", manifest(layers=[layer]))
        look(target).gap("malformed", str(target), str(IMAGE.layers[0].digest.hex), "were promised")


class TestNoImages:
    @pytest.mark.parametrize(
        "content",
        [b"FROM debian\n" * 100, b"\x7fELF" + bytes(5000), b"PK\3\4" + b"x" * 600, b"\x1f\x8b", b"\0" * 100, b"{}"],
    )
    def test_a_file_of_another_kind_is_no_image(self, look: Look, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "file"
        path.write_bytes(content)
        outcome = look(path)
        assert [(gap["stage"], gap["subject"]) for gap in outcome.gaps] in (
            [("source", str(path))],
            [("image", str(path))],
        )
        assert outcome.err.startswith(f"tidewaiter: {path}: ")
        assert outcome.err.count("\n") == 1

    def test_an_empty_file_a_pipe_and_a_device_are_none_and_not_waited_for(
        self, command: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").touch()
        os.mkfifo(tmp_path / "pipe")
        for path, reason in ((tmp_path / "empty", "empty"), (tmp_path / "pipe", "regular"), ("/dev/zero", "regular")):
            command.sbom(path).gap("not-an-image", str(path), reason)

    def test_a_folder_of_other_things_is_none(self, look: Look, tmp_path: Path) -> None:
        look(tmp_path).gap("not-an-image", str(tmp_path), "neither an OCI layout")

    def test_what_is_not_there_is_none(self, look: Look, tmp_path: Path) -> None:
        look(tmp_path / "image.tar").gap("not-an-image", str(tmp_path / "image.tar"), "no such file")

    def test_the_tar_of_a_root_file_system_is_none_and_the_message_helps(self, look: Look, tmp_path: Path) -> None:
        (tmp_path / "root.tar").write_bytes(tar(*SOUND))
        look(tmp_path / "root.tar").gap("not-an-image", "docker export", "dir:")

    def test_a_broken_image_does_not_keep_the_others_from_being_scanned(
        self, command: Command, tmp_path: Path, database: Path
    ) -> None:
        sound = layout(tmp_path / "sound")
        outcome = command("scan", "--format", "json", "--db", database, tmp_path / "no.tar", sound, sound)
        broken, *others = outcome.document["reports"]
        assert broken["gaps"][0]["why"] == "not-an-image"
        assert [len(report["packages"]) for report in others] == [1, 1]
