"""``compare``: the approaches side by side on one folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lookalike import errors, images, learn
from lookalike.errors import LibraryError, LookalikeError, MissingExtraError, ModelError, SettingError
from lookalike.library import HEADER, LibraryFolder, fingerprint
from lookalike.pipeline.building import library_path
from lookalike.pipeline.labels import SUBFOLDERS, labels_from, too_few
from lookalike.pipeline.library import Library, open
from lookalike.pipeline.scoring import LABELLED, UNLABELLED
from lookalike.pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

SLOW = ("talk",)
"""Models that are compared only when named."""
DECISIVE = ("FolderError", "SettingError", "LibraryError", "LibraryBusyError", "LibraryVersionError")
"""Errors that end a comparison; by any other, only the model that met it drops out."""
Progress = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    folder: the pictures.

    path: where the libraries are, one per model, ``MODEL.lookalike``; that of a model from elsewhere is called by the
    last part of its name.

    labels: what was scored against: ``folders``, the path of a CSV, or None.

    libraries: of each model that was compared, the library, in the order of the table.

    table: a row per model. With labels, best ``precision_at_10`` first, it has the columns model, precision_at_10,
    knn_accuracy, map, acc, nmi, ari (these three of as many clusters as there are labels). Without, as listed, model,
    view_agreement (share of an image's ten nearest that are also among those of another view of it; NaN for a table of
    embeddings, which has no encoder), silhouette (of the clusters, in the space that was clustered; NaN for one
    cluster). Then train_seconds; seconds, of everything but reading the folder; peak_megabytes (10^6 bytes resident, of
    the process that built it; NaN where the system does not tell); capped, whether the clock ended the training.

    skipped: models that could not be compared here, with the columns model and reason.
    """

    folder: Path
    path: Path
    labels: str | Path | None
    libraries: dict[str, Library]
    table: pd.DataFrame
    skipped: pd.DataFrame


