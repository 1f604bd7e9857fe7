"""Pixels become embeddings: the models, one loop that trains any of them (PyTorch, loaded when first needed)."""

from typing import TYPE_CHECKING, Any

from lookalike.learn import elsewhere
from lookalike.learn.alone import FEW, Alone, encoder_alone
from lookalike.learn.model import (
    DEFAULT,
    GENERATION,
    MODELS,
    Trained,
    check_settings,
    embed,
    home,
    image_size,
    is_saved,
    load_model,
    names,
)

if TYPE_CHECKING:
    from lookalike.learn.training import from_codes, train

__all__ = [
    "DEFAULT",
    "FEW",
    "GENERATION",
    "MODELS",
    "Alone",
    "Trained",
    "check_settings",
    "elsewhere",
    "embed",
    "encoder_alone",
    "from_codes",
    "home",
    "image_size",
    "is_saved",
    "load_model",
    "names",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in ("train", "from_codes"):
        raise AttributeError(f"module 'lookalike.learn' has no attribute {name!r}")
    from lookalike.learn import training

    return getattr(training, name)
