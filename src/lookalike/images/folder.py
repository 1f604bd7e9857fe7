"""A folder's candidates → the working copy: every file read once, in shards that commit one by one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lookalike.errors import LibraryError, SettingError
from lookalike.images.prepare import check_square
from lookalike.images.shards import (
    SHARD,
    VERSION,
    header_path,
    is_committed,
    pixels_path,
    read_header,
    read_shard,
    table_path,
    thumbnails_path,
    write_whole,
)
from lookalike.images.workers import Job, run_jobs, usable_cores

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[..., None]
_SECONDS_PER_MEGABYTE = 2.0


class Earlier(NamedTuple):
    """What is decoded already, in a working copy made before.

    Attributes
    ----------
    place : Path
        That working copy.
    slots : dict[int, tuple[int, str]]
        By the row of a candidate its slot there, and the hash of its contents: a slot that holds something else, or
        is gone, does not count.
    """

    place: Path
    slots: dict[int, tuple[int, str]]


@dataclass(frozen=True)
class Recipe:
    """How files become pixels.

    Attributes
    ----------
    size : int
        Pixels a side.
    fit : str
        How a picture becomes a square, see `load`.
    decoder : str
        ``module:function`` with the signature of `prepare`; the processes that decode import it by this name.
    seconds : float
        How long one file may take, besides two seconds per megabyte.
    earlier : Earlier, optional
        What need not be decoded again.
    """

    size: int
    fit: str = "squash"
    decoder: str = "lookalike.images.prepare:prepare"
    seconds: float = 30.0
    earlier: Earlier | None = None


def decode_folder(
    folder: str | os.PathLike[str],
    candidates: pd.DataFrame,
    into: str | os.PathLike[str],
    *,
    size: int,
    fit: str = "squash",
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every candidate of a scan once, in parallel, into a working copy on disk.

    Called again with the same candidates, size and fit after an interruption of any kind, it goes on with the shards
    of 64 files that were not finished; with others it starts over. A file that twice crashes the
    decoder or takes longer than 30 s and 2 s per megabyte, pauses of the program not counted, is skipped with that
    reason. The result does not depend on `workers`.

    Parameters
    ----------
    folder : path
        Where the candidates are; nothing is written there.
    candidates : DataFrame
        `Scan.candidates`.
    into : path
        The folder for the working copy (see `Pixels`, `Thumbnails`): `size`² · 3 bytes and about 4 kB a candidate.
    size : int
        Pixels a side of the working copy, 1 to 4096.
    fit : {"squash", "pad", "crop"}
        How a picture becomes a square, see `load`.
    workers : int, optional
        Processes; more are faster up to the number of cores, which is the default. Each may use 2 GiB.
    progress : callable, optional
        Called as ``progress("decode", done, total)`` several times a second.

    Returns
    -------
    images : DataFrame
        One row per image, in the order of the candidates: `file_name`, `path`, `bytes` and `mtime_ns` (of what was
        read), `content_hash` (first 16 bytes of SHA-256 in hexadecimal), `width` and `height` (pixels, as seen after
        orientation), `slot` (int64, the row of `Pixels`).
    skipped : DataFrame
        `file_name`, `reason`.

    Raises
    ------
    SettingError
        `size`, `fit` or `workers` cannot be used.
    LibraryError
        The working copy cannot be written.
    """
    return decode_by(Recipe(size, fit), folder, candidates, into, workers=workers, progress=progress)


