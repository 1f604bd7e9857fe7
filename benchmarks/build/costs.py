"""Where a build's time goes: processor milliseconds of one image for each thing that is done to it, on one thread.

    python benchmarks/build/costs.py ../shared/data/clothing              # and with --size 128, for a closer look

The least of several tries. What is done once for a whole folder (components, neighbours, maps) is in build.py's table.
"""

import argparse
import io
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lookalike.images.prepare import prepare
from lookalike.images.reading import hash_of, read_whole
from lookalike.learn.descriptor import colour_layout, oriented_gradients, palette
from lookalike.learn.device import autocast, to_floats
from lookalike.learn.model import complete, start
from lookalike.learn.siamese import shrunk
from lookalike.learn.texture import texture
from lookalike.learn.views import mirrored, view

IMAGES, TRIES, CPU = 256, 5, torch.device("cpu")
Work = Callable[[], Any]


def main() -> None:
    """Prints a row for each piece of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    options = parser.parse_args()
    folder, size = options.folder, options.size
    torch.set_num_threads(1)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    paths = paths[:: max(1, len(paths) // IMAGES)][:IMAGES]
    print("| work | ms of a core |\n|---|---|")
    for what, work in [*decoding(paths, size), *looking(paths, size), *(steps := [*training(paths, size)])]:
        print(f"| {what} | {1e3 * least(work, time.process_time) / len(paths):.3f} |", flush=True)
    what, step = steps[-1]
    for threads in (1, os.cpu_count() or 1):
        torch.set_num_threads(threads)
        print(f"{what}, {threads} threads, by the clock: {1e3 * least(step, time.perf_counter) / len(paths):.3f} ms")


def least(work: Work, clock: Callable[[], float]) -> float:
    """Seconds of the quickest try."""
    spent = []
    for _ in range(TRIES):
        begun = clock()
        work()
        spent.append(clock() - begun)
    return min(spent)


def decoding(paths: list[Path], size: int) -> Iterator[tuple[str, Work]]:
    """From a file to the working copy."""
    files = [read_whole(str(path))[0] for path in paths]

    def jpeg(data: bytes) -> None:
        image = Image.open(io.BytesIO(data))
        image.draft(None, (128, 128))
        image.load()

    yield (
        "decode: read and hash a cached file",
        lambda: [hash_of(read_whole(str(one))[0]) for one in paths],
    )
    yield "decode: JPEG alone, reduced", lambda: [jpeg(data) for data in files]
    yield (
        "decode: all, with thumbnail and square",
        lambda: [prepare(data, size=size, fit="squash") for data in files],
    )


def looking(paths: list[Path], size: int) -> Iterator[tuple[str, Work]]:
    """Sight: what the default knows without a network. Some images at a time, as it does it."""
    few = torch.split(floats(paths, size), 32)
    network: Any = start("siamese-vae", complete("siamese-vae", {"size": size}))
    network.prepare(floats(paths, size))
    sight = network.sight
    pieces = {
        "gradients": partial(oriented_gradients, mirrored=True),
        "patches": sight.patches,
        "texture": partial(texture, mirrored=True),
        "starter": sight.starter,
        "colours": partial(colour_layout, cells=8, mirrored=True),
        "palette": palette,
    }
    arguments = {"gradients": (size // 8, size // 4)}
    for name, piece in pieces.items():
        yield f"sight: {name}", lambda name=name, piece=piece: [piece(one, *arguments.get(name, ())) for one in few]
    yield "sight: all of it", lambda: [sight(one) for one in few]


def training(paths: list[Path], size: int) -> Iterator[tuple[str, Work]]:
    """A step, and the network's part of an embedding."""
    images = floats(paths, size)
    network: Any = start("siamese-vae", complete("siamese-vae", {"size": size}))
    network.prepare(images)
    known, optimizer = network.known(images), torch.optim.AdamW(network.parameters())
    small = shrunk(images)
    codes = torch.randn(len(images), known.shape[1] + network.latent)

    def step() -> None:
        with autocast(CPU):
            loss = torch.stack(list(network.loss(images, 0.5, known).values())).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def quietly(work: Work) -> Work:
        def run() -> None:
            with torch.no_grad(), autocast(CPU):
                work()

        return run

    yield "step: one view of two", lambda: view(mirrored(small, network.ignore), network.ignore)
    yield "step: encoder, forward, once of twice; also an embedding's", quietly(lambda: network.posterior(images))
    yield "step: decoder, forward", quietly(lambda: network.decode(codes))
    yield "step: all of it, with gradients and optimiser", step


def floats(paths: list[Path], size: int) -> torch.Tensor:
    """The images, (n, 3, size, size) in [0, 1]."""
    squares = [prepare(path.read_bytes(), size=size, fit="squash").pixels for path in paths]
    return to_floats(np.stack(squares), CPU)


if __name__ == "__main__":
    main()
