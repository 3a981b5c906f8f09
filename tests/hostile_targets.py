"""Broken and harmful images on disk, and the real command run on them in a process that is measured."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarballs import END, entry
from tidewaiter.simulator.archives import write_docker_archive, write_layout
from tidewaiter.simulator.images import BuiltLayer, Compression, as_json, build_image, build_layer, sha256

MIB = 1 << 20
_MIB_OF_ZEROS = bytes(MIB)
MOST_MEMORY = 300 * MIB
PATIENCE = 60  # seconds, after which a command counts as hanging
COMMAND = Path(sys.executable).with_name("tidewaiter")

FORMS = ("layout", "saved", "saved --verify", "saved and compressed")
"""How an image lies on disk: an OCI layout with gzip layers; a docker-archive, hopped through, read whole, unpacked."""

# A process's peak counts from its parent's, so a small one stands between: what it waited for is the command alone.
_MEASURE = (
    "import json, resource, subprocess, sys; "
    "code = subprocess.run(sys.argv[2:]).returncode; "
    "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; "
    "open(sys.argv[1], 'w').write(json.dumps([code, peak * 1024]))"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command said and took. `peak` is its resident memory in bytes."""

    code: int
    out: str
    err: str
    peak: int

    @property
    def document(self) -> dict[str, Any]:
        """The JSON report on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def gaps(self) -> list[dict[str, str]]:
        gaps: list[dict[str, str]] = self.document["gaps"]
        return gaps

    @property
    def packages(self) -> list[str]:
        return [package["purl"] for package in self.document["packages"]]

    def gap(self, why: str, *words: str) -> dict[str, str]:
        """The gap for this reason that has all these words in its subject and detail."""
        for gap in self.gaps:
            text = f"{gap['subject']} {gap['detail']}"
            if gap["why"] == why and all(word in text for word in words):
                return gap
        raise AssertionError((why, words, self.gaps))


Look = Callable[..., Outcome]


@dataclass(frozen=True, slots=True)
class Command:
    """Runs `tidewaiter` with a folder of its own for temporary files, and holds it to the bounds of every run."""

    folder: Path

    def __call__(self, *arguments: str | Path, code: int = 2, most_memory: int = MOST_MEMORY) -> Outcome:
        """The outcome, after what is promised of every run: its exit code, no traceback, no file left, its memory."""
        outcome = self.measured(*arguments)
        assert outcome.code == code, (outcome.code, outcome.err)
        assert "Traceback" not in outcome.err
        assert list(self.temporary.iterdir()) == []
        assert outcome.peak <= most_memory, f"{outcome.peak / MIB:.0f} MiB"
        return outcome

    def sbom(self, *arguments: str | Path, code: int = 2, most_memory: int = MOST_MEMORY) -> Outcome:
        """`tidewaiter sbom --format json`."""
        return self("sbom", "--format", "json", *arguments, code=code, most_memory=most_memory)

    def measured(self, *arguments: str | Path) -> Outcome:
        measures = self.folder / "measures"
        done = subprocess.run(
            [sys.executable, "-S", "-c", _MEASURE, measures, COMMAND, *arguments],
            capture_output=True,
            env=self.environment,
            timeout=PATIENCE,
            check=True,
        )
        code, peak = json.loads(measures.read_text())
        return Outcome(code, done.stdout.decode(), done.stderr.decode(), peak)

    def started(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        """The command under way, to be stopped."""
        return subprocess.Popen(
            [COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment
        )

    @property
    def program(self) -> str:
        return str(COMMAND)

    @property
    def temporary(self) -> Path:
        """Where the command puts temporary files."""
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary), "HOME": str(self.folder), "XDG_DATA_HOME": ""}


OS_RELEASE = entry("etc/os-release", b"ID=debian\nVERSION_ID=12\n")
STANZA = b"Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n\n"
STATUS = "var/lib/dpkg/status"
SOUND = (OS_RELEASE, entry(STATUS, STANZA))
"""Entries that every tar of these tests begins with: they must be reported, whatever follows."""
PURL = "pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12"


def packed(stored: bytes, compression: Compression = "gzip") -> BuiltLayer:
    """A layer of these stored bytes, of whose unpacked ones nobody has made a hash."""
    unknown = sha256(b"unpacked")
    return BuiltLayer(tar=b"", stored=stored, compression=compression, diff_id=unknown, digest=sha256(stored))


def write_image(folder: Path, form: str, *layers: bytes) -> list[str | Path]:
    """An image of these layers' tars in one of `FORMS`: the arguments that name it."""
    if form == "layout":
        return [write_layout(folder / "layout", [build_image([build_layer(tar) for tar in layers])])]
    image = {"hostile:1": build_image([build_layer(tar, compression="") for tar in layers])}
    if form == "saved and compressed":
        return [write_docker_archive(folder / "saved.tar.gz", image, compression="gzip")]
    return [write_docker_archive(folder / "saved.tar", image), *form.split()[1:]]


def layer_digest(form: str, tar: bytes) -> str:
    """What reports call a layer of `write_image`."""
    return str(build_layer(tar, compression="gzip" if form == "layout" else "").digest)


def zeros(size: int) -> bytes:
    """So many zeros, gzip-compressed in members: 10 GiB take a moment and 10 MB."""
    member = gzip.compress(bytes(16 * MIB), mtime=0)
    return member * (size // (16 * MIB)) + gzip.compress(bytes(size % (16 * MIB)), mtime=0)


def filled(size: int, content: bytes) -> bytes:
    """Content repeated to so many bytes (a multiple of a mebibyte), gzip-compressed in members."""
    return gzip.compress((content * (MIB // len(content) + 1))[:MIB], mtime=0) * (size // MIB)


def huge(name: str, size: int) -> bytes:
    """The header of a file of so many bytes."""
    return entry(name, at124=b"\x80" + size.to_bytes(11, "big"))


def saved_around_zeros(name: str, size: int) -> tuple[bytes, bytes]:
    """What stands in a docker-archive before and after so many zeros, which are a file behind `SOUND` in its layer."""
    before, after = b"".join(SOUND) + huge(name, size), bytes(-size % 512) + END
    digest = hashlib.sha256(before)
    for _ in range(size // MIB):
        digest.update(_MIB_OF_ZEROS)
    digest.update(after)
    filesystem = {"type": "layers", "diff_ids": [f"sha256:{digest.hexdigest()}"]}
    config = as_json({"os": "linux", "architecture": "amd64", "rootfs": filesystem})
    manifest = as_json([{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}])
    whole = len(before) + size + len(after)
    head = entry("config.json", config) + entry("manifest.json", manifest) + huge("layer.tar", whole) + before
    return head, after + bytes(-whole % 512) + END
