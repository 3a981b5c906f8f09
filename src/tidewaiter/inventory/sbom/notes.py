"""The notes that tools keep beside a standard's own fields: trivy's, syft's and tidewaiter's.

https://trivy.dev/latest/docs/supply-chain/sbom/ , https://github.com/CycloneDX/cyclonedx-property-taxonomy
"""

import re
from collections.abc import Iterable

from tidewaiter.inventory.sbom.component import Layers, source_of_rpm
from tidewaiter.model.image import Digest, Layer
from tidewaiter.model.package import Location, SourcePackage

TRIVY = "aquasecurity:trivy:"
SYFT = "syft:"
OWN = "tidewaiter:"

_LOCATION = re.compile(r"(?:tidewaiter|syft):location:(?P<number>\d+):(?P<field>path|within|layer|layerID)")
_LAYER = re.compile(r"tidewaiter:layer:(?P<number>\d{1,4}):(?P<field>digest|diff_id|media_type|size|created_by)")


class Notes:
    """Names and values; a name may stand several times."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def first(self, *names: str) -> str:
        """The first value under the first of the names that has one; "" if none has."""
        return next((self._values[name][0] for name in names if self._values.get(name)), "")

    def all(self, name: str) -> tuple[str, ...]:
        """All values under the name."""
        return tuple(self._values.get(name, ()))

    def source(self, kind: str) -> SourcePackage | None:
        """The source package of a package whose purl type is `kind`, if a note names it."""
        if name := self.first(OWN + "source:name"):
            return SourcePackage(name=name, version=self.first(OWN + "source:version"))
        if name := self.first(TRIVY + "SrcName"):
            return SourcePackage(name=name, version=self._trivy_source_version())
        if rpm := self.first(SYFT + "metadata:sourceRpm"):
            return source_of_rpm(rpm)
        name = self.first(SYFT + "metadata:originPackage") if kind == "apk" else self.first(SYFT + "metadata:source")
        return SourcePackage(name=name, version=self.first(SYFT + "metadata:sourceVersion")) if name else None

    def _trivy_source_version(self) -> str:
        epoch, version, release = (self.first(f"{TRIVY}Src{part}") for part in ("Epoch", "Version", "Release"))
        return f"{epoch}:" * (epoch not in {"", "0"}) + version + f"-{release}" * bool(release)

    def module(self) -> str:
        """The MODULARITYLABEL of an rpm."""
        return self.first(OWN + "module", TRIVY + "Modularitylabel", SYFT + "metadata:modularityLabel")

    def locations(self, layers: Layers) -> tuple[Location, ...]:
        """Where the package was found, with the layers, as far as a note says."""
        places: dict[int, dict[str, str]] = {}
        for name, values in self._values.items():
            if found := _LOCATION.fullmatch(name):
                places.setdefault(int(found["number"]), {})[found["field"]] = values[0]
        noted = [_location(place, layers) for _, place in sorted(places.items())]
        return tuple(noted or self._trivy_locations(layers))

    def _trivy_locations(self, layers: Layers) -> list[Location]:
        layer = layers.add(self.first(TRIVY + "LayerDigest", TRIVY + "LayerDiffID"))
        path = self.first(TRIVY + "FilePath").lstrip("/")
        return [Location(path=path, layer=layer)] if layer or path else []

    def add_layers(self, layers: Layers) -> None:
        """Adds the layers that the notes on an image list, lowest first."""
        own: dict[int, dict[str, str]] = {}
        for name, values in self._values.items():
            if found := _LAYER.fullmatch(name):
                own.setdefault(int(found["number"]), {})[found["field"]] = values[0]
        for index, fields in sorted(own.items()):
            layers.put(_layer(index, fields))
        for diff_id in self.all(TRIVY + "DiffID"):
            layers.add(diff_id)


def _location(place: dict[str, str], layers: Layers) -> Location:
    layer = layers.add(place.get("layer") or place.get("layerID", ""))
    return Location(path=place.get("path", "").lstrip("/"), within=place.get("within", ""), layer=layer)


def _layer(index: int, fields: dict[str, str]) -> Layer | None:
    size = fields.get("size", "")
    digest, diff_id = digest_of(fields.get("digest", "")), digest_of(fields.get("diff_id", ""))
    if digest is None:
        return None
    return Layer(
        index=index,
        digest=digest,
        diff_id=diff_id,
        media_type=fields.get("media_type", ""),
        size=int(size) if re.fullmatch(r"[0-9]{1,18}", size) else 0,
        created_by=fields.get("created_by", ""),
    )


def digest_of(text: str) -> Digest | None:
    """The digest that the text spells, with or without a repository before it; None if it spells none."""
    try:
        return Digest.parse(text.rpartition("@")[2])
    except ValueError:
        return None
