"""Images full of what nobody outside may see, each at a place of its own, in words that stand nowhere else."""

import base64
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tidewaiter.model.image import Platform
from tidewaiter.simulator.images import (
    Built,
    BuiltLayer,
    as_json,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    describe,
    sha256,
)

_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
_HELM = "application/vnd.cncf.helm.config.v1+json"
_RANDOM_BYTES = 40_000
_STANZA = """Package: {name}
Status: install ok installed
Maintainer: Debian
Architecture: amd64
Version: {version}
Depends: libc6, {depends}
Homepage: https://{homepage}@example.com
Conffiles:
 /etc/{conffile} 0123456789abcdef
Description: {description}
 {more}
Password: {field}

"""


@dataclass
class Planter:
    """Makes the words. `words` are those that were made, by where they stand, `contents` what no piece may leave of."""

    seed: str
    words: dict[str, str] = field(default_factory=dict)
    contents: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, place: str) -> str:
        """A word for a place."""
        word = f"{self._random.randbytes(12).hex()}"
        self.words[f"{self.seed}: {place}"] = word
        return word

    def content(self) -> bytes:
        """Content that no program makes shorter."""
        self.contents.append(self._random.randbytes(_RANDOM_BYTES))
        return self.contents[-1]

    def layer(self, files: dict[str, bytes], created_by: str = "") -> BuiltLayer:
        """A layer whose stored bytes must not leave either."""
        layer = build_layer(dict(files), created_by=created_by)
        self.contents.append(layer.stored)
        return layer


def debian(plant: Planter, *packages: str) -> dict[str, bytes]:
    """A Debian with these packages, each `name version`: secrets in its files, also in those that are read."""
    status = "".join(_stanza(plant, *package.split()) for package in packages)
    return {
        "etc/os-release": f'ID=debian\nVERSION_ID="12"\nHOME_URL="https://{plant("os-release")}@x/"\n'.encode(),
        "var/lib/dpkg/status": status.encode(),
        "var/lib/dpkg/status-old": plant("status-old").encode(),
        "var/lib/dpkg/info/curl.postinst": f"TOKEN={plant('postinst')}".encode(),
        "var/lib/dpkg/info/curl.list": f"/usr/share/{plant('list of files')}".encode(),
        "etc/shadow": f"root:{plant('shadow')}:1::::::".encode(),
    }


def alpine(plant: Planter, *packages: str) -> dict[str, bytes]:
    """The same of an Alpine."""
    stanzas = "".join(
        f"P:{name}\nV:{version}\nA:x86_64\nT:{plant('apk description')}\nU:https://{plant('apk URL')}@x/\n"
        f"t:1\nc:{plant('apk commit')}\nD:so:{plant('apk dependency')}\nF:etc\nR:{plant('apk file')}\n\n"
        for name, version in (package.split() for package in packages)
    )
    return {
        "etc/os-release": f"ID=alpine\nVERSION_ID=3.18.4\nBUG={plant('apk os-release')}\n".encode(),
        "lib/apk/db/installed": stanzas.encode(),
        "lib/apk/db/scripts.tar": plant("apk scripts").encode(),
        "etc/apk/repositories": f"https://u:{plant('apk repositories')}@x/".encode(),
    }


def secretive(plant: Planter, system: dict[str, bytes]) -> Built:
    """A sound image with secrets wherever an image can have some."""
    files = {
        "srv/data.bin": plant.content(),
        "app/.env": f"KEY={plant('.env')}".encode(),
        "root/.ssh/id_ed25519": plant("private key").encode(),
        "root/.docker/config.json": as_json({"auths": {"x": {"auth": plant("docker config")}}}),
    }
    layers = [
        plant.layer(system, created_by=f"|1 TOKEN={plant('argument of a build')} /bin/sh -c apt-get install"),
        plant.layer(files, created_by=f"ENV PASSWORD={plant('history line')}"),
    ]
    config = _config(plant, layers)
    built = build_image(layers, config=config)
    plant.contents.append(base64.b64encode(built.config))
    return build_image(layers, config=config, manifest=_manifest(plant, built))


def several(plant: Planter, image: Built, other: Built) -> Built:
    """An index of two images and an attestation, with secrets in its descriptors."""
    index = build_index([image, other, _attestation(plant, image)])
    children = [
        {
            **child,
            "data": _data(plant("data in an index").encode()),
            "annotations": {**child.get("annotations", {}), "note": plant("annotation in an index")},
            "urls": [f"https://{plant('URL in an index')}@example.com/"],
        }
        for child in _children(image, other, _attestation(plant, image))
    ]
    document = as_json(
        {
            "schemaVersion": 2,
            "mediaType": index.media_type,
            "manifests": children,
            "annotations": {"org.example": plant("annotation of an index")},
        }
    )
    held = {digest: each for digest, each in index.manifests.items() if digest != index.digest}
    return replace(index, document=document, manifests={**held, sha256(document): (index.media_type, document)})


def schema_1(plant: Planter) -> Built:
    """A manifest of the time when the configuration stood in the manifest."""
    layer = plant.layer({"etc/note": plant("layer of schema 1").encode()})
    old = {"id": "1", "config": {"Env": [f"TOKEN={plant('environment in schema 1')}"]}}
    command = {"container_config": {"Cmd": [f"ENV TOKEN={plant('command in schema 1')}"]}}
    document = as_json(
        {
            "schemaVersion": 1,
            "name": "old",
            "tag": "1",
            "architecture": "amd64",
            "fsLayers": [{"blobSum": str(layer.digest)}],
            "history": [{"v1Compatibility": as_json({**old, **command}).decode()}],
            "signatures": [{"protected": plant("signature of schema 1")}],
        }
    )
    return Built(
        document=document,
        media_type=_SCHEMA_1,
        blobs={layer.digest: layer.stored},
        manifests={sha256(document): (_SCHEMA_1, document)},
    )


