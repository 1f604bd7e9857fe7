"""The whole way: a folder becomes a library; a library answers. Here the parts of level 1 meet."""

from lookalike.pipeline.building import build
from lookalike.pipeline.comparing import Comparison, compare
from lookalike.pipeline.library import Library, open
from lookalike.pipeline.settings import Settings

__all__ = ["Comparison", "Library", "Settings", "build", "compare", "open"]
