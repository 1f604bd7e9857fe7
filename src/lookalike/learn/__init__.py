"""Pixels become embeddings: the models, one loop that trains any of them (PyTorch, loaded when first needed)."""

from typing import TYPE_CHECKING, Any

from lookalike.learn.model import (
    DEFAULT,
    GENERATION,
    MODELS,
    Trained,
    check_settings,
    embed,
    image_size,
    load_model,
    names,
)

if TYPE_CHECKING:
    from lookalike.learn.training import train

__all__ = [
    "DEFAULT",
    "GENERATION",
    "MODELS",
    "Trained",
    "check_settings",
    "embed",
    "image_size",
    "load_model",
    "names",
    "train",
]


def __getattr__(name: str) -> Any:
    if name != "train":
        raise AttributeError(f"module 'lookalike.learn' has no attribute {name!r}")
    from lookalike.learn.training import train

    return train
