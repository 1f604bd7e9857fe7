"""The library's images as a table, or as a folder of pictures for each cluster."""

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from lookalike.errors import FolderError, LibraryError, LookalikeError, SettingError
from lookalike.pipeline import Library
from lookalike.show.destination import destination, written_whole

TABLES = (".csv", ".parquet", ".jsonl")
TARGETS = ("folders",)
HOWS = ("copy", "link")
COLUMNS = ("file_name", "width", "height", "label", "cluster", "cluster_name", "projection_x", "projection_y")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LONGEST = 120
"""Bytes of a file name without its ending."""


def export(
    library: Library, path: str | Path, *, to: str | None = None, how: str = "copy", dry_run: bool = True
) -> pd.DataFrame:
    """Writes what the library knows of its images, for other programs or for people.

    Parameters
    ----------
    library : Library
    path : path
        Without ``to``, a file: ``.csv``, ``.parquet`` or ``.jsonl`` says what is written. It is replaced whole.
        With ``to="folders"``, a folder that does not exist yet, or is empty.
    to : None or "folders"
        None writes a table: file_name, width, height, label, cluster, cluster_name, projection_x, projection_y and,
        but for CSV, embedding (a list of float32). ``folders`` makes a folder of pictures for each cluster; images of
        no cluster go into ``none``.
    how : "copy" or "link"
        Of folders: whether pictures are copied or symbolic links to where they are. They are never moved: the folder
        of pictures is only read.
    dry_run : bool
        Of folders: True writes nothing and gives the plan alone.

    Returns
    -------
    DataFrame
        The table that was written; of folders the plan: ``source``, ``destination``, a row per image. Names are made
        safe for every file system and unique.

    Raises
    ------
    SettingError
        The place, ``to`` or ``how`` cannot be used.
    LibraryError
        The library is not built to the end.
    FolderError
        Pictures that the library knows are gone.
    LookalikeError
        The disk is full, say; nothing is left behind.
    """
    if to not in (None, *TARGETS):
        raise SettingError(f"to={to!r} is unknown; expected {', '.join(TARGETS)}, or None for a table")
    if how not in HOWS:
        raise SettingError(f"how={how!r} is unknown; expected {' or '.join(HOWS)}: pictures are never moved")
    if to is None:
        if not Path(path).suffix:
            pictures = f"to={TARGETS[0]!r} (--to {TARGETS[0]}) for pictures by cluster"
            raise SettingError(f"{path} has no ending; expected {', '.join(TABLES)} for a table, or {pictures}")
        return _write_table(library, destination(library, path, TABLES))
    target = destination(library, path)
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise SettingError(f"{target} exists and is not an empty folder; nothing is overwritten, choose another place")
    plan = _plan(library, target)
    if not dry_run:
        _fill(target, plan, how)
    return plan


def selected_table(library: Library, rows: np.ndarray, ending: str) -> bytes:
    """The table of the images in these rows, as the content of a file that ends in ``.csv`` or ``.jsonl``.

    LibraryError when the library is not built to the end.
    """
    content = BytesIO()
    _write(_table(library, ending).iloc[rows], ending, content)
    return content.getvalue()


def link_images(library: Library, rows: np.ndarray, target: Path) -> int:
    """Makes a folder of symbolic links to the images in these rows, and says how many.

    SettingError when there is something of that name, or it may not be there; FolderError when pictures are gone.
    """
    target = destination(library, target)
    if os.path.lexists(target):
        raise SettingError(f"{target} exists already; choose another name")
    sources = library.paths
    names = unique_names(library.file_names[rows])
    plan = pd.DataFrame(
        {"source": [str(sources[row]) for row in rows], "destination": [str(target / n) for n in names]}
    )
    _check_there(plan["source"])
    _fill(target, plan, "link")
    return len(plan)