def compare(
    folder: str | Path,
    *,
    models: Sequence[str] | None = None,
    labels: str | Path | None = "folders",
    minutes: float | None = None,
    output: str | Path | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Comparison:
    """Builds a library of ``folder`` with each of several models, each in a process of its own, and scores them.

    Parameters
    ----------
    folder : path
        The pictures; only read.
    models : names, optional
        Default: all of ``lookalike.learn.names()`` but ``talk``, which takes hours. A model that cannot run here, its
        extra or its files missing say, is left out, with the reason in ``skipped``.
    labels : "folders", "innermost", path of a CSV, or None
        What to score against, as in ``Library.evaluate``; used for scoring only. Where the sub-folders give fewer than
        two labels, or with None, the scores are those that need no labels.
    minutes : float, optional
        Each model's training ends after so long, as in `build`. Default: each trains as long as `build` would.
    output : path, optional
        The folder for the libraries, by default ``NAME.compare`` in the working directory. They are kept; called
        again, what is built is not built again.
    random_state : int
        Of everything random.
    progress : callable, optional
        Called as ``progress(stage, done, total, note=model)``.
    **settings
        Others of `lookalike.pipeline.Settings`, the same for all models. What is not given is the default, whatever
        an earlier comparison had.

    Raises
    ------
    SettingError
        A model, a label source or a setting cannot be used.
    FolderError
        There is nothing to read.
    LibraryError
        ``output`` is something else, or holds the libraries of another folder.
    ModelError
        None of the models can run here.
    """
    import pandas as pd

    if "model" in settings:
        raise SettingError(f"model={settings['model']!r} names one model; a comparison takes models=[...]")
    chosen = {
        name: Settings.merged({}, {**settings, "model": name, "minutes": minutes, "random_state": random_state})
        for name in _chosen(models)
    }
    place = _free_place(Path(folder), output)
    skipped = _unable(chosen)
    labels = _usable(labels, folder, progress)
    rows = []
    for name in [name for name in chosen if name not in skipped]:
        job = {"folder": str(Path(folder).resolve()), "place": str(place / library_name(name)), "labels": labels}
        try:
            found = _in_its_own_process({**job, "settings": chosen[name].as_dict()}, name, progress)
            rows.append({"model": name, **found})
        except _LeftOutError as reason:
            skipped[name] = str(reason)
    if not rows:
        raise ModelError("none of the models can run here; " + ": ".join(next(iter(skipped.items()))))
    table = pd.DataFrame(rows).astype(dict.fromkeys([*_scores(labels), "peak_megabytes"], "float64"))
    if labels is not None:
        table = table.sort_values(LABELLED[0], ascending=False, kind="stable", ignore_index=True)
    libraries = {name: open(place / library_name(name)) for name in table["model"]}
    left_out = pd.DataFrame(list(skipped.items()), columns=["model", "reason"], dtype="str")
    return Comparison(Path(folder).resolve(), place, labels, libraries, table, left_out)


def library_name(model: str) -> str:
    """What the library of a model is called: by the model, or by the last of a path and what tells it from others."""
    if not learn.elsewhere.kind(model):
        return f"{model}.lookalike"
    full = learn.elsewhere.located(model)
    last = re.sub(r"[^\w.-]", "-", re.split(r"[/\\:]", full)[-1])[-80:]
    return f"{last}-{fingerprint(full)[:8]}.lookalike"


class _LeftOutError(Exception):
    """Why a model drops out."""


def _scores(labels: str | Path | None) -> tuple[str, ...]:
    return UNLABELLED if labels is None else LABELLED


def _chosen(models: Sequence[str] | None) -> list[str]:
    if models is None:
        return [name for name in learn.names() if name not in SLOW]
    if isinstance(models, str) or not models:
        raise SettingError(f"models={models!r} must be a list of names; there are {', '.join(learn.names())}")
    return list(dict.fromkeys(models))


def _unable(chosen: dict[str, Settings]) -> dict[str, str]:
    """Models whose extra or whose files are missing, and why; SettingError when one does not take its settings."""
    found = {}
    for name, settings in chosen.items():
        try:
            learn.check_settings(name, settings.model_settings)
        except (MissingExtraError, ModelError) as error:
            found[name] = str(error)
    return found


def _free_place(folder: Path, output: str | Path | None) -> Path:
    """The folder for the libraries; LibraryError when something else is there."""
    place = library_path(folder, output) if output else library_path(folder).with_suffix(".compare")
    if (place.exists() and not place.is_dir()) or (place / HEADER).exists():
        raise LibraryError(f"{place} exists and is no comparison; choose another place for the libraries")
    for path in sorted(place.glob("*.lookalike")):
        owner = LibraryFolder(path).folder
        if owner != folder.resolve() and owner.exists():
            raise LibraryError(f"{place} compares models on {owner}, not on {folder}; choose another place")
    return place


def _usable(labels: str | Path | None, folder: str | Path, progress: Progress | None) -> str | None:
    """The label source, None when sub-folders give none; SettingError now rather than after hours when it is wrong."""
    if labels is None:
        return None
    candidates = images.scan(folder, progress=progress).candidates
    if candidates.empty:
        return str(labels)
    n_labels = len({label for label in labels_from(labels, candidates["file_name"]) if label is not None})
    if n_labels < 2 and str(labels) not in SUBFOLDERS:
        raise too_few(labels, n_labels)
    return str(labels) if n_labels > 1 else None


def _in_its_own_process(job: dict[str, Any], name: str, progress: Progress | None) -> dict[str, Any]:
    """What `approach.build_and_score` finds; whatever ends this, also Ctrl-C, ends the process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-P", "-m", "lookalike.pipeline.approach"]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                said = json.loads(line)
                if "result" in said:
                    return dict(said["result"])
                if "failed" in said:
                    raise _error(said["failed"], said["reason"])
                if progress:
                    progress(*said["progress"], note=name)
        except BrokenPipeError:
            pass  # it has ended already
        finally:
            process.kill()
            status = process.wait()
            process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()
        raise _LeftOutError(_why(status, complaints))


def _error(kind: str, reason: str) -> Exception:
    found: type[LookalikeError] = getattr(errors, kind, LookalikeError)
    return found(reason) if kind in DECISIVE else _LeftOutError(reason)


def _why(status: int, complaints: IO[bytes]) -> str:
    complaints.seek(0)
    last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
    end = f"its process was killed by signal {-status}" if status < 0 else f"its process ended with status {status}"
    return f"{end}{': ' + last[0] if last else ', perhaps for lack of memory'}"
