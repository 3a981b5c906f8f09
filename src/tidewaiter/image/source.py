"""Where images come from: archives, OCI layouts, folders and registries, behind one function.

A target is `SCHEME:WHAT`, or WHAT alone. Schemes:

- `docker-archive:FILE[:NAME|@DIGEST]`: what `docker save` writes, also compressed as a whole
- `oci:FOLDER[:NAME|@DIGEST]` and `oci-archive:FILE[:NAME|@DIGEST]`: an OCI layout; both take a folder and a tar
- `dir:FOLDER`: a root file system
- `registry:REFERENCE` (also `docker:REFERENCE`, each with or without `//`): an image in a registry

Without a scheme an existing path wins, by its contents; all else is a reference. A tar that is a docker-archive and an
OCI layout at once is read as the layout: it knows the manifest's digest and says the layers' media types, and the
layers are the same members. An image that only the docker-archive's list names is read as well.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tidewaiter.errors import MalformedError, SourceError, TidewaiterError, UnsupportedError, UsageError
from tidewaiter.image.archive import INDEX, MANIFEST, Archive, Files, Folder
from tidewaiter.image.blob import Image, LayerBlob, Registry
from tidewaiter.image.limits import Limits
from tidewaiter.image.selection import Wanted
from tidewaiter.image.unpack import plain_file
from tidewaiter.model.image import ImageIdentity, Platform

__all__ = ["Image", "LayerBlob", "Registry", "open_images"]

_ROOT_FOLDERS = ("etc", "usr", "bin", "sbin", "lib", "var", "opt", "app")
_PATH_STARTS = ("/", "./", "../", "~")
_ARCHIVE_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2")
_SCHEMES = ("docker-archive", "oci-archive", "oci", "dir", "registry", "docker")


@contextmanager
def open_images(
    target: str,
    *,
    platform: Platform | None,
    all_platforms: bool,
    limits: Limits,
    registry: Callable[[], Registry] | None,
) -> Iterator[tuple[Image, ...]]:
    """The images that `target` names, readable until the block ends.

    Several images in one archive or layout are all given, unless the target names one; so nothing in it stays unseen.
    An index gives the image for `platform`, else for linux/amd64, else the only one, or all of them. `registry` is
    called when the target is a reference. Raises SourceError, MalformedError, UnsupportedError, LimitError,
    RegistryError, UsageError.
    """
    wanted = Wanted(platform=platform, every=all_platforms)
    scheme, what = _split(target)
    with ExitStack() as stack:
        yield _Opening(target, wanted, limits, stack).images(scheme, what, registry)


def _split(target: str) -> tuple[str, str]:
    """The target's scheme and what it names; the scheme is found out where it is not written."""
    scheme, colon, what = target.partition(":")
    is_path = os.path.lexists(target)
    if colon and scheme in _SCHEMES and not is_path and not _is_port(scheme, what):
        return scheme, what.removeprefix("//") if scheme in ("registry", "docker") else what
    if is_path:
        return ("folder" if os.path.isdir(target) else "file"), target
    if not target or target.startswith(_PATH_STARTS) or target.endswith(_ARCHIVE_ENDS):
        advice = "Write registry: before it to mean an image in a registry." if target else ""
        raise SourceError("there is no such file or folder", where=target, advice=advice)
    return "registry", target


def _is_port(scheme: str, what: str) -> bool:
    """Whether `registry:5000/image` names a host `registry` with a port."""
    port, slash, _ = what.partition("/")
    return scheme in ("registry", "docker") and port.isdigit() and bool(slash)


