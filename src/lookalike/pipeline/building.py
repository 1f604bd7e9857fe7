"""``build``: the whole way from a folder to a library, readable as a page."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike import images, learn
from lookalike.errors import FolderError, ImageError, LibraryError, ModelError, SettingError
from lookalike.library import HEADER, LibraryFolder
from lookalike.pipeline import editing
from lookalike.pipeline.library import Library
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import Stages

if TYPE_CHECKING:
    import pandas as pd


def build(
    folder: str | Path,
    output: str | Path | None = None,
    *,
    device: str = "auto",
    progress: Callable[..., None] | None = None,
    **settings: Any,
) -> Library:
    """Makes a library of the pictures in ``folder``: decode, train, embed, index, project, cluster.

    ``folder`` is searched recursively and never written to. The library goes to ``output``, by default
    ``NAME.lookalike`` in the working directory. Where it exists already, the build goes on from where it stopped; a
    setting that differs redoes what depends on it, and what is missing or damaged is made again. ``settings`` are those
    of `lookalike.pipeline.Settings`: ``model``, ``n_clusters``, ``projection``, ``epochs``, ``minutes``,
    ``random_state`` and others. ``device`` is ``auto``, ``cpu``, ``cuda`` or ``mps``. ``progress`` is called as
    ``progress(stage, done, total, note="")``.

    Raises `FolderError` when there is nothing to read, or no image any more of the clusters that were edited by hand,
    `SettingError` for a setting that cannot be, `LibraryError` when ``output`` is something else than a library, or
    that of another folder, `LibraryBusyError` when another process is building it. The library that was there is then
    as it was.
    """
    place, root = library_path(folder, output), Path(folder).resolve()
    if not root.is_dir():
        raise FolderError(f"{folder} is {'a file' if root.exists() else 'missing'}; expected a folder of pictures")
    made = not place.exists()
    _chosen(LibraryFolder(place) if (place / HEADER).exists() else None, settings)
    files = LibraryFolder.create(place, root)
    with files.writing():
        _check_owner(files, root)
        chosen = _chosen(files, settings)
        stages = Stages(files, chosen, device=device, progress=progress)
        try:
            _check_edits(files, root, stages.scan(root))
            stages.check()
            files.note(settings=chosen.as_dict(), folder=str(root))
            stages.images()
        except FolderError:
            if made:
                files.give_up()
            raise
        stages.model()
        stages.embeddings()
        stages.index()
        stages.map()
        stages.clusters()
    return Library(files, device=device)


def _chosen(files: LibraryFolder | None, given: dict[str, Any]) -> Settings:
    """The settings, all of them found to be usable before anything is written.

    A model from elsewhere whose files are gone is left to `Stages.check` where the library has one of that name.
    """
    chosen = Settings.merged(files.header.get("settings", {}) if files else {}, given)
    try:
        learn.check_settings(chosen.model, chosen.model_settings)
    except ModelError:
        if not (files and files.has("model") and files.facts("model").get("name") == chosen.model):
            raise
    return chosen


def _check_owner(files: LibraryFolder, folder: Path) -> None:
    """Two folders must not take one library; a folder that was moved may keep its own."""
    if files.folder != folder and files.folder.exists():
        raise LibraryError(f"{files.path} is the library of {files.folder}, not of {folder}; choose another with -o")


def _check_edits(files: LibraryFolder, root: Path, found: pd.DataFrame) -> None:
    """Clusters edited by hand are not given up because all of their pictures are away, on another disk, say."""
    kept = editing.images_kept(files)
    if kept is None or found["file_name"].isin(kept["file_name"]).any():
        return
    hashes = set(kept["content_hash"])
    for path in found["path"]:  # moved or renamed, may be
        with contextlib.suppress(ImageError):
            if images.hash_of(images.read_whole(root / os.fsdecode(path))[0]) in hashes:
                return
    numbers, let_go = ",".join(map(str, sorted(set(kept["cluster"])))), ""
    if files.has("clusters"):
        let_go = f"let these clusters go (`lookalike cluster {shlex.quote(str(files.path))} --release {numbers}`), "
    raise FolderError(
        f"none of the {len(kept):,} images in clusters of {files.path} that were edited by hand is in {root} any more; "
        f"put them back, {let_go}or build another library with -o"
    )


def library_path(folder: str | Path, output: str | Path | None = None) -> Path:
    """Where the library of a folder goes: ``output``, or ``NAME.lookalike`` in the working directory.

    Never into the folder itself: asked for by name that is a SettingError, by default it goes beside the folder.
    """
    inside_of = Path(folder).resolve()
    if output is None:
        name = f"{inside_of.name or 'pictures'}.lookalike"
        here = Path.cwd().resolve()
        return inside_of.parent / name if here.is_relative_to(inside_of) else Path(name)
    if Path(output).resolve().is_relative_to(inside_of):
        raise SettingError(f"output={str(output)!r} lies in the folder of pictures, which is never written to")
    return Path(output)
