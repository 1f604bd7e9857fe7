"""Where and how precisely to compute: device, mixed precision, uint8 images to floats."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lookalike.errors import SettingError

_SPLIT = Lock()
DEVICES = ("auto", "cpu", "cuda", "mps")
MANY = 256
"""Images that a graphics card is given at once: it waits longer to be told of a few than it works on many."""


def pick_device(name: str = "auto") -> torch.device:
    """``auto`` takes CUDA, then MPS, then the processor; SettingError when the one asked for is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if not there.get(name, False):
        usable = ", ".join(["auto", *(kind for kind in there if there[kind])])
        raise SettingError(f"device={name!r} is not available here; use one of {usable}")
    return torch.device(name)


def fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 there: on CUDA from Ampere on, on processors with AVX512-BF16 or AMX.

    On other processors bf16 is emulated and several times slower, so what the processor says decides.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    abilities = torch.cpu.get_capabilities()
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def autocast(device: torch.device) -> Any:
    """The context in which networks run: bf16 where that is faster, else plain float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_bf16(device))


def to_floats(images: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """uint8 (m, s, s, 3) to floats (m, 3, s, s) in [0, 1] on the device, in the channels-last layout it already has."""
    tensor = images if isinstance(images, Tensor) else torch.from_numpy(np.ascontiguousarray(images))
    return in_unit(tensor.to(device, non_blocking=True).permute(0, 3, 1, 2))


def in_unit(images: Tensor) -> Tensor:
    """Images (m, 3, s, s), whose uint8 become floats in [0, 1]; floats stay."""
    return images if images.is_floating_point() else images.float().div_(255)


def at_once(device: torch.device, few: int) -> int:
    """How many images to describe at once there, where ``few`` stay in a processor's cache."""
    return few if device.type == "cpu" else max(few, MANY)


def in_parallel(
    function: Callable[[Tensor], Tensor], images: Tensor, few: int, told: Callable[[int], None] | None = None
) -> Tensor:
    """``function`` of ``few`` images at a time, joined; without gradients. ``told`` hears of how
    many, as they end.

    On a processor every core works on a few of its own: small operations that are split among cores wait for one
    another longer than they work, above all where other programs run too. The result does not depend on the cores, nor
    on how many images there are: no operation is split, of a single part neither.
    """
    parts = torch.split(images, at_once(images.device, few))
    if images.device.type != "cpu" or torch.get_num_threads() < 2:
        with torch.no_grad():
            return _joined(map(function, parts), told)
    with _SPLIT:  # the number of threads is the whole process's
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as threads:
                return _joined(threads.map(torch.no_grad()(function), parts), told)
        finally:
            torch.set_num_threads(n_threads)


def _joined(parts: Iterable[Tensor], told: Callable[[int], None] | None) -> Tensor:
    """One after another, ``told`` of how many."""
    found = []
    for part in parts:
        found.append(part)
        if told:
            told(len(part))
    return torch.cat(found)
