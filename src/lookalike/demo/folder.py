"""Many pictures as files: shared out to worker processes, the same whatever their number, and resumable."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lookalike.demo.picture import FAMILIES, SIZES, draw
from lookalike.errors import FolderError, SettingError

if TYPE_CHECKING:
    import pandas as pd

PER_SEED = 1_000_000  # pictures of one family that a seed has room for
UNFINISHED = ".drawing-"
MARKER = "demo.json"


class Progress(Protocol):
    """What is called as a long step goes on."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tell that `done` of `total` are done."""


def draw_folder(
    folder: str | os.PathLike[str],
    *,
    write: str,
    images: int = 2000,
    size: int = 128,
    seed: int = 0,
    families: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> "pd.DataFrame":
    """Draw a folder of pictures, one sub-folder per family, and return the table: file_name, label.

    `images` are shared equally among the families (all, when None; the first get one more where it does not divide).
    Picture i of a family is `draw(family, seed * 1_000_000 + i, size=size)` at `<family>/<family>-0000i.jpg`, whatever
    the number of `workers` (processes; one per core when None). `write` names a function as "module:function"; it is
    called there as write(pixels, path) with uint8 (size, size, 3) and a path ending in .jpg. A file appears whole or
    not at all, and one that exists is left alone: called again, it goes on where it stopped. The file `demo.json` keeps
    what was drawn; with another seed, size, number or families, the pictures that do not belong any more are removed.
    One call at a time per folder. Raises SettingError for an argument that cannot be used, FolderError when the folder
    holds files of somebody else's or a picture could not be written.
    """
    chosen = list(FAMILIES) if families is None else list(families)
    _check(chosen, images, size, seed, workers)
    find_writer(write)
    folder = Path(folder)
    files = plan(chosen, images)
    _claim(folder, {"seed": seed, "size": size, "images": images, "families": chosen})
    _make_folders(folder, chosen)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as unfinished:
        job = {"folder": str(folder), "unfinished": unfinished, "families": chosen, "images": images}
        job |= {"size": size, "seed": seed, "write": write}
        _draw_in_processes(job, min(workers or _cores(), images), progress)
    return _table(files)


def plan(families: Sequence[str], images: int) -> list[tuple[str, int, str]]:
    """List every picture as (family, number within the family, file name)."""
    share, more = divmod(images, len(families))
    counts = [share + (k < more) for k in range(len(families))]
    return [(f, i, f"{f}/{f}-{i:05d}.jpg") for f, n in zip(families, counts, strict=True) for i in range(n)]


def draw_share(job: dict[str, Any], part: int, parts: int, done: Callable[[], None]) -> None:
    """Draw every `parts`-th picture of a job from number `part` on, and call `done` after each."""
    write, folder = find_writer(job["write"]), Path(job["folder"])
    for family, number, file_name in plan(job["families"], job["images"])[part::parts]:
        path = folder / file_name
        if not path.exists():
            pixels = draw(family, job["seed"] * PER_SEED + number, size=job["size"])
            unfinished = Path(job["unfinished"]) / path.name
            write(pixels, unfinished)
            os.replace(unfinished, path)
        done()


def find_writer(name: str) -> Callable[[Any, Path], object]:
    """Import the function that "module:function" names; raises SettingError when there is none."""
    module, _, function = name.partition(":")
    try:
        found: Callable[[Any, Path], object] = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as problem:
        raise SettingError(f"write={name!r} cannot be imported ({problem}); expected 'module:function'") from problem
    return found


def _check(families: Sequence[str], images: int, size: int, seed: int, workers: int | None) -> None:
    """Raise SettingError for a setting that cannot be used."""
    unknown = [family for family in families if family not in FAMILIES]
    if unknown or not families or len(set(families)) < len(families):
        raise SettingError(
            f"families={list(families)!r} cannot be drawn; expected different ones of: {', '.join(FAMILIES)}"
        )
    if not 1 <= images <= PER_SEED * len(families):
        raise SettingError(f"images={images!r} cannot be drawn; expected 1 to {PER_SEED:,} per family")
    if size not in SIZES:
        raise SettingError(f"size={size!r} cannot be drawn; expected pixels a side from {SIZES[0]} to {SIZES[-1]}")
    if seed < 0:
        raise SettingError(f"seed={seed!r} cannot be used; expected an integer from 0")
    if workers is not None and workers < 1:
        raise SettingError(f"workers={workers!r} cannot be used; expected at least 1, or None for one per core")


def _cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _claim(folder: Path, drawing: dict[str, Any]) -> None:
    """Leave a folder marked as of this drawing, without what another one left; FolderError if it is not of the demo."""
    marker = {"format": "lookalike demo", "version": 1, **drawing}
    try:
        found = _read_marker(folder)
        if found == marker:
            return
        if found:
            _remove_drawn(folder, found, marker)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{UNFINISHED}{MARKER}"
        unfinished.write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, folder / MARKER)
    except OSError as problem:
        raise FolderError(f"{folder}: cannot be drawn in ({problem.strerror}); choose another folder") from problem


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """Return what was drawn in a folder, None when it is new or empty; FolderError when it is somebody else's."""
    if not folder.exists() or (folder.is_dir() and all(p.name.startswith(UNFINISHED) for p in folder.iterdir())):
        return None
    try:
        found = json.loads((folder / MARKER).read_bytes())
        _check(found["families"], found["images"], found["size"], found["seed"], None)
        whole = all(isinstance(found[name], int) for name in ("images", "size", "seed"))
        if found["format"] != "lookalike demo" or not whole:
            raise ValueError("another format")
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise FolderError(
            f"{folder}: not a folder that was drawn by the demo ({MARKER} is missing) and not empty; "
            "choose another place, it would mix its pictures with yours"
        ) from problem
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise FolderError(f"{folder / MARKER}: damaged; choose another place, or delete the folder") from problem
    return dict(found)


