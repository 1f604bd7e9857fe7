"""An encoder in the format of the Hugging Face hub: where its folder is, what its JSON says. Loads no torch."""

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.errors import MissingExtraError, ModelError

CONFIG, PREPROCESSOR, PROCESSOR = "config.json", "preprocessor_config.json", "processor_config.json"
WEIGHTS, INDEX, SHARDS = "model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"
SNAPSHOTS = "snapshots"
"""In the hub's cache the folder that has one for each commit."""
LARGEST = 16 << 20
"""Bytes: a longer JSON file is not read."""
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
HEADS = ("backbone", "backbone_config", "use_timm_backbone", "use_pretrained_backbone")
"""What only models have that are built upon an encoder; they would fetch it by themselves."""
DROPPED = {
    *("architectures", "auto_map", "attn_implementation", "experts_implementation", "quantization_config"),
    *("dtype", "torch_dtype", "transformers_version", "name_or_path", "id2label", "label2id", "return_dict"),
}
"""Entries of a config that an encoder needs not, or by which a stranger's could lead to code or files elsewhere."""
MOST_LAYERS = 1000
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
"""Mean and standard deviation of the channels, which most encoders are trained with."""
USUAL = 224
"""Pixels a side where nothing says how many."""


class Preparation(NamedTuple):
    """How an encoder wants its images: pixels a side, and what is taken off and divided by, for values in [0, 1]."""

    size: int
    mean: list[float]
    std: list[float]


def absolute(place: str) -> str:
    """A folder's path made absolute; a name of the hub as it is."""
    path = Path(place).expanduser()
    return str(path.absolute()) if path.exists() or not REPOSITORY.fullmatch(place) else place


def folder(place: str) -> Path:
    """The folder itself, or for a name of the hub the one in its cache, fetched when it is not there yet.

    ModelError when it is not to be had, or is no encoder; MissingExtraError for a name without the package.
    """
    path = Path(place).expanduser()
    if not path.is_dir():
        if path.exists() or not REPOSITORY.fullmatch(place):
            what = "is a file" if path.exists() else "does not exist"
            raise ModelError(f"hf:{place} {what}; expected a folder with {CONFIG} and {WEIGHTS}, or a name of the hub")
        path = _snapshot(place)
    if not (path / CONFIG).is_file():
        raise ModelError(f"hf:{place} has no {CONFIG}; expected a folder as transformers' save_pretrained writes it")
    if not _weights(path):
        raise ModelError(f"hf:{place} has no {WEIGHTS}; only that format is read, save the model with safetensors")
    return path


def files(path: Path) -> list[Path]:
    """All that is read of a folder."""
    read = [path / name for name in (CONFIG, PREPROCESSOR, PROCESSOR, INDEX) if (path / name).is_file()]
    return read + _weights(path)


