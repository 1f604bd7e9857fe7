"""What can be said about a library before it is built; kept in it, so that running again needs no repetition."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lookalike.errors import SettingError
from lookalike.images import FITS
from lookalike.learn import DEFAULT, elsewhere, home
from lookalike.organize import CLUSTERINGS, PROJECTIONS

SPACES = {"embedding": "embeddings", "manifold": "manifold", "map": "map"}
"""What can be clustered, and the stage that holds it."""
MOST_SEEDS = 2**32
"""What takes a seed takes no larger one."""


@dataclass(frozen=True)
class Settings:
    """How a library is made. Each setting can be given to ``build``; what is not given is what it was the last time.

    model: what turns images into embeddings: one of ``lookalike.learn.names()``, or from elsewhere
        ``hf:NAME_OR_FOLDER``, ``FILE.onnx``, ``FILE.parquet`` or ``FILE.npy``, paths made absolute.
    model_settings: keyword arguments of the model, such as ``{"dim": 128, "beta": 4.0}``; forgotten with another model.
    fit: how an oblong picture becomes a square: ``squash``, ``pad`` or ``crop``.
    epochs: how often the training sees each image; None decides by the number of images. More is better, and slower.
    minutes: ends the training by the clock; the library then depends on the machine's speed. What the model has to
        know of the folder before its first step counts, but is not cut short.
    average: whether the embeddings that are searched and exported are averaged with those around them, which finds more
        that is alike (`search.averaged`); without, they are what the model makes of each image alone. Clusters, map
        and duplicates are made from the latter either way.
    random_state: of everything random, below 2**32. Same folder, same number, same machine: same library.
    projection: the map: ``tsne``, ``umap`` or ``pca``.
    n_clusters: K, or ``auto`` for the number by modularity, see `organize.choose_k`.
    method: ``kmeans``, ``gmm``, ``hdbscan`` (decides on K by itself) or ``ward``.
    space: what is clustered: the ``embedding``, its ``manifold`` (UMAP in 10 dimensions) or the ``map``.
    """

    model: str = DEFAULT
    model_settings: dict[str, Any] = field(default_factory=dict)
    fit: str = "squash"
    epochs: float | None = None
    minutes: float | None = None
    average: bool = True
    random_state: int = 0
    projection: str = "tsne"
    n_clusters: int | str = "auto"
    method: str = "kmeans"
    space: str = "manifold"

    def __post_init__(self) -> None:
        home(self.model)
        _one_of("fit", self.fit, FITS)
        _one_of("projection", self.projection, PROJECTIONS)
        _one_of("method", self.method, CLUSTERINGS)
        _one_of("space", self.space, SPACES)
        if not isinstance(self.model_settings, dict):
            raise SettingError(f"model_settings={self.model_settings!r} must be a dict of keyword arguments")
        if not isinstance(self.average, bool):
            raise SettingError(f"average={self.average!r} must be True or False")
        if not isinstance(self.random_state, int) or not 0 <= self.random_state < MOST_SEEDS:
            raise SettingError(f"random_state={self.random_state!r} must be a whole number from 0 to {MOST_SEEDS - 1}")
        if self.n_clusters != "auto" and (not isinstance(self.n_clusters, int) or self.n_clusters < 1):
            raise SettingError(f"n_clusters={self.n_clusters!r} must be a whole number from 1 up, or 'auto'")
        for name, value in (("epochs", self.epochs), ("minutes", self.minutes)):
            if value is not None and (not isinstance(value, (int, float)) or not value > 0):
                raise SettingError(f"{name}={value!r} must be a number above 0")

    @property
    def linked(self) -> bool:
        """Whether clusters go by links between neighbours, too: k-means in the manifold, where distances mislead."""
        return self.space == "manifold" and self.method == "kmeans"

    @classmethod
    def merged(cls, kept: dict[str, Any], given: dict[str, Any]) -> "Settings":
        """Those of an earlier run, overridden by those given now; SettingError for a name that is no setting."""
        known = {entry.name for entry in fields(cls)}
        if unknown := set(given) - known:
            raise SettingError(f"unknown setting {sorted(unknown)[0]!r}; there are {', '.join(sorted(known))}")
        if isinstance(given.get("model"), str):
            given = {**given, "model": elsewhere.located(given["model"])}
        if given.get("model", kept.get("model")) != kept.get("model"):
            kept = {key: value for key, value in kept.items() if key != "model_settings"}
        return cls(**{key: value for key, value in kept.items() if key in known} | given)

    def as_dict(self) -> dict[str, Any]:
        """For the library's header."""
        return asdict(self)


def _one_of(name: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise SettingError(f"{name}={value!r} is unknown; it must be one of {', '.join(allowed)}")
