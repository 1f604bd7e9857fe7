"""One picture of one family: the dict of families, and the light and grain that all of them get last."""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lookalike.demo import animals, fractals, geometry, landscapes, plants, textures, writing
from lookalike.demo.canvas import grid, lit
from lookalike.demo.palette import Array
from lookalike.errors import SettingError

SIZES = range(32, 1025)

FAMILIES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "bokeh": landscapes.bokeh,
    "bricks": geometry.bricks,
    "bubbles": textures.bubbles,
    "butterfly": animals.butterfly,
    "circuit": writing.circuit,
    "contours": textures.contours,
    "fern": fractals.fern,
    "fireworks": landscapes.fireworks,
    "fish": animals.fish,
    "flame": fractals.flame,
    "flower": plants.flower,
    "glyphs": writing.glyphs,
    "handwriting": writing.handwriting,
    "julia": fractals.julia,
    "marble": textures.marble,
    "maze": geometry.maze,
    "mosaic": textures.mosaic,
    "mountains": landscapes.mountains,
    "pebbles": textures.pebbles,
    "phyllotaxis": geometry.phyllotaxis,
    "planet": landscapes.planet,
    "rosette": geometry.rosette,
    "sea": landscapes.sea,
    "skyline": landscapes.skyline,
    "spots": textures.spots,
    "tartan": geometry.tartan,
    "toadstool": plants.toadstool,
    "tree": plants.tree,
    "truchet": geometry.truchet,
    "waves": textures.waves,
    "weed": plants.weed,
    "wood": textures.wood,
}


def draw(family: str, seed: int, *, size: int = 256) -> npt.NDArray[np.uint8]:
    """Draw one picture: uint8 (size, size, 3), sRGB.

    The same family, seed and size give the same picture; another size gives the same picture sharper or coarser, up
    to its grain. `family` is a key of `FAMILIES`, `seed` any integer from 0, `size` from 32 to 1024 pixels. A picture
    of 256 × 256 takes about a hundredth of a second on one core. Raises SettingError for anything else.
    """
    if family not in FAMILIES:
        raise SettingError(f"unknown family {family!r}; expected one of: {', '.join(FAMILIES)}")
    if size not in SIZES:
        raise SettingError(f"size={size!r} cannot be drawn; expected pixels a side from {SIZES[0]} to {SIZES[-1]}")
    if seed < 0:
        raise SettingError(f"seed={seed} cannot be used; expected an integer from 0")
    rng = np.random.default_rng([seed, zlib.crc32(family.encode())])
    picture = _develop(rng, FAMILIES[family](rng, size).astype(np.float32, copy=False))
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _develop(rng: np.random.Generator, picture: Array) -> Array:
    """Expose a picture as a camera would: a little brighter or darker, corners dimmed, grain."""
    x, y = grid(len(picture))
    light = rng.uniform(0.9, 1.1) - rng.uniform(0, 0.14) * (x * x + y * y)
    grain = rng.standard_normal(x.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.012))
    exposed = lit(picture, light)
    for channel in range(3):
        exposed[..., channel] += grain
    return exposed
