"""`ImageEncoder`: images in, embeddings out, as a scikit-learn transformer."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from lookalike.errors import SettingError
from lookalike.images import load, typical_side
from lookalike.learn import DEFAULT, embed, image_size, train

UINT8_RANGE = (0.0, 255.0)


class ImageEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Learns what images look like, without labels, and turns images into vectors that lie close for lookalikes.

    Embeddings have the length 1, so Euclidean distances between them lie between 0 (the same) and 2 (the opposite).

    ``X`` is, wherever images are asked for, one of

    * a list, array or Series of paths;
    * uint8 pixels (n, height, width, 3) or (n, height, width), or a list of such arrays of any sizes, one an image;
    * rows of numbers (n, n_features), as scikit-learn's digits are: s² of them are read as a square of s pixels a
      side, 3·s² as a square of (red, green, blue), any other number as one row of pixels.

    Numbers other than uint8 become pixels by their least and their largest at ``fit``: the one is black, the other
    white, and what lies beyond them later is cut off. Every image is then resized to the model's square, its sides
    scaled apart; as `lookalike.build` does with ``fit="squash"``.

    Parameters
    ----------
    model : str
        What learns: one of ``lookalike.learn.names()``; ``pixels`` is the quick floor, it learns principal components.
        Or an encoder from elsewhere, ``hf:NAME_OR_FOLDER`` or ``FILE.onnx``.
    n_components : int
        Numbers in an embedding, exactly. More keep more detail and make searching dearer. ``talk`` has 256.
    epochs : float, optional
        How often the training sees each image; by default it follows from their number. More is better up to a
        plateau, and takes proportionally longer.
    minutes : float, optional
        Ends the training by the clock; the result then depends on the machine's speed.
    model_settings : dict, optional
        Keyword arguments of the model, such as ``{"size": 32, "beta": 4.0}``; ``size`` is pixels a side.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    random_state : int, RandomState or None
        Of everything random. The same number on the same machine gives the same result; None another every time.

    Attributes
    ----------
    model_ : lookalike.learn.Trained
        The trained model.
    history_ : dict
        ``step``, and the terms of the loss at these steps: lists of equal length, empty for ``pixels``.
    pixel_range_ : (float, float)
        The numbers that are black and white where ``X`` is not uint8.
    n_features_in_ : int
        Numbers in a row; only after a fit to rows.
    feature_names_in_ : array of str
        Names of a DataFrame's columns; only after a fit to one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from lookalike import ImageEncoder
    >>> ImageEncoder(model="pixels", n_components=8, random_state=0).fit_transform(load_digits().data).shape
    (1797, 8)
    """

    model_: Any
    pixel_range_: tuple[float, float]
    history_: dict[str, list[float]]

    def __init__(
        self,
        model: str = DEFAULT,
        n_components: int = 64,
        *,
        epochs: float | None = None,
        minutes: float | None = None,
        model_settings: dict[str, Any] | None = None,
        device: str = "auto",
        random_state: Any = 0,
    ) -> None:
        self.model = model
        self.n_components = n_components
        self.epochs = epochs
        self.minutes = minutes
        self.model_settings = model_settings
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "ImageEncoder":
        """Trains the model on the images ``X``; ``y`` is ignored.

        Raises
        ------
        SettingError
            An argument of the constructor cannot be used, or ``X`` holds something else than images.
        ModelError, MissingExtraError
            The files of an encoder from elsewhere cannot be used, or what reads them is not installed.
        ImageError
            A file of ``X`` cannot be read; names it.
        ValueError
            ``X`` is empty, has the wrong shape, or holds NaN or infinity.
        """
        raw = self._raw(X, reset=True)
        settings = self._settings(raw)
        self.pixel_range_ = _range(raw)
        pixels = _squares(raw, self.pixel_range_, settings["size"])
        self.model_ = train(
            self.model,
            pixels,
            np.arange(len(pixels)),
            seed=self._seed(),
            epochs=self.epochs,
            minutes=self.minutes,
            device=self.device,
            settings=settings,
        )
        self.model_.known = None  # of use for these very images alone
        self.history_ = self.model_.history
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The embeddings of the images ``X``: float32 (n_images, n_components). Errors as in `fit`."""
        check_is_fitted(self, "model_")
        pixels = _squares(self._raw(X, reset=False), self.pixel_range_, self.model_.size)
        return embed(self.model_, pixels, np.arange(len(pixels)))

    def inverse_transform(self, H: Any) -> NDArray[np.uint8]:
        """The images that the model makes of embeddings ``H`` (n_images, n_components).

        Returns
        -------
        uint8 (n_images, height, width, 3)
            Of the model's size, ``model_.size`` pixels a side, whatever size the images had.

        Raises
        ------
        ModelError
            The model has no decoder.
        ValueError
            ``H`` is not (n_images, n_components), or holds NaN or infinity.
        """
        check_is_fitted(self, "model_")
        embeddings = check_array(H, dtype=np.float32)
        if embeddings.shape[1] != self._n_features_out:
            raise ValueError(f"H has {embeddings.shape[1]} columns; expected n_components={self._n_features_out}")
        images: NDArray[np.uint8] = self.model_.decode(embeddings)
        return images

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.dim)

    def _settings(self, raw: Sequence[Any]) -> dict[str, Any]:
        given = self.model_settings or {}
        if "dim" in given:
            raise SettingError("model_settings holds 'dim'; give it as n_components instead")
        dim = int(self.n_components) if isinstance(self.n_components, np.integer) else self.n_components
        if not isinstance(dim, int) or dim < 1:
            raise SettingError(f"n_components={dim} must be a whole number from 1 up")
        size = image_size(self.model, len(raw), lambda: typical_side(raw))
        return {"size": size, **given, "dim": dim}

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            if self.random_state < 0:
                raise SettingError(f"random_state={self.random_state} must be a whole number from 0 up")
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def _raw(self, X: Any, *, reset: bool) -> Sequence[Any]:
        """``X`` checked: paths, or one array an image."""
        if isinstance(X, (str, os.PathLike)):
            raise SettingError(f"X is the one path {str(X)!r}; expected a list of paths, one an image")
        if (entries := _entries(X)) is not None:
            return entries
        if getattr(X, "ndim", 2) in (3, 4):
            return list(check_array(X, dtype=None, allow_nd=True))
        rows = validate_data(self, X, reset=reset, dtype="numeric")
        return list(rows.reshape(len(rows), *_shape(rows.shape[1])))


def _entries(X: Any) -> list[Any] | None:
    """The entries of a sequence of paths, or of arrays that are an image each; None when ``X`` is neither."""
    if not hasattr(X, "__len__") or getattr(X, "ndim", 1) != 1 or isinstance(X, dict):
        return None
    entries = list(X)
    if entries and all(isinstance(entry, (str, os.PathLike)) for entry in entries):
        return [Path(entry) for entry in entries]
    if entries and all(isinstance(entry, np.ndarray) and entry.ndim in (2, 3) for entry in entries):
        return [check_array(entry, dtype=None, allow_nd=True) for entry in entries]
    return None


def _shape(n_features: int) -> tuple[int, ...]:
    """How the numbers of a row lie in an image."""
    for channels in ((), (3,)):
        side = round((n_features / (3 if channels else 1)) ** 0.5)
        if side * side * (3 if channels else 1) == n_features:
            return (side, side, *channels)
    return (1, n_features)


def _range(raw: Iterable[Any]) -> tuple[float, float]:
    """Least and largest number of the images that are not uint8."""
    numbers = [image for image in raw if isinstance(image, np.ndarray) and image.dtype != np.uint8]
    if not numbers:
        return UINT8_RANGE
    return float(min(image.min() for image in numbers)), float(max(image.max() for image in numbers))


def _squares(raw: Sequence[Any], pixel_range: tuple[float, float], size: int) -> NDArray[np.uint8]:
    """Every image as the model wants it: uint8 (n, size, size, 3)."""
    squares = np.empty((len(raw), size, size, 3), np.uint8)
    for row, image in enumerate(raw):
        squares[row] = load(image if isinstance(image, Path) else _pixels(image, pixel_range), size=size)
    return squares


def _pixels(image: NDArray[Any], pixel_range: tuple[float, float]) -> NDArray[np.uint8]:
    """One image as uint8 (h, w, 3) or (h, w)."""
    if image.dtype != np.uint8:
        least, largest = pixel_range
        share = (image.astype(np.float64) - least) / ((largest - least) or 1.0)
        image = (share.clip(0, 1) * 255).round().astype(np.uint8)
    return image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
