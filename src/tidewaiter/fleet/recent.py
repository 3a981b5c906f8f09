"""What was used lately, as far as there is room."""

from collections import OrderedDict

from tidewaiter.model.image import Digest


class Recent:
    """Encoded layers by digest; the one that was not used for the longest time makes room. Not thread-safe."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._contents: OrderedDict[Digest, bytes] = OrderedDict()

    def get(self, digest: Digest) -> bytes | None:
        """The layer, if it is still here."""
        if digest in self._contents:
            self._contents.move_to_end(digest)
        return self._contents.get(digest)

    def put(self, digest: Digest, content: bytes) -> None:
        """Keep the layer as long as there is room; one that is larger than all the room is not kept."""
        if digest in self._contents or len(content) > self._room:
            return
        self._contents[digest] = content
        self._taken += len(content)
        while self._taken > self._room:
            _, oldest = self._contents.popitem(last=False)
            self._taken -= len(oldest)
