"""A package as an rpm database or manifest names it, in tidewaiter's terms."""

from tidewaiter.errors import MalformedError
from tidewaiter.model.package import Location, Package, SourcePackage

_NONE = "(none)"
_KEY = "gpg-pubkey"
_SOURCE_SUFFIXES = (".src.rpm", ".nosrc.rpm")
_SOURCE_PARTS = 3


def entry(
    *,
    path: str,
    name: str,
    epoch: int | None,
    version: str,
    architecture: str,
    vendor: str,
    source: str,
    licence: str = "",
    module: str = "",
) -> Package | None:
    """The package with this name and `version` (with its release), or None for a key that rpm keeps among them.

    A missing epoch and an epoch of 0 are the same to rpm; the version's text has neither.
    Raises MalformedError for a name or version that is missing or not one printable word.
    """
    if not _is_word(name) or not _is_word(version):
        raise MalformedError(f"a package named {name[:100]!r} of version {version[:100]!r}")
    if name == _KEY:
        return None
    licence = _given(licence)
    return Package(
        purl="",
        type="rpm",
        name=name,
        version=f"{epoch}:{version}" if epoch else version,
        source=source_package(source),
        architecture=_given(architecture),
        module=_given(module),
        vendor=_given(vendor),
        licenses=(licence,) if licence else (),
        locations=(Location(path=path),),
        extractor="rpm",
    )


def source_package(file_name: str) -> SourcePackage | None:
    """The source package of a SOURCERPM (`name-version-release.src.rpm`, never an epoch); None for other text."""
    for suffix in _SOURCE_SUFFIXES:
        parts = file_name.removesuffix(suffix).rsplit("-", 2)
        if file_name.endswith(suffix) and len(parts) == _SOURCE_PARTS and all(parts):
            name, version, release = parts
            return SourcePackage(name=name, version=f"{version}-{release}")
    return None


def _is_word(text: str) -> bool:
    return text not in ("", _NONE) and text.isprintable() and " " not in text


def _given(text: str) -> str:
    return "" if text == _NONE else text