def decode_by(
    recipe: Recipe,
    folder: str | os.PathLike[str],
    candidates: pd.DataFrame,
    into: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As `decode_folder`, by any `Recipe`; what is known `Earlier` is copied, where it was decoded by the same one.

    Raises
    ------
    SettingError
        `size`, `fit` or `workers` cannot be used.
    LibraryError
        The working copy cannot be written.
    """
    check_square(recipe.size, recipe.fit)
    if workers is not None and workers < 1:
        raise SettingError(f"workers is {workers}; expected at least 1, or None for one per core.")
    into = Path(into)
    shards = range(-(-len(candidates) // SHARD))
    try:
        _prepare(into, recipe, candidates)
        missing = [shard for shard in shards if not is_committed(into, shard)]
    except OSError as error:
        raise LibraryError(f"The working copy cannot be written: {into}: {error.strerror or error}.") from error
    if missing:
        total, lacking = len(candidates), sum(_length(candidates, shard) for shard in missing)

        def report(files: int) -> None:
            if progress:
                progress("decode", total - lacking + files, total)

        if recipe.earlier and not _alike(recipe.earlier.place, into):
            recipe = replace(recipe, earlier=None)
        jobs = _jobs(recipe, folder, candidates, into, missing)
        run_jobs(jobs, workers=min(workers or usable_cores(), len(missing)), report=report)
    if progress:
        progress("decode", len(candidates), len(candidates))
    return _tables(candidates, into, shards)


def _length(candidates: pd.DataFrame, shard: int) -> int:
    return min(SHARD, len(candidates) - shard * SHARD)


def _prepare(into: Path, recipe: Recipe, candidates: pd.DataFrame) -> None:
    """Leave a working copy of just these candidates in `into`: the one that is there, or a new one without shards.

    A new one has files of its own: whoever has the old ones open goes on to see what was in them.
    """
    if is_copy(into, recipe, candidates):
        for directory in (table_path(into, 0).parent, thumbnails_path(into, 0).parent):
            directory.mkdir(exist_ok=True)
        return
    into.mkdir(parents=True, exist_ok=True)
    header_path(into).unlink(missing_ok=True)
    for directory in (table_path(into, 0).parent, thumbnails_path(into, 0).parent):
        if directory.exists():
            shutil.rmtree(directory)
        directory.mkdir()
    pixels_path(into).unlink(missing_ok=True)
    with open(pixels_path(into), "xb") as file:
        file.truncate(_pixels_bytes(recipe, candidates))
    write_whole(header_path(into), json.dumps(_header(recipe, candidates), indent=1).encode())


def is_copy(into: Path, recipe: Recipe, candidates: pd.DataFrame) -> bool:
    """Whether a working copy, finished or not, is of just these candidates, decoded in this way."""
    whole = _size_or_none(pixels_path(into)) == _pixels_bytes(recipe, candidates)
    return whole and _header_or_none(into) == _header(recipe, candidates)


def _header(recipe: Recipe, candidates: pd.DataFrame) -> dict[str, Any]:
    return {
        "format": "lookalike working copy",
        "version": VERSION,
        "size": recipe.size,
        "fit": recipe.fit,
        "decoder": recipe.decoder,
        "slots": len(candidates),
        "fingerprint": _fingerprint(candidates),
    }


def _pixels_bytes(recipe: Recipe, candidates: pd.DataFrame) -> int:
    return len(candidates) * recipe.size**2 * 3


def _header_or_none(into: Path) -> dict[str, Any] | None:
    try:
        return read_header(into)
    except LibraryError:
        return None


def _alike(one: Path, other: Path) -> bool:
    """Whether two working copies were decoded in the same way."""
    headers = [_header_or_none(place) or {} for place in (one, other)]
    return all(headers[0].get(key) == headers[1].get(key) for key in ("version", "size", "fit", "decoder"))


def _size_or_none(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _fingerprint(candidates: pd.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in candidates["path"]:
        digest.update(path + b"\0")
    for column in ("bytes", "mtime_ns"):
        digest.update(candidates[column].to_numpy("int64").astype("<i8").tobytes())
    return digest.hexdigest()


def _jobs(
    recipe: Recipe, folder: str | os.PathLike[str], candidates: pd.DataFrame, into: Path, shards: list[int]
) -> Iterator[Job]:
    for shard in shards:
        part = candidates.iloc[shard * SHARD : (shard + 1) * SHARD]
        instructions = {
            "folder": os.path.abspath(folder),
            "into": os.path.abspath(into),
            "size": recipe.size,
            "fit": recipe.fit,
            "decoder": recipe.decoder,
            "paths": [path.decode("utf-8", "surrogateescape") for path in part["path"]],
        }
        if recipe.earlier:
            slots = range(shard * SHARD, shard * SHARD + len(part))
            known = {slot: recipe.earlier.slots[slot] for slot in slots if slot in recipe.earlier.slots}
            instructions |= {"earlier": os.path.abspath(recipe.earlier.place), "known": known}
        seconds = [recipe.seconds + _SECONDS_PER_MEGABYTE * size / 1e6 for size in part["bytes"]]
        yield Job(shard, instructions, dict(enumerate(seconds, start=shard * SHARD)))


def _tables(candidates: pd.DataFrame, into: Path, shards: range) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    tables = [read_shard(into, shard) for shard in shards]
    rows = pd.DataFrame(
        [row[:6] for table in tables for row in table.rows],
        columns=["slot", "bytes", "mtime_ns", "content_hash", "width", "height"],
    ).astype({"content_hash": "str", **dict.fromkeys(["slot", "bytes", "mtime_ns", "width", "height"], "int64")})
    named = candidates[["file_name", "path"]].iloc[rows["slot"]].reset_index(drop=True)
    images = pd.concat([named, rows], axis=1)
    reasons = [entry for table in tables for entry in table.skipped]
    skipped = pd.DataFrame(
        {
            "file_name": candidates["file_name"].iloc[[slot for slot, _ in reasons]].reset_index(drop=True),
            "reason": pd.Series([reason for _, reason in reasons], dtype="str"),
        }
    )
    columns = ["file_name", "path", "bytes", "mtime_ns", "content_hash", "width", "height", "slot"]
    return images[columns], skipped
