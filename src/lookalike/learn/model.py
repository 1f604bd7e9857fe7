"""What every model offers, the dict of their names, and a trained model on disk.

A model is a ``torch.nn.Module`` with a class attribute ``size`` (pixels a side of the images it wants) and

* ``loss(images, progress) -> dict[str, Tensor]``: the terms whose sum is minimised; ``images`` (b, 3, s, s) floats in
  [0, 1], ``progress`` the share of the training that is done. A model without it is found in closed form;
* ``encode(images) -> Tensor``: codes (b, dim); of a VAE the posterior mean μ;
* maybe ``decode(codes) -> Tensor``: images (b, 3, s, s) in [0, 1];
* maybe ``known(images) -> Tensor``: what the loss asks of an image and training does not change; given to ``loss`` as a
  third argument and to ``encode`` as a second, it is computed once for each image, not each time;
* maybe ``settle(settings, pixels, n_images) -> dict``, static: settings that the user left to the folder, from
  ``judged`` of its images, uint8 (m, s, s, 3);
* maybe ``prepare(images)``: called once, ahead of the training, with a sample of the folder's images, uint8
  (m, 3, s, s); ``few_by_few`` says that it never makes floats of all of them, so that the sample may be larger; that of
  a model with ``known`` takes a number of images, too, and then returns what is known of them, found so many at once;
* maybe ``blocks``: the parts of the code that are whitened one by one (`whitening.Block`); ``whitened``: images from
  which that is learned, at most; ``effort``: how long it is trained by default, relative to the others, or ``epochs``,
  how often it sees each image; ``batch``: images at once.

One from elsewhere (`elsewhere`) has besides ``describe(place, given)``, the settings that its file or folder says;
``fill(place)``, which takes the weights from there; ``features``, the numbers of a code; and ``choices``, the settings
that may be given. What it needs later is all in its settings and its tensors.
"""

import json
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lookalike.errors import MissingExtraError, ModelError, SettingError
from lookalike.learn import elsewhere, hub
from lookalike.learn.whitening import Whitening

if TYPE_CHECKING:
    import torch
    from torch import nn

Progress = Callable[..., None]


class Home(NamedTuple):
    """Where a model lives and what is known of it without loading torch."""

    module: str
    name: str
    size: int
    dim: int = 64
    closer: int = 0
    """``size`` for pictures that are large enough, and few enough, for a closer look; 0 where that brings nothing."""


MODELS: dict[str, Home] = {
    "siamese-vae": Home("siamese", "SiameseVAE", 64, 128, closer=128),
    "siamese": Home("siamese", "Siamese", 64, 128, closer=128),
    "vae": Home("vae", "VariationalAutoencoder", 64),
    "sparse-ae": Home("autoencoder", "SparseAutoencoder", 64),
    "ae": Home("autoencoder", "Autoencoder", 64),
    "talk": Home("vae", "TalkVAE", 256, 256),
    "keypoints": Home("keypoints", "Keypoints", 128, 128),
    "pixels": Home("pixels", "PixelComponents", 32),
}
ELSEWHERE: dict[str, Home] = {
    "hf": Home("pretrained", "Pretrained", 224, 256),
    "onnx": Home("onnx", "OnnxEncoder", 224, 256),
    "table": Home("table", "Table", 32, 256),
}
"""By the kind of their names; ``size`` where their files do not say, ``dim`` at most."""
DEFAULT = "siamese-vae"
GENERATION = 20
"""Raised when the same settings come to mean another model, so that a library trains its own again."""
REDUCED = 1.25
"""A closer look is taken at pictures with so many times its pixels a side: below, it would see compression's blocks."""
CLOSER = 30_000
"""Images that a closer look is taken at, at most: each takes 17 ms more of a core, and 37 KB more of the disk."""
MAX_DESCRIPTION = 64 << 20
"""Bytes: a longer model.json is not read."""


def names() -> list[str]:
    """The models that can be trained, the default first."""
    return list(MODELS)