def _remove_drawn(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Remove the pictures of a found drawing that are not the same in the one that is wanted, and nothing else."""
    kept = set()
    if all(found.get(name) == wanted[name] for name in ("version", "seed", "size")):
        kept = {file_name for *_, file_name in plan(wanted["families"], wanted["images"])}
    for *_, file_name in plan(found["families"], found["images"]):
        if file_name not in kept:
            (folder / file_name).unlink(missing_ok=True)
    for family in set(found["families"]) - set(wanted["families"]):
        with suppress(OSError):  # not there, or something else is in it
            (folder / family).rmdir()


def _make_folders(folder: Path, families: Sequence[str]) -> None:
    """Create the folder of every family, and sweep up what a killed run left behind."""
    try:
        for family in families:
            (folder / family).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FolderError(f"{folder}: cannot be created ({problem.strerror}); choose another folder") from problem
    for left in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _draw_in_processes(job: dict[str, Any], workers: int, progress: Progress | None) -> None:
    """Run the workers, pass their progress on, and raise FolderError with the first one's words when one fails."""
    read, answer = os.pipe()
    with tempfile.TemporaryFile("w+", errors="replace") as errors, os.fdopen(read) as lines:
        running: list[subprocess.Popen[str]] = []
        try:
            with os.fdopen(answer, "w"):
                for part in range(workers):
                    running.append(_start(job, part, workers, answer, errors))
            for done, _ in enumerate(lines, 1):
                if progress:
                    progress("draw", done, job["images"])
            failed = [worker for worker in running if worker.wait() != 0]
        finally:
            for worker in running:
                worker.kill()
                worker.wait()
        if failed:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["a worker process ended early"])[-1]
            raise FolderError(f"{job['folder']}: not all pictures could be written ({last}); call again to go on")


def _start(job: dict[str, Any], part: int, parts: int, answer: int, errors: Any) -> "subprocess.Popen[str]":
    """Start one worker with the same import path; it reads the job from its standard input."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    worker = subprocess.Popen(
        [sys.executable, "-m", "lookalike.demo.worker"],
        stdin=subprocess.PIPE,
        stdout=answer,
        stderr=errors,
        text=True,
        env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
    )
    assert worker.stdin is not None
    with suppress(BrokenPipeError), worker.stdin as stdin:
        json.dump({**job, "part": part, "parts": parts}, stdin)
    return worker


def _table(files: list[tuple[str, int, str]]) -> "pd.DataFrame":
    """Return the table of all pictures, sorted by file name."""
    import pandas as pd

    rows = sorted((file_name, family) for family, _, file_name in files)
    return pd.DataFrame(rows, columns=["file_name", "label"])
