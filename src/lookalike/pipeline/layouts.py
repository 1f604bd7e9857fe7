"""Layouts beside the library's map: made once, and kept as long as they hold."""

import numpy as np

from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder, fingerprint
from lookalike.organize import PROJECTIONS, fitted_on
from lookalike.pipeline.settings import Settings

LAYOUTS = (*PROJECTIONS, "grid")
"""What images can be laid out by: the projections, and the map with every image in a cell of its own."""
LAYOUT_STAGES = tuple(f"layout-{name}" for name in LAYOUTS)


def kept_layout(files: LibraryFolder, name: str, settings: Settings) -> np.ndarray | None:
    """The layout of this name, float32 (n, 2), when the library has it: as its map, or beside it.

    SettingError when there is no layout of that name.
    """
    if name not in LAYOUTS:
        raise SettingError(f"projection {name!r} is unknown, expected one of {', '.join(LAYOUTS)}")
    if files.has("map") and files.facts("map")["projection"] == name:
        return files.array("map", "map")
    stage = f"layout-{name}"
    return files.array(stage, stage) if files.has(stage, _made_from(files, name, settings)) else None


def keep_layout(files: LibraryFolder, name: str, settings: Settings, layout: np.ndarray, *, patience: float) -> None:
    """Puts a layout into the library; not when somebody writes to it for more than ``patience`` s, or nobody may."""
    stage, made_from = f"layout-{name}", _made_from(files, name, settings)
    facts = {"fitted_on": fitted_on(len(layout), name)} if name in PROJECTIONS else {}
    try:
        latest = LibraryFolder(files.path)
        with latest.writing(patience):
            if made_from == _made_from(latest, name, settings):
                latest.commit(stage, {stage: layout}, made_from=made_from, facts=facts)
                files.header = latest.header
    except LibraryError:
        return


def _made_from(files: LibraryFolder, name: str, settings: Settings) -> str:
    if name == "grid":
        return fingerprint(name, files.made_from("map"))
    return fingerprint(name, files.made_from("embeddings"), settings.random_state)