def home(name: str) -> Home:
    """Where the model is; SettingError when there is none of that name."""
    if not isinstance(name, str) or (name not in MODELS and not elsewhere.kind(name)):
        raise SettingError(f"model={name!r} is unknown; it must be one of {', '.join(MODELS)}, {elsewhere.SHOWN}")
    return ELSEWHERE[str(elsewhere.kind(name))] if elsewhere.kind(name) else MODELS[name]


def image_size(name: str, n_images: int = 0, side: Callable[[], int] | None = None) -> int:
    """Pixels a side of the images that the model wants; ModelError when the files of one from elsewhere do not tell.

    Of ``n_images`` pictures whose shorter sides are typically ``side()`` pixels; without them, of small ones. ``side``
    is asked only where it matters. Does not load torch.
    """
    if elsewhere.kind(name) in ("hf", "onnx"):
        return elsewhere.image_size(name)
    place = home(name)
    looks_closer = place.closer and side and n_images <= CLOSER and side() >= REDUCED * place.closer
    return place.closer if looks_closer else place.size


def create(name: str, settings: dict[str, Any]) -> "nn.Module":
    """A new model with random weights from its keyword arguments, ``dim`` and ``size`` among them."""
    taken = signature(class_of(name)).parameters
    if unknown := sorted(set(settings) - set(taken)):
        there = f"there is no {unknown[0]!r}, but {', '.join(taken)}"
        raise SettingError(f"model {name!r} does not take these settings: {there}")
    try:
        model: nn.Module = class_of(name)(**settings)
    except (MissingExtraError, ModelError):
        raise
    except hub.ODD as error:
        raise SettingError(f"model {name!r} does not take these settings: {_short(error)}") from None
    return model


def start(name: str, settings: dict[str, Any]) -> "nn.Module":
    """A model as its training begins: with random weights, or those that one from elsewhere comes with."""
    import torch

    if not elsewhere.kind(name):
        return create(name, settings)
    with torch.device("meta"):
        network: Any = create(name, settings)
    network.fill(elsewhere.place(name))
    return network  # type: ignore[no-any-return]


