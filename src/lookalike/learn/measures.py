"""The numbers by which pictures are described, in batches (`descriptor`, `patches`) or one by one (`alone`)."""

BINS = 18
"""Directions of a gradient, around the full circle: light on dark is another thing than dark on light."""
CLIP = 0.3
"""No direction counts more than this share of its block, so that one strong edge does not drown the rest."""
FLOOR = 0.03
"""Blocks whose gradients are fainter than this (of white on black) fade out instead of becoming noise."""
COLOUR_CELLS = 8
"""Cells a side whose mean colour is looked at."""
PALETTE = (16, 4, 4)
"""Hues, saturations and values that colours are counted by."""
LOOKED_AT = 32
"""Pixels a side that a picture is shrunk to before its patches are looked at."""
SIDE = 6
"""Of them a side of a patch."""
WORDS = 128
"""Patterns that patches are compared with; more tell finer ones apart, and cost in proportion."""
SURE = 0.35
"""A patch counts for a word by how much their cosine is above this."""
GRIDS = (1, 2, 3)
"""Cells a side over which a word's share is averaged."""
FAINT = 10 / 255
"""Patches whose contrast is lower than this (of white on black) count less."""
