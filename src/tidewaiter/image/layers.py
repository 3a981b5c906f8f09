"""One layer in one pass: unpacked, hashed, its names noted, and only what is wanted kept.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from tidewaiter.errors import LimitError, MalformedError, SourceError, TidewaiterError
from tidewaiter.image.blob import LayerBlob
from tidewaiter.image.budget import Budget
from tidewaiter.image.compression import unpacked
from tidewaiter.image.limits import Limits
from tidewaiter.image.tar import Entries
from tidewaiter.image.tree import Names
from tidewaiter.image.window import FileWindow, StreamWindow
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import Digest, Layer
from tidewaiter.model.package import LayerTree

Advance = Callable[[int], None]


class Collector(Protocol):
    """Who wants files. Used by one thread."""

    def wants(self, path: str, size: int, /) -> bool:
        """Whether to take the regular file at this clean path, which has `size` bytes."""
        ...

    def take(self, path: str, content: bytes, /) -> None:
        """The content of a file that was wanted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRead:
    """What is known of a layer after one pass.

    `size` is the number of bytes unpacked, `stored` that of stored bytes that were read; `names` is what its names
    count against the ceiling of an image.
    """

    tree: LayerTree
    gaps: tuple[Gap, ...]
    verified: bool
    size: int
    stored: int
    names: int


def read_layer(
    blob: LayerBlob,
    collector: Collector,
    *,
    limits: Limits,
    budget: Budget,
    verify: bool = False,
    only: Mapping[str, tuple[str, ...]] | None = None,
    advance: Advance | None = None,
) -> LayerRead:
    """Read a layer once, from its first byte to its last, and give the collector what it wants.

    With `only` the collector is not asked: the files at those paths are given to it under the names listed for them
    (the second reading, for what links lead to). A plain layer is hopped through unless `verify`; then it is not
    verified. What is broken or beyond a limit inside is a gap, and what came before it is kept; the stored bytes are
    hashed to their end all the same, if a layer may have so many. Raises MalformedError for a wrong digest or size, and
    what opening and reading the stored bytes raise.
    """
    names = Names(collector, limits=limits, budget=budget, only=only)
    reading = _Hop if blob.plain is not None and not verify else _Pass
    return reading(blob, names, limits=limits, budget=budget, verify=verify, advance=advance or _unseen).read()


def _unseen(stored_bytes: int) -> None:
    """Progress that nobody looks at."""


class _Reading:
    """What both ways of reading share: the walk, and its end."""

    def __init__(
        self, blob: LayerBlob, names: Names, *, limits: Limits, budget: Budget, verify: bool, advance: Advance
    ) -> None:
        self._layer = blob.layer
        self._blob = blob
        self._names = names
        self._limits = limits
        self._budget = budget
        self._verify = verify
        self._advance = advance
        self._gaps: list[Gap] = []
        self._size = 0

    def read(self) -> LayerRead:
        """Read the layer, once."""
        raise NotImplementedError

    def _walk(self, window: StreamWindow | FileWindow) -> Entries:
        entries = Entries(window, extension_bytes=self._limits.extension_bytes)
        try:
            self._names.note(entries)
        finally:
            for doubt in dict.fromkeys(entries.doubts):
                self._gap(Why.MALFORMED, doubt)
        return entries

    def _failed(self, error: TidewaiterError) -> None:
        count = self._names.count
        what = f"{error.what}; of it only the first {'name was' if count == 1 else f'{count:,} names were'} seen"
        if isinstance(error, LimitError):
            self._gap(Why.LIMIT, f"{what} (limit {error.limit}, it can be raised)")
        else:
            self._gap(Why.MALFORMED, what)

    def _gap(self, why: Why, what: str) -> None:
        self._gaps.append(Gap(stage=Stage.IMAGE, why=why, subject=layer_name(self._layer), detail=f"{what}."))

    def _outcome(self, *, stored: int, verified: bool) -> LayerRead:
        names = self._names
        bad = names.bad()
        if bad:
            self._gap(Why.MALFORMED, bad)
        weight = names.weight
        return LayerRead(
            tree=names.tree(),
            gaps=tuple(self._gaps),
            verified=verified,
            size=self._size,
            stored=stored,
            names=weight,
        )


class _Hop(_Reading):
    """From header to header of a plain tar, in the file of the local archive that vouches for it."""

    def read(self) -> LayerRead:
        assert self._blob.plain is not None
        file, offset, size = self._blob.plain
        try:
            with open(file, "rb", buffering=0) as stream:
                self._hop(stream.fileno(), offset, size)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}", where=layer_name(self._layer)) from error
        self._advance(self._layer.size or size)
        return self._outcome(stored=size, verified=False)

    def _hop(self, handle: int, offset: int, size: int) -> None:
        self._size = size
        try:
            self._budget.unpack(size)
            if size > self._limits.layer_bytes:
                raise _layer_limit(self._limits)
            if not self._walk(FileWindow(handle, offset, size)).ended:
                what = "its tar ends without a mark of its end: it may have been cut off, which --verify would tell"
                self._gap(Why.MALFORMED, what)
        except (MalformedError, LimitError) as error:
            self._failed(error)


