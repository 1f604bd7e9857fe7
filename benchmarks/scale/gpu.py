"""What a graphics card makes of the default model: seconds of training and of embedding, from pixels in memory.

    python benchmarks/scale/gpu.py --images 10000,154644

The pictures are drawn by `benchmarks/starter/stream.py`, 64 pixels a side; decoding is not measured, a card has no
part in it. Also how far the embeddings of 2,000 images are from those that the processor gives with the same weights.
"""

import argparse
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
from stream import Stream

from lookalike.learn import device as module
from lookalike.learn.device import pick_device
from lookalike.learn.model import embed
from lookalike.learn.training import train

CHUNK, COMPARED = 8192, 2000


def main() -> None:
    """A row for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="10000,154644")
    parser.add_argument("--few", action="store_true", help="also as few at once as a processor is given")
    options = parser.parse_args()
    device = pick_device("auto")
    print(torch.cuda.get_device_name() if device.type == "cuda" else device, torch.__version__)
    for n in map(int, options.images.split(",")):
        start = time.monotonic()
        pixels = drawn(n, device)
        print(f"{n:,} images drawn in {time.monotonic() - start:.1f} s", flush=True)
        row(pixels)
        if options.few:
            with mock.patch.object(module, "MANY", 1):
                row(pixels, ", few at once")


def drawn(n: int, device: torch.device) -> np.ndarray:
    """Images uint8 (n, 64, 64, 3)."""
    stream = Stream(twice=False, device=device)
    parts = np.split(np.arange(n), range(CHUNK, n, CHUNK))
    return np.concatenate([stream.pairs(part)[..., :3].cpu().numpy() for part in parts])


def row(pixels: np.ndarray, note: str = "") -> None:
    """Trains and embeds with default settings."""
    slots = np.arange(len(pixels))
    start = time.monotonic()
    trained = train("siamese-vae", pixels, slots)
    between = time.monotonic()
    embeddings = embed(trained, pixels, slots, trained_on=True)
    end = time.monotonic()
    again = time.monotonic()
    embed(trained, pixels, slots)
    new = time.monotonic() - again
    trained.network.cpu()
    trained.device = torch.device("cpu")
    apart = np.linalg.norm(embeddings[:COMPARED] - trained.encode(pixels[:COMPARED]), axis=1).max()
    facts = trained.facts
    print(
        f"{len(pixels):,}{note}: train {between - start:.1f} s ({facts['steps']} steps in {facts['seconds']} s), embed "
        f"{end - between:.1f} s, new pictures {len(pixels) / new:,.0f} a second, at most {apart:.4f} from those of the "
        "processor",
        flush=True,
    )


if __name__ == "__main__":
    main()