def unique_names(file_names: Sequence[str] | np.ndarray) -> list[str]:
    """A name for each image in one folder, without its own folders: safe for every file system, and unique."""
    taken: set[str] = set()
    parts = (os.path.splitext(str(name).rsplit("/", 1)[-1]) for name in file_names)
    return [_unique(stem, _ending(ending), taken) for stem, ending in parts]


def _write_table(library: Library, target: Path) -> pd.DataFrame:
    ending = target.suffix.lower()
    table = _table(library, ending)
    with written_whole(target) as temporary:
        _write(table, ending, temporary)
    return table


def _table(library: Library, ending: str) -> pd.DataFrame:
    wanted = [*COLUMNS, "embedding"] if ending != ".csv" else list(COLUMNS)
    table = library.images if "embedding" in wanted else library.described
    if missing := [name for name in wanted if name not in table]:
        raise LibraryError(f"{library.path} has no {missing[0]} yet; run `lookalike build` to the end first")
    return table[wanted].reset_index(drop=True)


def _write(table: pd.DataFrame, ending: str, target: Path | BytesIO) -> None:
    if ending == ".csv":
        table.to_csv(target, index=False, encoding="utf-8", lineterminator="\n")
    elif ending == ".jsonl":
        table.to_json(target, orient="records", lines=True, force_ascii=False, double_precision=12)
    else:
        table.to_parquet(target, index=False)


def _plan(library: Library, target: Path) -> pd.DataFrame:
    """Where each picture goes. A name that is taken, whatever its case, gets a number."""
    sources, names, clusters = library.paths, library.cluster_names, library.clusters
    _check_there(sources)
    taken: set[str] = set()
    folders = {-1: _unique("none", "", taken)}
    for number in sorted(names):
        folders[number] = _unique(names[number], "", taken)
    used: dict[int, set[str]] = {number: set() for number in folders}
    destinations = []
    for file_name, number in zip(library.file_names, clusters, strict=True):
        stem, ending = os.path.splitext(file_name.rsplit("/", 1)[-1])
        name = _unique(stem, _ending(ending), used[int(number)])
        destinations.append(str(target / folders[int(number)] / name))
    return pd.DataFrame({"source": [str(source) for source in sources], "destination": destinations})


def _check_there(sources: Iterable[str | Path]) -> None:
    """FolderError when pictures are gone."""
    if gone := [source for source in sources if not os.path.isfile(source)]:
        raise FolderError(
            f"of the pictures {len(gone):,} are gone, first {gone[0]}; put them back, or run `lookalike update`"
        )


def _unique(stem: str, ending: str, taken: set[str]) -> str:
    stem = safe_name(stem)
    for number in range(1, len(taken) + 2):
        name = stem + (f"-{number}" if number > 1 else "") + ending
        if name.casefold() not in taken:
            break
    taken.add(name.casefold())
    return name


def safe_name(name: str) -> str:
    """A name that every file system takes: no separators, control characters, dots at the ends, device names."""
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]', "_", unicodedata.normalize("NFC", name))
    name = name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").strip(" .")
    if not name:
        return "unnamed"
    return f"_{name}" if name.casefold().split(".")[0] in _RESERVED else name


def _ending(ending: str) -> str:
    """A file's ending when it is an ordinary one, with its dot."""
    return ending if re.fullmatch(r"\.[A-Za-z0-9]{1,10}", ending) else ""


def _fill(target: Path, plan: pd.DataFrame, how: str) -> None:
    """Fills a folder beside the target and gives it the target's name when it is complete."""
    try:
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:64]}.", suffix=".part"))
        try:
            for source, place in plan.itertuples(index=False):
                final = staging / Path(place).relative_to(target)
                final.parent.mkdir(exist_ok=True)
                if how == "link":
                    final.symlink_to(os.path.abspath(source))
                else:
                    shutil.copy2(source, final)
            staging.chmod(0o755)
            if target.is_dir():
                target.rmdir()
            os.replace(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise LookalikeError(f"{target} could not be written: {error.strerror or error}") from error