def chart(plant: Planter) -> Built:
    """Something that is no image."""
    return build_artifact(_HELM, as_json({"values": {"password": plant("value of a chart")}}))


def unreadable(plant: Planter) -> Iterator[tuple[str, Built]]:
    """Images that cannot be read, each with its name: what is said of the reason must not quote them."""
    sound = plant.layer(debian(plant, "bash 5.2"))
    configs: dict[str, bytes] = {
        "cut": f'{{"config":{{"Env":["TOKEN={plant("cut configuration")}"]}},"rootfs":'.encode(),
        "no-json": plant("configuration that is no JSON").encode(),
        "odd-digest": as_json({"os": "linux", "rootfs": {"diff_ids": [plant("diff_id that is none")]}}),
        "odd-types": as_json({"config": {"Env": plant("environment that is no list")}, "os": [plant("os")]}),
        "odd-date": as_json({"created": plant("date that is none"), "rootfs": {"diff_ids": [str(sound.diff_id)]}}),
    }
    for name, config in configs.items():
        yield name, _with_config(build_image([sound]), config)
    yield "no-tar", build_image([_stored(plant, gzip.compress(plant("layer that is no tar").encode() * 90, mtime=0))])
    yield "no-gzip", build_image([_stored(plant, plant("layer that is no gzip").encode() * 90)])
    yield "no-manifest", _misspelled(plant, sound)


def _stanza(plant: Planter, name: str, version: str) -> str:
    places = ("depends", "homepage", "conffile", "description", "more", "field")
    return _STANZA.format(name=name, version=version, **{place: plant(f"dpkg {place}") for place in places})


def _config(plant: Planter, layers: list[BuiltLayer]) -> dict[str, Any]:
    history = [
        {"created_by": layer.created_by, "comment": plant("comment in history"), "author": plant("author in history")}
        for layer in layers
    ]
    empty = {"created_by": f"ENV SECRET={plant('empty line of history')}", "empty_layer": True}
    environment = {"Env": ["PATH=/bin", f"AWS_SECRET_ACCESS_KEY={plant('environment')}"]}
    return {
        "author": plant("author"),
        "history": [*history, empty],
        "config": {
            **environment,
            "Labels": {"com.example.password": plant("label"), plant("name of a label"): "1"},
            "Cmd": ["serve", "--password", plant("command")],
            "Entrypoint": ["/bin/sh", plant("entrypoint")],
            "Healthcheck": {"Test": ["CMD", plant("health check")]},
            "User": plant("user"),
            "WorkingDir": f"/{plant('working folder')}",
        },
        "container_config": {"Env": [f"TOKEN={plant('environment of the container')}"]},
    }


def _manifest(plant: Planter, built: Built) -> dict[str, Any]:
    config = describe(built.config, "application/vnd.oci.image.config.v1+json")
    layers = [
        {
            **describe(layer.stored, "application/vnd.oci.image.layer.v1.tar+gzip"),
            "annotations": {"note": plant("annotation of a layer")},
            "data": _data(plant("data of a layer").encode()),
            "urls": [f"https://user:{plant('URL of a layer')}@example.com/"],
        }
        for layer in built.layers
    ]
    return {
        "config": {**config, "data": _data(built.config)},
        "layers": layers,
        "annotations": {"org.example.build": plant("annotation of a manifest")},
    }


def _children(*images: Built) -> list[dict[str, Any]]:
    return [dict(image.descriptor()) for image in images]


def _attestation(plant: Planter, image: Built) -> Built:
    """BuildKit's statement of how the image was built, with the build's arguments."""
    statement = build_layer(as_json({"buildArgs": plant("argument in an attestation")}), compression="")
    kind = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": str(image.digest)}
    layer = {
        **describe(statement.stored, "application/vnd.in-toto+json"),
        "annotations": {"in-toto.io/predicate-type": plant("annotation in an attestation")},
    }
    built = build_image([statement], platform=Platform("unknown", "unknown"), manifest={"layers": [layer]})
    return replace(built, annotations=kind)


def _with_config(image: Built, config: bytes) -> Built:
    """The image with another configuration, whatever that is."""
    layers = [describe(layer.stored, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in image.layers]
    fields = {
        "schemaVersion": 2,
        "mediaType": image.media_type,
        "config": describe(config, "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }
    blobs = {sha256(config): config, **{layer.digest: layer.stored for layer in image.layers}}
    return replace(_document(as_json(fields)), blobs=blobs)


def _misspelled(plant: Planter, layer: BuiltLayer) -> Built:
    """An image whose manifest has a field of another type than the specification wants."""
    fields = {"schemaVersion": 2, "config": describe(b"{}", "application/vnd.oci.image.config.v1+json")}
    odd = {**describe(layer.stored, "application/vnd.oci.image.layer.v1.tar"), "urls": plant("URL that is no list")}
    return _document(as_json({**fields, "layers": [odd]}))


def _document(document: bytes) -> Built:
    media_type = "application/vnd.oci.image.manifest.v1+json"
    return Built(document=document, media_type=media_type, manifests={sha256(document): (media_type, document)})


def _stored(plant: Planter, stored: bytes) -> BuiltLayer:
    """A layer that is not what its media type says."""
    plant.contents.append(stored)
    return replace(build_layer({"a": b""}), stored=stored, digest=sha256(stored))


def _data(content: bytes) -> str:
    return base64.b64encode(content).decode()
