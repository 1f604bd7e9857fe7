"""``Contents``: what lies in a library, as arrays and tables, and what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import learn, search
from lookalike.errors import LibraryError
from lookalike.images import Atlas, Pixels, Thumbnails, decoded_so_far
from lookalike.library import LibraryFolder
from lookalike.pipeline.editing import Clustering, current
from lookalike.pipeline.indexing import index_of, kept_average, kept_neighbors
from lookalike.pipeline.labels import labels_from
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import Stages

if TYPE_CHECKING:
    import pandas as pd

INDEXED = ("neighbors", "index", "_average")
HELD = ("images", "described", "skipped", "model", "alone", "thumbnails", "_rows", "_clustering", *INDEXED)
"""What a library keeps in memory of what it has read; of the stage ``index`` these."""
WAY = ("images", "model", "embeddings", "index", "map", "clusters")
"""The stages that a library is built in."""


class Contents:
    """What lies in a library, read when it is asked for and held until the library is written to."""

    def __init__(self, files: LibraryFolder, *, device: str = "auto") -> None:
        self._files, self._device = files, device

    def __repr__(self) -> str:
        return f"<Library {self.path}>"

    @property
    def path(self) -> Path:
        """The folder that Lookalike writes."""
        return self._files.path

    @property
    def folder(self) -> Path:
        """The pictures' folder."""
        return self._files.folder

    @property
    def settings(self) -> Settings:
        """How it was made."""
        return Settings.merged(self._files.header.get("settings", {}), {})

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row per image: file_name, width, height, label, cluster, cluster_name, projection_x, projection_y,
        embedding.

        ``label`` is the first sub-folder (None for images that lie in none). Columns of stages that are not built yet
        are missing.
        """
        table = self.described.copy()
        if self._files.has("embeddings"):
            table["embedding"] = list(np.asarray(self.embeddings))  # views into the file
        return table

    @cached_property
    def described(self) -> pd.DataFrame:
        """``images`` without the embeddings, which take most of its memory and time."""
        import pandas as pd

        table = pd.DataFrame({name: self._rows[name] for name in ("file_name", "width", "height")})
        table["label"] = labels_from("folders", table["file_name"])
        if self._files.has("clusters"):
            table["cluster"] = self.clusters
            names = self.cluster_names
            table["cluster_name"] = [names.get(number, "none") for number in table["cluster"]]
        if self._files.has("map"):
            table["projection_x"], table["projection_y"] = np.array(self.layout).T
        return table

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Files that look like pictures and could not be read: file_name, reason."""
        return self._files.table("skipped", "images")

    @property
    def embeddings(self) -> np.ndarray:
        """What is searched and exported: float32 (n, dim) of length 1, a row per image, in the order of ``images``.

        They are ``unaveraged``, averaged with those around them, unless the setting ``average`` is off.
        """
        return self.unaveraged if self._average is None else self._average

    @property
    def unaveraged(self) -> np.ndarray:
        """What the model makes of each image alone, float32 (n, dim): of these are neighbours, clusters and map."""
        return self._files.array("embeddings", "embeddings")

    @property
    def averages(self) -> bool:
        """Whether ``embeddings`` are averaged; a library from before there was the setting has them as they are."""
        return self._average is not None

    @property
    def layout(self) -> np.ndarray:
        """The map: float32 (n, 2)."""
        return self._files.array("map", "map")

    @property
    def clusters(self) -> np.ndarray:
        """int32 (n,); -1 is none."""
        return self._clustering.clusters

    @property
    def cluster_names(self) -> dict[int, str]:
        """What each cluster is called."""
        return self._clustering.names

    @property
    def kept_clusters(self) -> list[int]:
        """Clusters that were edited by hand, which clustering again leaves as they are."""
        return sorted(self._clustering.kept)

    @cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """Each image's nearest by ``unaveraged``, itself first: rows (n, k) and Euclidean distances float32 (n, k).

        Maps, clusters and duplicates are made from them; `find` goes by ``embeddings``. k is 91, of 200,000 images and
        more 51. `info` says whether they are exact, and if not, how many are right.
        """
        return kept_neighbors(self._files) or Stages(self._files, self.settings).neighbors

    @cached_property
    def index(self) -> search.Index:
        """What finds the embeddings nearest to any: ``index.search(queries, n)``, rows and distances (m, n)."""
        return index_of(self._files, self.embeddings)

    @cached_property
    def model(self) -> learn.Trained:
        """The model, ready to encode."""
        return learn.load_model(self._files.place("model", "model"), self._device)

    @cached_property
    def alone(self) -> learn.Alone | None:
        """The model's encoder for few pictures, which needs no PyTorch; None where the model itself has to encode."""
        on_processor = self._device in ("auto", "cpu")
        return learn.encoder_alone(self._files.place("model", "model")) if on_processor else None

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Small pictures, by ``slots``."""
        return Thumbnails(self._working)

    @property
    def file_names(self) -> np.ndarray:
        """The name of each image, in the order of ``images``: object (n,)."""
        return self._rows["file_name"]

    @property
    def slots(self) -> np.ndarray:
        """Where in the working copy each image lies: int64 (n,)."""
        return self._rows["slot"]

    @property
    def paths(self) -> list[Path]:
        """Where each image's file is, in the order of ``images``; right also for names that are not UTF-8.

        LibraryError when the library names a file outside the folder.
        """
        return [self._place(row) for row in range(len(self.file_names))]

    def _place(self, row: int) -> Path:
        inside = Path(os.fsdecode(self._rows["path"][row]))
        if inside.is_absolute() or ".." in inside.parts:
            raise LibraryError(f"{self.path} names {inside}, outside its folder; run `lookalike build` again")
        return self.folder / inside

    def thumbnail(self, row: int) -> np.ndarray:
        """The small picture of the image in this row of ``images``: uint8 (h, w, 3), longest side 128."""
        return self.thumbnails.array(int(self.slots[row]))

    def pixels(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """What the model sees of the images in these rows: uint8 (m, size, size, 3)."""
        return Pixels(self._working)[self.slots[np.asarray(rows, np.int64)]]

    def atlas(self, order: np.ndarray, *, tile: int) -> Atlas:
        """The small pictures of the rows in ``order``, int (m,), in large sheets; those of all images are kept."""
        return Atlas(self._working, self.slots[order], tile=tile, keep=len(order) == len(self.slots))

    @property
    def version(self) -> int:
        """Grows with everything that is committed to the library."""
        return int(self._files.header["generation"])

    def made_from(self, stage: str) -> str:
        """A text that changes when a stage, such as ``index`` or ``manifold``, is made anew from something else."""
        return self._files.made_from(stage)

    def building(self) -> dict[str, Any]:
        """How far a build has come: ``stages``, whether each is done; ``decoded`` of ``files`` while it decodes."""
        stages = {stage: self._files.has(stage) for stage in WAY}
        decoded, files = decoded_so_far(self._files.working)
        return {"stages": stages, "finished": all(stages.values()), "decoded": decoded, "files": files}

    def info(self) -> dict[str, Any]:
        """What is in the library: settings, versions, counts, seconds, facts of each stage; whether it is finished, and
        if not, whether somebody is building it."""
        header, stages = self._files.header, self._files.header["stages"]
        return {
            "library": str(self.path),
            **{key: header[key] for key in ("folder", "created", "format_version")},
            "settings": header.get("settings", {}),
            "seconds": self.seconds(),
            "versions": stages["model"]["facts"].get("versions", {}) if "model" in stages else {},
            "stages": {stage: _without(record["facts"], "versions") for stage, record in stages.items()},
            "finished": "clusters" in stages,
            "busy": "clusters" not in stages and self._files.is_busy(),
        }

    def summary(self) -> dict[str, Any]:
        """What ``build`` made, in short: library, images, skipped, model, clusters, seconds."""
        facts = self._files.facts("images")
        return {
            "library": str(self.path),
            "images": facts["images"],
            "skipped": facts["skipped"],
            "model": self._files.facts("model")["name"],
            "clusters": len(self.cluster_names),
            "seconds": self.seconds(),
        }

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, and in total: scan, decode, train, embed, project, cluster, index."""
        spent = self._files.seconds()
        result = {"scan": self._files.facts("images")["scan_seconds"]} if "images" in spent else {}
        for stage, parts in _PARTS.items():
            if any(part in spent for part in parts):
                result[stage] = round(sum(spent.get(part, 0.0) for part in parts), 3)
        return {**result, "total": round(sum(result.values()), 3)}

    @property
    def _working(self) -> Path:
        """Where the working copy lies; LibraryError when an update has made another one since."""
        place = self._files.working
        if not place.exists() and LibraryFolder(self.path).working != place:
            raise LibraryError(f"{self.path} was updated since it was opened; open it again")
        return place

    @property
    def working_copy(self) -> str:
        """The name of the working copy: another one, when it was made anew by an update."""
        return self._files.working.name

    @cached_property
    def _average(self) -> np.ndarray | None:
        return kept_average(self._files)

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        """The columns of the table of images."""
        return self._files.columns("images", "images")

    @cached_property
    def _clustering(self) -> Clustering:
        return current(self._files)


def _without(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name}


_PARTS = {
    "decode": ["images"],
    "train": ["model"],
    "embed": ["embeddings"],
    "project": ["map"],
    "cluster": ["manifold", "clusters"],
    "index": ["index"],
}
