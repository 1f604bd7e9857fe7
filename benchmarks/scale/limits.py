"""What the machine at hand can do at most: the limits that the stages of a build are measured against.

    pip install simplejpeg
    python benchmarks/scale/limits.py FOLDER        # JPEGs of this folder are decoded

Each is the best of several tries, on all cores together but for copying, hashing and reading. A network's work is
counted in floating-point operations of its matrix products and convolutions (a multiplication and an addition are two).
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lookalike.images.reading import hash_of
from lookalike.learn.device import fast_bf16, to_floats
from lookalike.learn.model import complete, start

JPEGS, BATCH = 400, 256


def main() -> None:
    """Prints a row for each limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, value in limits(parser.parse_args().folder).items():
        print(f"| {name} | {value:,.1f} |", flush=True)


def limits(folder: Path) -> dict[str, float]:
    """Every limit by its name, the unit in it."""
    found = jpegs(folder)
    precisions = {"fp32": torch.float32, **({"bf16": torch.bfloat16} if fast_bf16(torch.device("cpu")) else {})}
    return {
        **decoding(found),
        **{f"matrix product {name}, GFLOP/s": matrices(dtype) for name, dtype in precisions.items()},
        **{f"convolution {name}, GFLOP/s": convolutions(dtype) for name, dtype in precisions.items()},
        "memory copy, GB/s": copying(),
        "disk read, not cached, GB/s": reading(folder),
        "hashing a file's bytes, images/s": len(found) / best(lambda: [hash_of(one) for one in found]),
    }


def jpegs(folder: Path) -> list[bytes]:
    """The bytes of the folder's first JPEGs, in memory."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    found = [path.read_bytes() for path in itertools.islice(paths, JPEGS)]
    return found or sys.exit(f"no JPEGs in {folder}")


def best(function: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the quickest of several calls."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        function()
        spent.append(time.perf_counter() - begun)
    return min(spent)


def decoding(found: list[bytes]) -> dict[str, float]:
    """libjpeg-turbo alone, in memory, nothing kept: whole pictures, and reduced to no less than 128 pixels a side."""
    import simplejpeg

    def rate(**reduced: int) -> float:
        def decode(data: bytes) -> None:
            simplejpeg.decode_jpeg(data, **reduced)

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # it works without Python's lock
            return len(found) / best(lambda: list(threads.map(decode, found)))

    return {
        "JPEG decoding, images/s": rate(),
        "JPEG decoding reduced, images/s": rate(min_height=128, min_width=128),
    }


def matrices(dtype: torch.dtype) -> float:
    """GFLOP/s of a product of square matrices."""
    n = 2048
    first, second = torch.randn(n, n, dtype=dtype), torch.randn(n, n, dtype=dtype)
    return 2 * n**3 / best(lambda: first @ second) / 1e9


def convolutions(dtype: torch.dtype) -> float:
    """GFLOP/s of a 3x3 convolution as the encoder's middle has it, channels last."""
    images = torch.randn(BATCH, 64, 16, 16, dtype=dtype).to(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return BATCH * 2 * 64 * 64 * 9 * 16 * 16 / best(lambda: layer(images)) / 1e9


def copying() -> float:
    """GB/s, read and written, of a copy too large for the caches."""
    source = np.ones(256 << 20, np.uint8)
    target = np.empty_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source)) / 1e9


def reading(folder: Path) -> float:
    """GB/s of a file beside the folder that the system has been asked to forget."""
    with tempfile.NamedTemporaryFile(dir=folder.parent) as file:
        file.write(os.urandom(256 << 20))
        file.flush()
        os.fsync(file.fileno())

        def read() -> None:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            with open(file.name, "rb", buffering=0) as again:
                while again.read(1 << 22):
                    pass

        return (256 << 20) / best(read, 2) / 1e9


def work(model: str = "siamese-vae") -> dict[str, float]:
    """GFLOP of an image: of a step of training, and of embedding it; of both without what is known beforehand."""
    network: Any = start(model, complete(model, {}))
    images = to_floats(np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8), torch.device("cpu"))
    network.prepare(images)
    known = network.known(images)
    with FlopCounterMode(display=False) as training:
        torch.stack(list(network.loss(images, 0.5, known).values())).sum().backward()
    with torch.no_grad(), FlopCounterMode(display=False) as embedding:
        network.encode(images, known)
    return {name: of.get_total_flops() / 64e9 for name, of in (("train", training), ("embed", embedding))}


if __name__ == "__main__":
    main()
