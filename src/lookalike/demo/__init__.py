"""A folder of procedurally drawn pictures, to try Lookalike on: some thirty families, any number, any size.

Textures, fractals, plants, ornaments, scripts, landscapes and animals, each with its own freedom of colour, scale,
place and light. Everything is NumPy; nothing is downloaded.
"""

from lookalike.demo.folder import draw_folder
from lookalike.demo.picture import FAMILIES, draw

__all__ = ["FAMILIES", "draw", "draw_folder"]