def config(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What describes the part of a model that sees, and the classes that the whole was saved from.

    ModelError when the file cannot be read, or is that of something built upon an encoder.
    """
    whole = _json(path / CONFIG)
    saved_from = [str(name) for name in whole.get("architectures") or []]
    vision = whole.get("vision_config")
    if not isinstance(vision, dict):
        return plain(whole), saved_from
    seeing = {"model_type": f"{whole.get('model_type')}_vision_model", **vision}
    if "projection_dim" in whole:
        seeing["projection_dim"] = whole["projection_dim"]
    return plain(seeing), [*saved_from, "WithProjection"]


def preparation(path: Path) -> Preparation:
    """From the image processor's JSON, else the config's image size and ImageNet's mean and deviation.

    ModelError when the file cannot be read, or says something that is not done here.
    """
    said: dict[str, Any] = {}
    if (path / PROCESSOR).is_file():
        said = _json(path / PROCESSOR).get("image_processor") or {}
    if not said and (path / PREPROCESSOR).is_file():
        said = _json(path / PREPROCESSOR)
    if said.get("do_flip_channel_order"):
        raise ModelError(f"{path} wants blue before red, which is not done here; take another encoder")
    known = config(path)[0] if (path / CONFIG).is_file() else {}
    wanted = said.get("crop_size") if said.get("do_center_crop", True) and said.get("crop_size") else said.get("size")
    try:
        size = _side(wanted) or _side(known.get("image_size")) or USUAL
        mean, std = _normalising(said)
    except (TypeError, ValueError, LookupError) as error:
        raise ModelError(f"{path} does not say how it wants its images: {error}") from None
    return Preparation(size, mean, std)


def check_normalising(mean: list[float], std: list[float]) -> None:
    """ValueError unless these are three numbers each, those that are divided by above 0."""
    if len(mean) != 3 or len(std) != 3 or not min(float(value) for value in std) > 0:
        raise ValueError(f"mean={mean}, std={std} must be three numbers each, std above 0")


def _normalising(said: dict[str, Any]) -> tuple[list[float], list[float]]:
    """For images in [0, 1], whatever range the processor brings them to."""
    brightest = 255 * float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 255.0
    mean, std = said.get("image_mean") or IMAGENET[0], said.get("image_std") or IMAGENET[1]
    if not said.get("do_normalize", True):
        mean, std = [0.0] * 3, [1.0] * 3
    check_normalising(mean, std)
    return [round(float(value) / brightest, 6) for value in mean], [round(float(v) / brightest, 6) for v in std]


def _side(wanted: Any) -> int | None:
    """Pixels a side from the forms in which JSON gives them: a number, [h, w], or a dict."""
    if wanted is None:
        return None
    if isinstance(wanted, dict):
        wanted = wanted.get("shortest_edge") or [wanted["height"], wanted["width"]]
    sides = {int(side) for side in (wanted if isinstance(wanted, list) else [wanted])}
    if len(sides) != 1 or min(sides) < 1:
        raise ValueError(f"its images are {wanted}, not square")
    return sides.pop()


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """A config without what is not needed, or could lead to code or files elsewhere.

    ModelError when it is that of something built upon an encoder, or has no end of layers.
    """
    for key, value in found.items():
        if key in HEADS and value:
            raise ModelError(f"{CONFIG} has {key}: it is built upon an encoder; name that encoder instead")
        numbers = value if isinstance(value, list) else [value]
        if ("layers" in key or key == "depths") and any(isinstance(n, int) and n > MOST_LAYERS for n in numbers):
            raise ModelError(f"{CONFIG} has {key}={value}; {MOST_LAYERS} are the most that is believed")
    return {
        key: plain(value) if isinstance(value, dict) else value
        for key, value in found.items()
        if key not in DROPPED and not key.startswith("_")
    }


def _weights(path: Path) -> list[Path]:
    return [path / WEIGHTS] if (path / WEIGHTS).is_file() else sorted(path.glob(SHARDS))


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    return found


def _snapshot(name: str) -> Path:
    """Where the hub's cache has it; asks the hub only when the cache does not."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise missing_extra(f"hf:{name}") from None
    if not sys.stderr.isatty():
        disable_progress_bars()
    wanted = [CONFIG, PREPROCESSOR, PROCESSOR, WEIGHTS, INDEX, SHARDS]
    for cached in (True, False):
        try:
            path = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=cached))
            if not cached or ((path / CONFIG).is_file() and _weights(path)):
                return path
        except Exception as error:  # of many kinds, and not all of one tree
            if not cached:
                raise ModelError(f"hf:{name} is not in the cache, nor to be had from the hub: {_why(error)}") from error
    raise AssertionError("unreachable")


def _why(error: Exception) -> str:
    known = {
        "GatedRepoError": "its owner must let you in first; do that on its page, then `hf auth login`",
        "RepositoryNotFoundError": "there is no such name, or it is private",
        "LocalEntryNotFoundError": "there is no network, or it is switched off; bring it as a folder: hf:FOLDER",
        "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set; bring it as a folder: hf:FOLDER",
    }
    return next((known[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in known), str(error)[:200])


def missing_extra(name: str) -> MissingExtraError:
    """What to say when a package of the extra is not installed."""
    return MissingExtraError(
        f"model={name!r} needs packages that are not installed; pip install 'lookalike[pretrained]' brings them"
    )
