"""One approach of a comparison, in a process of its own, so that its memory is its own and its crash costs it alone.

``python -m lookalike.pipeline.approach`` takes a job as a line of JSON from stdin. It says ``{"progress": [stage, done,
total]}`` and ends with ``{"result": {...}}``, or ``{"failed": kind, "reason": text}``. When its stdin closes (its
parent is gone) it ends at once; run again, it goes on.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lookalike import images, learn, metrics, organize
from lookalike.errors import LookalikeError
from lookalike.library import HEADER, LibraryFolder
from lookalike.pipeline.building import build
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.library import Library
from lookalike.pipeline.scoring import LABELLED, cluster_scores, found_neighbors, search_scores, view_agreement
from lookalike.pipeline.settings import SPACES, Settings

PEAK = "peak_memory"
"""Entry of a library's header: what its embeddings were made from, and the bytes that this took."""
Say = Callable[..., None]


def main() -> None:
    """Does the one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    say = _own_stdout()
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        say(progress=[stage, done, total])

    try:
        say(result=build_and_score(**job, progress=progress))
    except LookalikeError as error:
        say(failed=type(error).__name__, reason=str(error))
    except Exception as error:
        say(failed=type(error).__name__, reason=f"{type(error).__name__}: {error}")


def build_and_score(
    folder: str, place: str, *, settings: dict[str, Any], labels: str | None, progress: Callable[..., None]
) -> dict[str, Any]:
    """Builds the library at ``place`` with the settings, all of them given, or goes on with it; then scores it.

    Gives the scores `scoring.LABELLED`, or without labels `scoring.UNLABELLED`; ``train_seconds``, and ``seconds`` of
    everything but reading the folder; ``peak_megabytes``, of this process or, where another had finished the library
    from the same embeddings, of that one; ``capped``, whether the clock ended the training. The errors are those of
    `build`.
    """
    _take_working_copy(Path(place), folder, Settings(**settings))
    library = build(folder, place, progress=progress, **settings)
    peak = _kept_peak(LibraryFolder(place))
    progress("score", 0, 0)
    scores = _scores_by(library, labels) if labels is not None else _scores_without(library)
    spent, facts = library.seconds(), library.info()["stages"]["model"]
    return {
        **scores,
        "train_seconds": spent["train"],
        "seconds": round(spent["total"] - spent["scan"] - spent["decode"], 3),
        "peak_megabytes": peak and round(peak / 1e6, 1),
        "capped": bool(facts.get("capped")),
    }


def peak_memory() -> int | None:
    """Bytes of the most memory that this process has had resident so far; None where the system does not tell.

    On Linux not from ``getrusage``, which also counts what the parent held when it started this process.
    """
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
        import resource
    except (OSError, ImportError):
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _take_working_copy(place: Path, folder: str, settings: Settings) -> None:
    """Starts with a copy of what another library beside this one has decoded alike, so that it is decoded once."""
    if (place / HEADER).exists() and LibraryFolder(place).working.exists():
        return
    for path in sorted(set(place.parent.glob("*.lookalike")) - {place}):
        try:
            other = LibraryFolder(path)
            alike = other.has("images") and _decoded_alike(other, settings)
        except LookalikeError:
            continue
        if alike:
            files = LibraryFolder.create(place, folder)
            with files.writing():
                half = files.path / "working.half"  # swept away by the next writer if this one is interrupted
                shutil.copytree(other.working, half)
                os.replace(half, files.working)
            return


def _decoded_alike(other: LibraryFolder, settings: Settings) -> bool:
    """Whether a library has the pixels that these settings want; by the model where the folder says how many."""
    its = other.header.get("settings", {})
    if its.get("fit") != settings.fit:
        return False
    if "size" not in settings.model_settings and learn.home(settings.model).closer:
        return "size" not in its.get("model_settings", {}) and bool(learn.home(its.get("model")).closer)
    size = settings.model_settings.get("size") or learn.image_size(settings.model)
    return bool(images.Pixels(other.working).shape[1] == size)


def _kept_peak(files: LibraryFolder) -> int | None:
    """The most memory of the process that finished the library from these embeddings: noted in it the first time."""
    made_from, peak = files.made_from("embeddings"), peak_memory()
    with files.writing():
        known = files.header.get(PEAK, {})
        if known.get("made_from") == made_from:
            return int(known["bytes"])
        if peak is not None:
            files.note(**{PEAK: {"made_from": made_from, "bytes": peak}})
    return peak


def _scores_by(library: Library, labels: str) -> dict[str, float]:
    """Against labels; the clusters that are scored are as many as there are labels, and not kept."""
    codes, classes = label_codes(labels, library.file_names)
    settings, points = library.settings, _clustered(library)
    k, nearest = min(len(classes), len(points)), library.neighbors[0] if settings.linked else None
    clusters = organize.cluster(points, k, settings.method, seed=settings.random_state, neighbors=nearest)
    found = {**search_scores(found_neighbors(library), library.embeddings, codes), **cluster_scores(clusters, codes)}
    return {name: found[name] for name in LABELLED}


def _scores_without(library: Library) -> dict[str, float | None]:
    settings = library.settings
    apart = metrics.silhouette(_clustered(library), library.clusters, seed=settings.random_state)
    ignore = settings.model_settings.get("ignore")
    able = library.model.encodes  # a view is a picture that no table of embeddings knows
    steady = view_agreement(library, ignore=ignore, seed=settings.random_state) if able else None
    return {"view_agreement": steady, "silhouette": None if np.isnan(apart) else apart}


def _clustered(library: Library) -> np.ndarray:
    """What the library's clusters were made from: (n, d)."""
    stage = SPACES[library.settings.space]
    return np.array(LibraryFolder(library.path).array(stage, stage))


def _own_stdout() -> Say:
    """A way to speak to the parent that nobody else's printing can disturb."""
    channel = os.fdopen(os.dup(1), "w", buffering=1, encoding="ascii")
    os.dup2(2, 1)

    def say(**words: Any) -> None:
        channel.write(json.dumps(words) + "\n")

    return say


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
