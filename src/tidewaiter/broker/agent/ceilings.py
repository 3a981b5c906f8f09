"""How much an agent takes on."""

import os
from dataclasses import dataclass, field

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Sizes are in bytes.

    `operations` images are looked through at the same time, and `waiting` more wait, of one connection at most
    `waiting_each`. `image_bytes`: the layers of one image as they are stored; `under_way_bytes`: those of all images
    that are looked through at the same time (a larger one goes alone). `spool_bytes`: results that are not delivered;
    beyond it no job is begun, and what is under way still finds its place. `shelf_bytes`: layers that are kept.
    """

    operations: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    waiting: int = 10_000
    waiting_each: int = 5_000
    image_bytes: int = 2 * _GIB
    under_way_bytes: int = 4 * _GIB
    spool_bytes: int = 10 * _GIB
    shelf_bytes: int = 5 * _GIB