def complete(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """All keyword arguments of a model that encodes: those given, and its own or those that its files say.

    SettingError for one that cannot be, ModelError for files that cannot be used.
    """
    place, kind = home(name), elsewhere.kind(name)
    _check_numbers({"dim": place.dim, "size": place.size, **given})
    if not kind:
        return {"dim": place.dim, "size": place.size, **given}
    choices = class_of(name).choices
    if unknown := sorted(set(given) - set(choices)):
        raise SettingError(f"model {name!r} has no setting {unknown[0]!r}; there are {', '.join(choices)}")
    if kind == "table":
        raise SettingError(f"model={name!r} holds embeddings and no encoder: it cannot encode pictures")
    found = {**class_of(name).describe(elsewhere.place(name), given), **given}
    return {"dim": min(place.dim, _numbers(name, found)), **found}


def check_settings(name: str, settings: dict[str, Any]) -> None:
    """SettingError unless the model takes these keyword arguments; found out without memory for its weights.

    ModelError when the files of one from elsewhere are missing or cannot be used; MissingExtraError without what reads
    them.
    """
    if elsewhere.kind(name) == "table":
        elsewhere.place(name)
        _check_numbers({"dim": 1, "size": 1, **settings})
        return
    try:
        _on_no_device(name, complete(name, settings))
    except SettingError as error:
        if settings or not elsewhere.kind(name):
            raise
        raise ModelError(f"{name} cannot be used as it is: {error}") from None


def class_of(name: str) -> Any:
    """The class of a model's network; SettingError when there is none of that name."""
    place = home(name)
    return getattr(import_module(f"lookalike.learn.{place.module}"), place.name)


def _check_numbers(given: dict[str, Any]) -> None:
    for key in ("dim", "size"):
        if not isinstance(given[key], int) or given[key] < 1:
            raise SettingError(f"model_settings: {key}={given[key]!r} must be a whole number from 1 up")


def _on_no_device(name: str, settings: dict[str, Any]) -> Any:
    """A model without memory for its weights; SettingError when it cannot be."""
    import torch

    with torch.device("meta"):
        return create(name, settings)


def _numbers(name: str, settings: dict[str, Any]) -> int:
    """How many a code of a model from elsewhere has."""
    return int(_on_no_device(name, {**settings, "dim": 1}).features)


class Trained:
    """A model that has seen the folder: images in, embeddings out, and back where there is a decoder.

    ``network`` is the module, ``whitening`` what is applied to its codes; ``settings`` rebuild the network,
    ``facts`` tell how the training went (steps, seconds, active units), ``history`` holds its loss terms.
    """

    def __init__(self, name: str, network: "nn.Module", *, settings: dict[str, Any], device: "torch.device") -> None:
        self.name, self.network, self.settings, self.device = name, network.to(device).eval(), settings, device
        self.whitening: Whitening
        self.facts: dict[str, Any] = {}
        self.history: dict[str, list[float]] = {}
        self.known: tuple[np.ndarray, torch.Tensor] | None = None  # slots, rising, and what training found out of them

    def known_of(self, slots: np.ndarray) -> "torch.Tensor | None":
        """What is known of the images in these slots and needs no second look; None when that is nothing."""
        if self.known is None:
            return None
        rows = np.searchsorted(self.known[0], slots)
        if not np.array_equal(self.known[0][np.minimum(rows, len(self.known[0]) - 1)], slots):
            return None
        return self.known[1][rows]

    @property
    def size(self) -> int:
        """Pixels a side of the images that ``encode`` wants."""
        return int(self.settings["size"])

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return int(self.settings["dim"])

    @property
    def batch(self) -> int:
        """Images that the network takes at once: fewer for a larger network, whose memory would not hold more."""
        return int(getattr(self.network, "batch", 256))

    @property
    def encodes(self) -> bool:
        """Whether the model can turn images into embeddings; one that came as a table of embeddings cannot."""
        return hasattr(self.network, "encode")

    @property
    def decodes(self) -> bool:
        """Whether the model can turn embeddings back into images."""
        return hasattr(self.network, "decode")

    def codes(self, images: np.ndarray, known: "torch.Tensor | None" = None) -> np.ndarray:
        """Images uint8 (m, s, s, 3) to codes float32 (m, n), before whitening; ModelError when there is no encoder.

        ``known`` is what `known_of` gives of the same images.
        """
        import torch

        from lookalike.learn.device import autocast, to_floats

        if not self.encodes:
            raise ModelError(f"{self.name} holds embeddings and no encoder: pictures that are not in it get none")
        encode: Any = self.network.encode
        codes = []
        with torch.inference_mode(), autocast(self.device):
            for start in range(0, len(images), self.batch):
                few = slice(start, start + self.batch)
                seen = () if known is None else (known[few],)
                codes.append(encode(to_floats(images[few], self.device), *seen).float().cpu().numpy())
        return np.concatenate(codes)

    def encode(self, images: np.ndarray, known: "torch.Tensor | None" = None) -> np.ndarray:
        """Images uint8 (m, s, s, 3) to embeddings float32 (m, dim): whitened codes. ``known`` as in `codes`."""
        return self.whitening.apply(self.codes(images, known))

    def decode(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings float32 (m, dim) to images uint8 (m, s, s, 3); ModelError when there is no decoder."""
        return self.decode_codes(self.whitening.undo(np.asarray(embeddings, np.float32)))

    def decode_codes(self, codes: np.ndarray) -> np.ndarray:
        """Codes float32 (m, dim), as `codes` gives them, to images uint8 (m, s, s, 3); ModelError without decoder."""
        import torch

        if not self.decodes:
            raise ModelError(f"model {self.name!r} has no decoder: it cannot reconstruct, walk or sample")
        decode: Any = self.network.decode
        with torch.inference_mode():
            images = [
                (decode(few.to(self.device)).float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
                for few in torch.split(torch.from_numpy(codes), self.batch)
            ]
        return np.concatenate(images)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """What the model makes of images uint8 (m, s, s, 3): encoded and decoded again, same shape."""
        return self.decode_codes(self.codes(images))

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Invents ``n`` images uint8 (n, s, s, 3): decodes draws from N(0, 1), which is how whitened codes lie."""
        return self.decode(np.random.default_rng(seed).standard_normal((n, self.dim)).astype(np.float32))

    def save(self, folder: Path) -> None:
        """Writes ``model.safetensors`` and ``model.json`` into a folder."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{key}": value.contiguous().cpu() for key, value in self.network.state_dict().items()}
        save_file({**tensors, **self.whitening.tensors()}, folder / "model.safetensors")
        document = {"name": self.name, "generation": GENERATION, "settings": self.settings}
        document |= {"facts": self.facts, "history": self.history}
        (folder / "model.json").write_text(json.dumps(document, indent=1))


def is_saved(folder: Path) -> bool:
    """Whether a folder holds what ``Trained.save`` wrote, as far as the beginnings of the files tell; true of what the
    machine does not let one read, for that may be good."""
    from safetensors import SafetensorError, safe_open

    description, weights = folder / "model.json", folder / "model.safetensors"
    try:
        if not (description.is_file() and weights.is_file()):
            return False
        json.loads(bounded(description))
        with safe_open(weights, "np"):
            return True
    except (ValueError, SafetensorError):
        return False
    except OSError:
        return True


def load_model(folder: str | Path, device: str = "auto") -> Trained:
    """The model that ``Trained.save`` wrote; ModelError when the folder does not hold one."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from lookalike.learn.device import pick_device

    folder, target = Path(folder), pick_device(device)
    unusable: tuple[type[Exception], ...] = (*hub.ODD, SafetensorError)
    try:
        document = json.loads(bounded(folder / "model.json"))
        tensors = load_file(folder / "model.safetensors")
        refuse_outdated(document)
        name, settings, whitening = document["name"], document["settings"], Whitening.from_arrays(_arrays(tensors))
        if whitening.rotation.shape[1] != settings["dim"]:
            raise ValueError("the whitening is of another size than the embedding")
        with torch.device("meta"):  # takes no memory, whatever sizes the settings speak of
            network = create(name, settings)
        state = {key.removeprefix("network."): value for key, value in tensors.items() if key.startswith("network.")}
        network.load_state_dict(state, assign=True)
        trained = Trained(name, network, settings=settings, device=target)
        trained.whitening, trained.facts, trained.history = whitening, document["facts"], document["history"]
    except MissingExtraError:
        raise
    except unusable as error:
        raise ModelError(f"no usable model in {folder}: {_short(error)}; build the library again") from error
    return trained


def _arrays(tensors: "dict[str, torch.Tensor]") -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items() if name.startswith("whitening.")}


def _short(error: BaseException) -> str:
    """What an error says in one line, or what it is when it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def refuse_outdated(document: dict[str, Any]) -> None:
    """ValueError for the description of a Siamese model from before generation 15, which enlarged nothing; from scratch
    before 20, which knew no motifs."""
    oldest = 20 if document["settings"].get("starter") is False else 15
    if home(document["name"]).closer and document.get("generation", 0) < oldest:
        raise ValueError("it was made by an earlier version")


def bounded(path: Path) -> str:
    """A text file's content; ValueError when it is larger than a description of a model can be."""
    if path.stat().st_size > MAX_DESCRIPTION:
        raise ValueError(f"{path.name} is larger than {MAX_DESCRIPTION} bytes")
    return path.read_text()


def embed(
    trained: Trained,
    pixels: Any,
    slots: np.ndarray,
    *,
    batch_size: int = 256,
    trained_on: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """Embeddings float32 (n, dim) of the images ``pixels[slots]``, in the order of ``slots``.

    ``pixels`` is anything that an int array indexes to uint8 (m, size, size, 3). A larger ``batch_size`` uses more
    memory; the result does not depend on it beyond rounding. ``trained_on`` says that these are the images on which
    this very object was trained: what it found out of them then needs no second look.
    """
    result = np.empty((len(slots), trained.dim), np.float32)
    for start in range(0, len(slots), batch_size):
        rows = slice(start, start + batch_size)
        known = trained.known_of(slots[rows]) if trained_on else None
        result[rows] = trained.encode(pixels[slots[rows]], known)
        if progress:
            progress("embed", min(start + batch_size, len(slots)), len(slots))
    return result
