"""An encoder in the format of the Hugging Face hub: where its folder is, what its JSON says. Loads no torch."""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.errors import MissingExtraError, ModelError

CONFIG, PREPROCESSOR, PROCESSOR = "config.json", "preprocessor_config.json", "processor_config.json"
WEIGHTS, INDEX, SHARDS = "model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"
SNAPSHOTS = "snapshots"
"""In the hub's cache the folder that has one for each commit."""
SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")
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
MOST_LAYERS, LARGEST_SIDE = 1000, 1024
ODD: tuple[type[Exception], ...] = (
    *(OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, AssertionError),
    *(ImportError, MemoryError),
)
"""What reading, or making a model by, a file of somebody else's can end with; MissingExtraError is among them."""
NOT_IMAGENETS = ("clip", "chinese_clip", "altclip", "metaclip", "siglip", "blip", "beit")
"""Families that are trained with another mean; how their types begin."""
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
    read = [path / name for name in (CONFIG, INDEX) if (path / name).is_file()]
    return [*read, *processors(path), *_weights(path)]


def processors(path: Path) -> list[Path]:
    """The files there are that say how an encoder wants its images."""
    return [path / name for name in (PREPROCESSOR, PROCESSOR) if (path / name).is_file()]


def config(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What describes the part of a model that sees, and the classes that the whole was saved from.

    ModelError when the file cannot be read, or is that of something built upon an encoder.
    """
    whole = _json(path / CONFIG)
    names = whole.get("architectures")
    saved_from = [str(name) for name in names] if isinstance(names, list) else []
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
    said: Any = {}
    if (path / PROCESSOR).is_file():
        said = _json(path / PROCESSOR).get("image_processor") or {}
    if not said and (path / PREPROCESSOR).is_file():
        said = _json(path / PREPROCESSOR)
    if not isinstance(said, dict):
        raise ModelError(f"{path} does not say how it wants its images: {PROCESSOR} has no image_processor")
    if said.get("do_flip_channel_order"):
        raise ModelError(f"{path} wants blue before red, which is not done here; take another encoder")
    known = config(path)[0] if (path / CONFIG).is_file() else {}
    try:
        wanted = (said.get("do_center_crop", True) and said.get("crop_size")) or said.get("size")
        size = _side(wanted) or _side(known.get("image_size")) or USUAL
        mean, std = _normalising(said)
    except ODD as error:
        raise ModelError(f"{path} does not say how it wants its images: {error}") from None
    return Preparation(size, mean, std)


def check_normalising(mean: list[float], std: list[float]) -> None:
    """ValueError unless these are three finite numbers each, those that are divided by above 0."""
    finite = all(math.isfinite(float(value)) for value in (*mean, *std))
    if len(mean) != 3 or len(std) != 3 or not finite or not min(float(value) for value in std) > 0:
        raise ValueError(f"mean={mean}, std={std} must be three finite numbers each, std above 0")


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
    if max(sides) > LARGEST_SIDE:
        raise ValueError(f"its images are {wanted}; {LARGEST_SIDE} pixels a side are the most that is believed")
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
    """The file, or all that the index names; none when there is neither. ModelError when one of those is not there."""
    if (path / WEIGHTS).is_file() or not (path / INDEX).is_file():
        return [path / WEIGHTS] if (path / WEIGHTS).is_file() else []
    named = _json(path / INDEX).get("weight_map")
    shards = sorted({str(shard) for shard in named.values()}) if isinstance(named, dict) else []
    for shard in shards:
        if not SHARD.fullmatch(shard) or not (path / shard).is_file():
            raise ModelError(f"{path}: {INDEX} names {shard!r}, which is not in this folder; fetch the encoder again")
    return [path / shard for shard in shards]


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
                break
        except Exception as error:  # of many kinds, and not all of one tree
            if not cached:
                raise ModelError(f"hf:{name} is not in the cache, nor to be had from the hub: {_why(error)}") from error
    if not processors(path):
        _ask_for_processor(name, path)
    return path


def _ask_for_processor(name: str, path: Path) -> None:
    """Fetches what a snapshot in the cache lacks; that the hub has none, the cache remembers.

    ModelError when the hub cannot be asked, as the images would perhaps be prepared wrongly, and nobody notice.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.utils import EntryNotFoundError, LocalEntryNotFoundError

    for file in (PREPROCESSOR, PROCESSOR):
        if try_to_load_from_cache(name, file, revision=path.name) is not None:
            continue  # known not to be there
        try:
            hf_hub_download(name, file, revision=path.name)
        except Exception as error:  # of many kinds, and not all of one tree
            if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
                continue
            raise ModelError(
                f"hf:{name} has no {file} in the cache, which says how it wants its images, and the hub cannot be "
                f"asked for it: {_why(error)}"
            ) from error


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