@dataclass(frozen=True, slots=True)
class _Opening:
    """One target being opened; what must be closed with the block is on `stack`."""

    target: str
    wanted: Wanted
    limits: Limits
    stack: ExitStack

    def images(self, scheme: str, what: str, registry: Callable[[], Registry] | None) -> tuple[Image, ...]:
        match scheme:
            case "registry" | "docker":
                return self._remote(what, registry)
            case "dir":
                return self._root(what)
            case "folder":
                return self._folder(what)
            case "file":
                return self._archive(what, "", ("oci", "docker"))
            case "docker-archive":
                return self._archive(*_path_and_selector(what), ("docker",))
            case _:
                return self._layout(*_path_and_selector(what))

    def _remote(self, what: str, registry: Callable[[], Registry] | None) -> tuple[Image, ...]:
        if registry is None:
            raise UsageError("it names an image in a registry, and none is to be asked", where=self.target)
        from tidewaiter.image.remote import remote_images

        return remote_images(what, registry(), target=self.target, wanted=self.wanted, limits=self.limits)

    def _root(self, path: str) -> tuple[Image, ...]:
        if not os.path.isdir(path):
            raise SourceError("there is no such folder", where=path)
        return (Image(identity=ImageIdentity(reference=self.target), folder=path),)

    def _folder(self, path: str) -> tuple[Image, ...]:
        if os.path.isfile(os.path.join(path, INDEX)):
            return self._layout(path, "")
        if any(os.path.isdir(os.path.join(path, name)) for name in _ROOT_FOLDERS):
            return self._root(path)
        what = f"it is neither an OCI layout (it has no {INDEX}) nor looks like a root file system (no etc, usr, var)"
        raise SourceError(what, where=path, advice="Write dir: before it to have it read as a root file system.")

    def _layout(self, path: str, selector: str) -> tuple[Image, ...]:
        if not os.path.isdir(path):
            return self._archive(path, selector, ("oci",))
        return self._layout_images(Folder(path), selector)

    def _layout_images(self, files: Files, selector: str) -> tuple[Image, ...]:
        from tidewaiter.image.layout import layout_images

        return layout_images(files, selector, target=self.target, wanted=self.wanted, limits=self.limits)

    def _archive(self, path: str, selector: str, kinds: tuple[str, ...]) -> tuple[Image, ...]:
        """The images of a tar that is read as one of `kinds`, or as all that it is."""
        archive = self._tar(path)
        is_layout, is_saved = archive.find(INDEX) is not None, archive.find(MANIFEST) is not None
        if kinds == ("oci",) or (is_layout and "oci" in kinds):
            images = self._layout_images(archive, selector)
            return images + (self._unlisted(archive) if is_saved and "docker" in kinds else ())
        if is_saved:
            from tidewaiter.image.docker_archive import docker_images

            return docker_images(archive, selector, target=self.target, wanted=self.wanted, limits=self.limits)
        raise _no_archive(archive)

    def _unlisted(self, archive: Archive) -> tuple[Image, ...]:
        """What the docker-archive's list names and the layout's index does not: a runtime might load it."""
        from tidewaiter.image.docker_archive import unlisted_images
        from tidewaiter.image.layout import layout_configurations

        listed = layout_configurations(archive, self.limits)
        return unlisted_images(archive, listed, target=self.target, wanted=self.wanted, limits=self.limits)

    def _tar(self, path: str) -> Archive:
        if not os.path.isfile(path):
            what = "it is no regular file" if os.path.lexists(path) else "there is no such file"
            raise SourceError(what, where=path)
        if not os.path.getsize(path):
            raise SourceError("not an image: the file is empty", where=path)
        return Archive(self.stack.enter_context(plain_file(path, path, self.limits)), path, self.limits)


def _path_and_selector(what: str) -> tuple[str, str]:
    """The longest start of `what` that is a path, and the name after its colon, or `@` and the digest."""
    if os.path.lexists(what):
        return what, ""
    for end in range(len(what) - 1, 0, -1):
        if what[end] in ":@" and os.path.lexists(what[:end]):
            return what[:end], what[end:].removeprefix(":")
    raise SourceError("there is no such file or folder", where=what)


def _no_archive(archive: Archive) -> TidewaiterError:
    names = {name.partition("/")[0] for name in archive}
    if "repositories" in names:
        what = "it is an archive of Docker before 1.10, without manifest.json"
        return UnsupportedError(what, where=archive.where, advice="Load and save it with a newer Docker.")
    if len(names.intersection(_ROOT_FOLDERS)) > 1:
        what = "not an image: it looks like the tar of a root file system, as docker export writes it"
        return SourceError(what, where=archive.where, advice="Unpack it to a folder and scan that with dir:.")
    what = f"the tar has neither {MANIFEST} (docker-archive) nor {INDEX} (OCI layout)"
    if not archive.ended:
        return MalformedError(f"it ends early, without a mark of its end; {what}", where=archive.where)
    return SourceError(f"not an image: {what}", where=archive.where)
