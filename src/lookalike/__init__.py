"""Lookalike: learns what a folder of pictures looks like, without labels; groups them, maps them, finds lookalikes.

What is listed in ``__all__`` is the public interface. It is imported when first used, so that ``import lookalike``
costs nothing and ``lookalike --help`` loads no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.errors import (
        FolderError,
        ImageError,
        LibraryBusyError,
        LibraryError,
        LibraryVersionError,
        LookalikeError,
        MissingExtraError,
        ModelError,
        SettingError,
    )
    from lookalike.estimator import ImageEncoder
    from lookalike.pipeline import Comparison, Library, build, compare, open

__version__ = "0.1.0"

_HOMES = {
    "build": "pipeline",
    "compare": "pipeline",
    "open": "pipeline",
    "Comparison": "pipeline",
    "Library": "pipeline",
    "ImageEncoder": "estimator",
    "LookalikeError": "errors",
    "SettingError": "errors",
    "FolderError": "errors",
    "ImageError": "errors",
    "ModelError": "errors",
    "LibraryError": "errors",
    "LibraryBusyError": "errors",
    "LibraryVersionError": "errors",
    "MissingExtraError": "errors",
}

__all__ = [
    "Comparison",
    "FolderError",
    "ImageEncoder",
    "ImageError",
    "Library",
    "LibraryBusyError",
    "LibraryError",
    "LibraryVersionError",
    "LookalikeError",
    "MissingExtraError",
    "ModelError",
    "SettingError",
    "build",
    "compare",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    return getattr(import_module(f"lookalike.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