class _Pass(_Reading):
    """Every stored byte, in order."""

    def read(self) -> LayerRead:
        hashes_content = self._blob.hash_of == "unpacked" or self._verify
        self._hash = _hasher(self._layer.diff_id) if hashes_content else None
        with closing(self._blob.open()) as stream:
            self._stored = _Stored(stream, self._blob, self._budget, self._advance)
            whole = self._unpack()
            if whole is not None or self._can_still_be_verified():
                self._stored.drain()
        return self._outcome(stored=self._stored.size, verified=self._verified(whole=whole))

    def _unpack(self) -> bool | None:
        """Walk the layer. True if all of it was unpacked, False if it is broken, None if a limit ended it."""
        try:
            self._source = unpacked(self._stored, window_bytes=self._limits.window_bytes)
            window = StreamWindow(self._chunk)
            broken = self._walked(window)
            window.drain()
        except LimitError as error:
            self._failed(error)
            return None
        except MalformedError as error:
            self._failed(error)
            return False
        if broken is not None:
            self._failed(broken)
        return True

    def _walked(self, window: StreamWindow) -> MalformedError | None:
        """How the tar is broken, if it is, while its packing is not: then the rest is still worth a hash."""
        try:
            self._walk(window)
        except _BrokenPackingError:
            raise
        except MalformedError as error:
            return error
        return None

    def _chunk(self) -> bytes:
        try:
            chunk = self._source.chunk()
        except MalformedError as error:
            raise _BrokenPackingError(error.what) from error
        self._size += len(chunk)
        self._budget.unpack(len(chunk))
        self._check_size()
        if self._hash is not None:
            self._hash.update(chunk)
        return chunk

    def _check_size(self) -> None:
        if self._size > self._limits.layer_bytes:
            raise _layer_limit(self._limits)
        stored = max(self._layer.size, self._stored.size)
        if self._size > self._limits.ratio_floor and self._size > self._limits.ratio * stored:
            ceiling = self._limits.ratio
            raise LimitError(f"it unpacks to more than {ceiling:,} times its stored size", limit="ratio")

    def _can_still_be_verified(self) -> bool:
        """Whether the stored bytes are hashed to their end, after a limit too: what was seen may be used for others."""
        return self._blob.hash_of == "stored" and 0 < self._layer.size <= self._limits.layer_bytes

    def _verified(self, *, whole: bool | None) -> bool:
        """Whether the promised hash was found. Raises MalformedError where another was."""
        if whole is None and not self._can_still_be_verified():
            return False
        if self._blob.hash_of == "stored":
            self._stored.verify()
        if whole and self._hash is not None and self._layer.diff_id is not None:
            _compare(self._layer.diff_id, self._hash.hexdigest(), self._layer, "unpacked bytes")
            return True
        return self._blob.hash_of == "stored"


class _BrokenPackingError(MalformedError):
    """The compressed stream is broken, and not what is in it."""


class _Stored:
    """The stored bytes: counted, hashed and shown as they pass."""

    def __init__(self, stream: BinaryIO, blob: LayerBlob, budget: Budget, advance: Advance) -> None:
        self.size = 0
        self._stream = stream
        self._layer = blob.layer
        self._budget = budget
        self._advance = advance
        self._exact = blob.hash_of == "stored" and blob.layer.size > 0
        self._hash = _hasher(blob.layer.digest) if blob.hash_of == "stored" else None

    def read(self, size: int, /) -> bytes:
        self._budget.check()
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror or error}", where=layer_name(self._layer)) from error
        self.size += len(data)
        if self._exact and self.size > self._layer.size:
            raise _wrong(self._layer, f"it has more than the {self._layer.size:,} bytes that were promised")
        if self._hash is not None:
            self._hash.update(data)
        self._advance(len(data))
        return data

    def drain(self) -> None:
        while self.read(1 << 17):
            pass

    def verify(self) -> None:
        """Raises MalformedError for a size or a digest other than the promised ones."""
        if self._exact and self.size != self._layer.size:
            raise _wrong(self._layer, f"it has {self.size:,} bytes, and {self._layer.size:,} were promised")
        if self._hash is not None:
            _compare(self._layer.digest, self._hash.hexdigest(), self._layer, "stored bytes")


def layer_name(layer: Layer) -> str:
    """What messages call a layer: its digest."""
    return f"layer {layer.digest}"


def _hasher(digest: Digest | None) -> "hashlib._Hash | None":
    return hashlib.new(digest.algorithm) if digest is not None else None


def _compare(promised: Digest, found: str, layer: Layer, what: str) -> None:
    if found != promised.hex:
        raise _wrong(layer, f"wrong digest: its {what} have {promised.algorithm}:{found}, and {promised} was promised")


def _wrong(layer: Layer, what: str) -> MalformedError:
    advice = "It was changed or damaged on its way or in its store: fetch or push the image again."
    return MalformedError(what, where=layer_name(layer), advice=advice)


def _layer_limit(limits: Limits) -> LimitError:
    return LimitError(f"it unpacks to more than {limits.layer_bytes:,} bytes", limit="layer_bytes")
