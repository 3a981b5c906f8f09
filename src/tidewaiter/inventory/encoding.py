"""How inventories are spelled where they are kept or handed on: MessagePack, packed with zstd, behind a version.

What is decoded equals what was encoded, also names that are no text. A change of the types in `model/` that gives a
field another meaning, or takes one away, is a new `_VERSION`; a new field with a default is none.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
import zstandard

from tidewaiter.errors import LimitError, MalformedError
from tidewaiter.model.gap import Gap
from tidewaiter.model.image import ImageIdentity, Layer
from tidewaiter.model.package import Distro, Inventory, LayerInventory, Location, Package, SourcePackage

_T = TypeVar("_T")
_VERSION = 1
_PLAIN, _ESCAPED = bytes((_VERSION, 0)), bytes((_VERSION, 1))
_LEVEL = 3
_ENCODER = msgspec.msgpack.Encoder()
_SHORT_ARRAYS = range(0x90, 0xA0)
_ADVICE = "It is damaged, or of another version of tidewaiter: scan the image again."

_Number = Annotated[int, msgspec.Meta(ge=0)]
_Place = tuple[str, _Number | None, str]


class _Row(NamedTuple):
    """A package. Positions are the spelling."""

    purl: str
    type: str
    name: str
    version: str
    source: SourcePackage | None
    architecture: str
    distro: _Number | None
    module: str
    vendor: str
    origin: str
    licenses: tuple[str, ...]
    provides: tuple[str, ...]
    places: tuple[_Place, ...]
    extractor: str


class _Spelled(msgspec.Struct, array_like=True):
    """An inventory in which packages name releases and layers by their numbers.

    A layer's line of history can be long, and would stand there once for each package.
    """

    image: ImageIdentity
    created: str
    layers: list[Layer]
    own_layers: list[_Number]
    found_distros: list[Distro]
    distro: _Number | None
    distros: list[_Number]
    packages: list[_Row]
    gaps: tuple[Gap, ...]
    extractors: tuple[str, ...]


def encode_layer(layer: LayerInventory) -> bytes:
    """What a layer holds, as bytes for `decode_layer`."""
    return _pack(layer)


def decode_layer(content: bytes) -> LayerInventory:
    """What `encode_layer` spelled. Raises MalformedError for anything else."""
    return _unpack(content, LayerInventory, "stored layer")


def encode_inventory(inventory: Inventory) -> bytes:
    """What an image holds, as bytes for `decode_inventory`."""
    layers, distros = _Table(inventory.image.layers), _Table(inventory.distros)
    own = ImageIdentity(
        reference=inventory.image.reference,
        digest=inventory.image.digest,
        platform=inventory.image.platform,
        tags=inventory.image.tags,
    )
    created = inventory.image.created
    return _pack(
        _Spelled(
            image=own,
            created=created.isoformat() if created else "",
            own_layers=[layers.number(layer) for layer in inventory.image.layers],
            distro=distros.number(inventory.distro) if inventory.distro else None,
            distros=[distros.number(distro) for distro in inventory.distros],
            packages=[_row(package, distros, layers) for package in inventory.packages],
            layers=layers.values,
            found_distros=distros.values,
            gaps=inventory.gaps,
            extractors=inventory.extractors,
        )
    )


def decode_inventory(content: bytes, *, most: int | None = None) -> Inventory:
    """What `encode_inventory` spelled. Raises MalformedError for anything else.

    One of a stranger may say much in few bytes: with `most`, LimitError is raised for one that lists more packages,
    layers or gaps than that, before any of them is made.
    """
    spelled = _unpack(content, _Spelled, "stored inventory", most=most)
    try:
        return _inventory(spelled)
    except (ValueError, IndexError) as error:
        raise MalformedError(f"it cannot be read: {error}", where="stored inventory", advice=_ADVICE) from None


class _Outline(msgspec.Struct, array_like=True):
    """The lists of `_Spelled`, unread."""

    image: msgspec.Raw
    created: msgspec.Raw
    layers: msgspec.Raw
    own_layers: msgspec.Raw
    found_distros: msgspec.Raw
    distro: msgspec.Raw
    distros: msgspec.Raw
    packages: msgspec.Raw
    gaps: msgspec.Raw
    extractors: msgspec.Raw


def _check_counts(spelled: bytes, most: int) -> None:
    outline = msgspec.msgpack.decode(spelled, type=_Outline)
    for name in _Outline.__struct_fields__:
        if (count := _count(getattr(outline, name))) > most:
            what = f"it lists {count} {name.replace('_', ' ')}, more than {most}"
            raise LimitError(what, limit="result_rows", where="stored inventory")


def _count(raw: msgspec.Raw) -> int:
    """The members of an array, by its head; 0 for what is none.

    https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family
    """
    head = bytes(memoryview(raw)[:5])
    match head[0]:
        case 0xDC:
            return int.from_bytes(head[1:3])
        case 0xDD:
            return int.from_bytes(head[1:5])
        case short if short in _SHORT_ARRAYS:
            return short - _SHORT_ARRAYS.start
        case _:
            return 0


class _Table(Generic[_T]):
    """Values by number, each once. Those that many packages share are one object: to hash it each time would cost."""

    def __init__(self, values: Iterable[_T]) -> None:
        self.values: list[_T] = []
        self._by_value: dict[_T, int] = {}
        self._by_identity: dict[int, int] = {}
        for value in values:
            self.number(value)

    def number(self, value: _T) -> int:
        """The value's number, a new one for a new value. The caller keeps the value as long as the table."""
        number = self._by_identity.get(id(value))
        if number is None:
            number = self._by_value.setdefault(value, len(self.values))
            if number == len(self.values):
                self.values.append(value)
            self._by_identity[id(value)] = number
        return number


