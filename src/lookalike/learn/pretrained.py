"""``hf:NAME_OR_FOLDER``: an encoder that was trained elsewhere, in the format of the Hugging Face hub."""

import inspect
import math
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lookalike.errors import ModelError
from lookalike.learn import hub
from lookalike.learn.whitening import Block

POOLINGS = ("auto", "first", "patches")
PROJECTED = {"clip_vision_model": "CLIPVision", "metaclip_2_vision_model": "MetaClip2Vision"}
"""Towers whose projection, trained to be compared by its angle, is a class of its own."""
UNPOOLED = {"vit": "first", "deit": "first", "vit_msn": "first", "vit_mae": "patches", "ijepa": "patches"}
"""Families without a pooled output that can be relied on: what their authors evaluate instead."""


class Pretrained(nn.Module):
    """An image encoder of transformers; nothing is learned but the mean and the directions to keep.

    ``pooling`` says what of its output is taken. ``first`` is the first token (CLS), ``patches`` the mean of those
    that stand for patches. ``auto`` is what the family's authors recommend: CLIP's projection, else the pooled output
    (DINOv2's and DINOv3's normalised first token, SigLIP's attention pooling, the mean of ConvNeXt's, ResNet's and
    Swin's maps), else by `UNPOOLED`, else the mean of the patches. A mask is never applied. A larger ``size`` shows
    finer detail and takes longer in proportion to the area; positions are interpolated. ``mean`` and ``std`` of the
    channels are for images in [0, 1].

    ``architecture`` and ``config`` are transformers' class and its configuration, so that the model can be made again
    without the folder that it came from. Only classes of transformers itself are made, never code that comes along.
    """

    size: ClassVar[int] = hub.USUAL
    batch: ClassVar[int] = 32
    whitened: ClassVar[int] = 2048
    choices: ClassVar[tuple[str, ...]] = ("dim", "size", "pooling", "mean", "std")

    def __init__(
        self,
        *,
        dim: int,
        size: int,
        mean: list[float],
        std: list[float],
        architecture: str,
        config: dict[str, Any],
        pooling: str = "auto",
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling={pooling!r} must be one of {', '.join(POOLINGS)}")
        hub.check_normalising(mean, std)
        self.mean, self.std, self.side = mean, std, size
        config = hub.plain(config)  # again: a library's may be a stranger's
        self.pooling = UNPOOLED.get(config["model_type"], "auto") if pooling == "auto" else pooling
        model_class = _class(architecture)
        known = _configuration(model_class, config)
        if hasattr(known, "mask_ratio"):
            known.mask_ratio = 0.0  # a masked autoencoder would else not see most of the patches
        self.encoder = _kept(model_class(known, **self._options(model_class)))
        self.requires_grad_(False).eval()
        with torch.no_grad():
            self.features = self.encode(torch.zeros(1, 3, size, size)).shape[1]
        if dim > self.features:
            raise ValueError(f"dim={dim} is more than the {self.features} numbers that it gives")
        # Centred and rotated, not whitened: neighbours by the angle are what the families publish, and dividing by the
        # spread of a small folder's narrow directions would raise its noise to the height of what was learned.
        self.blocks = [Block(self.features, shrinkage=math.inf)]

    @staticmethod
    def describe(place: Path, given: dict[str, Any]) -> dict[str, Any]:
        """The settings that a folder's files say, whatever is given.

        ModelError when it is no encoder of images, or its mean is neither ImageNet's nor said nor given.
        """
        config, saved_from = hub.config(place)
        family = str(config.get("model_type"))
        if family.startswith(hub.NOT_IMAGENETS) and not hub.processors(place) and not {"mean", "std"} <= set(given):
            raise ModelError(
                f"{place} has no {hub.PREPROCESSOR}, and type {family!r} has no usual mean; bring that file, or give "
                "model_settings={'mean': …, 'std': …}"
            )
        return {**hub.preparation(place)._asdict(), "architecture": _architecture(config, saved_from), "config": config}

    def fill(self, place: Path) -> None:
        """Takes the weights of a folder; ModelError when they are damaged or are not all there."""
        model_class, config = type(self.encoder), self.encoder.config
        try:
            loaded, info = model_class.from_pretrained(
                place,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                **self._options(model_class),
            )
        except Exception as error:  # transformers raises what it likes
            raise ModelError(f"the weights in {place} cannot be used: {' '.join(str(error).split())[:200]}") from error
        if lacking := sorted(key for key in info["missing_keys"] if not self._spared(key)):
            raise ModelError(f"the weights in {place} lack {lacking[0]}{self._advice(lacking[0])}")
        self.encoder = _kept(loaded).requires_grad_(False).eval()

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to codes (b, features)."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        output = self.encoder(pixel_values=(images - mean) / std, return_dict=True, **self._extras(images))
        pooled = output.get("image_embeds") if "image_embeds" in output else output.get("pooler_output")
        if self.pooling == "auto" and pooled is not None:
            return torch.flatten(pooled, 1)
        states: Tensor = output.last_hidden_state
        if states.ndim == 4:  # maps (b, d, h, w)
            return states.mean((2, 3))
        return states[:, 0] if self.pooling == "first" else states[:, -self._patches() :].mean(1)

    def _patches(self) -> int:
        """How many of the last tokens stand for patches; all where the encoder has no fixed patches."""
        patch = getattr(self.encoder.config, "patch_size", None)
        return (self.side // patch) ** 2 if isinstance(patch, int) else 0

    def _extras(self, images: Tensor) -> dict[str, Any]:
        """What some classes want besides: positions interpolated for another size; an order for MAE's patches."""
        known = inspect.signature(self.encoder.forward).parameters
        extras: dict[str, Any] = {}
        if "interpolate_pos_encoding" in known and self.side != getattr(self.encoder.config, "image_size", self.side):
            extras["interpolate_pos_encoding"] = True
        if "noise" in known:
            order = torch.arange(self._patches(), device=images.device, dtype=torch.float32)
            extras["noise"] = order.expand(len(images), -1)
        return extras

    def _options(self, model_class: Any) -> dict[str, Any]:
        """Without a pooling layer where it would not be used, and its weights perhaps not be there."""
        known = inspect.signature(model_class.__init__).parameters
        return {"add_pooling_layer": False} if self.pooling != "auto" and "add_pooling_layer" in known else {}

    def _spared(self, key: str) -> bool:
        return "mask_token" in key or (self.pooling != "auto" and "pooler" in key)

    def _advice(self, key: str) -> str:
        return "; give model_settings={'pooling': 'patches'} to do without it" if "pool" in key else ""


def _class(name: str) -> Any:
    """A class of transformers that takes images; MissingExtraError without the package, ValueError for another name."""
    transformers = _transformers()
    if name.lower().startswith("timm"):
        raise ValueError(f"{name} is one of timm's, which reads other files than these; export it as ONNX")
    found: Any = getattr(transformers, name, None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise ValueError(f"transformers {transformers.__version__} has no model {name!r}")
    wanted = getattr(found, "main_input_name", None)
    if wanted != "pixel_values":
        raise ValueError(f"{name} takes {wanted}, not images")
    return found


def _configuration(model_class: Any, config: dict[str, Any]) -> Any:
    """ValueError for values that the class does not take."""
    try:
        return model_class.config_class.from_dict(config)
    except Exception as error:  # transformers raises what it likes
        raise ValueError(f"its configuration cannot be: {error}") from error


def _architecture(config: dict[str, Any], saved_from: list[str]) -> str:
    """The class that a config is of: of a model with a text side too, the part that sees."""
    _transformers()
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    family = str(config.get("model_type"))
    if family in PROJECTED:
        projects = any("WithProjection" in name for name in saved_from)
        return f"{PROJECTED[family]}Model{'WithProjection' if projects else ''}"
    found = MODEL_MAPPING_NAMES.get(family)
    if not isinstance(found, str):
        raise ModelError(f"transformers knows no encoder of images of type {family!r}; export it as ONNX, or update it")
    try:
        _class(found)
    except ValueError as error:
        raise ModelError(f"type {family!r} is no encoder of images: {error}") from None
    return found


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise hub.missing_extra("hf:…") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _kept(encoder: Any) -> Any:
    """With all its buffers among what is saved: a loaded model is not initialised, it only has what was kept."""
    for module in encoder.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, buffer, persistent=True)
    return encoder