def _row(package: Package, distros: _Table[Distro], layers: _Table[Layer]) -> _Row:
    return _Row(
        purl=package.purl,
        type=package.type,
        name=package.name,
        version=package.version,
        source=package.source,
        architecture=package.architecture,
        distro=None if package.distro is None else distros.number(package.distro),
        module=package.module,
        vendor=package.vendor,
        origin=package.origin,
        licenses=package.licenses,
        provides=package.provides,
        places=tuple([_place(location, layers) for location in package.locations]),
        extractor=package.extractor,
    )


def _place(location: Location, layers: _Table[Layer]) -> _Place:
    layer = location.layer
    return location.path, None if layer is None else layers.number(layer), location.within


def _inventory(spelled: _Spelled) -> Inventory:
    own = spelled.image
    distros = spelled.found_distros
    return Inventory(
        image=ImageIdentity(
            reference=own.reference,
            digest=own.digest,
            platform=own.platform,
            tags=own.tags,
            created=datetime.fromisoformat(spelled.created) if spelled.created else None,
            layers=tuple([spelled.layers[number] for number in spelled.own_layers]),
        ),
        distro=None if spelled.distro is None else distros[spelled.distro],
        distros=tuple([distros[number] for number in spelled.distros]),
        packages=tuple([_package(row, distros, spelled.layers) for row in spelled.packages]),
        gaps=spelled.gaps,
        extractors=spelled.extractors,
    )


def _package(row: _Row, distros: list[Distro], layers: list[Layer]) -> Package:
    return Package(
        purl=row.purl,
        type=row.type,
        name=row.name,
        version=row.version,
        source=row.source,
        architecture=row.architecture,
        distro=None if row.distro is None else distros[row.distro],
        module=row.module,
        vendor=row.vendor,
        origin=row.origin,
        licenses=row.licenses,
        provides=row.provides,
        locations=tuple([_location(place, layers) for place in row.places]),
        extractor=row.extractor,
    )


def _location(place: _Place, layers: list[Layer]) -> Location:
    path, layer, within = place
    return Location(path=path, layer=None if layer is None else layers[layer], within=within)


def _pack(value: LayerInventory | _Spelled) -> bytes:
    try:
        form, spelled = _PLAIN, _ENCODER.encode(value)
    except UnicodeEncodeError:
        # A name that is no text holds lone surrogates, which MessagePack's UTF-8 has no place for.
        form, spelled = _ESCAPED, _ENCODER.encode(_escaped(msgspec.to_builtins(value, builtin_types=(bytes,))))
    return form + zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(spelled)


def _unpack(content: bytes, kind: type[_T], where: str, *, most: int | None = None) -> _T:
    form = bytes(content[:2])
    if form not in (_PLAIN, _ESCAPED):
        raise MalformedError("it is not of this version", where=where, advice=_ADVICE)
    try:
        spelled = zstandard.ZstdDecompressor().decompress(memoryview(content)[2:])
        if most is not None:
            _check_counts(spelled, most)
        if form == _PLAIN:
            return msgspec.msgpack.decode(spelled, type=kind)
        return msgspec.convert(_unescaped(msgspec.msgpack.decode(spelled)), kind, builtin_types=(bytes,))
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, MemoryError, RecursionError) as error:
        raise MalformedError(f"it cannot be read: {error}", where=where, advice=_ADVICE) from None


def _escaped(value: Any) -> Any:
    """The value with each text as one that holds its bytes, surrogates included, as letters of Latin-1."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass").decode("latin-1")
        case list() | tuple():
            return [_escaped(each) for each in value]
        case dict():
            return {name: _escaped(each) for name, each in value.items()}
    return value


def _unescaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode("latin-1").decode("utf-8", "surrogatepass")
        case list():
            return [_unescaped(each) for each in value]
        case dict():
            return {name: _unescaped(each) for name, each in value.items()}
    return value
