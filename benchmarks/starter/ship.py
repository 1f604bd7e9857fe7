"""Puts an encoder that `train.py` wrote into the package, as far as it is used.

    python benchmarks/starter/ship.py build/starter/strong.safetensors

Batch normalisation is folded into the convolutions, numbers are kept in float16. Says how far the features of drawn
pictures are from those of the encoder itself.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from stream import Stream
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lookalike.learn.measures import CONVOLUTIONS
from lookalike.learn.nets import Encoder
from lookalike.learn.starter import WEIGHTS, Starter

N_LAYERS = 5
"""Of the encoder, up to 8x8 cells: 64 % of the work and a quarter of the size. Its last ones see kinds of textures and
scenes better, and clothes worse."""


def main() -> None:
    """Folds, writes, compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    options = parser.parse_args()
    encoder = Encoder(64)
    encoder.load_state_dict(load_file(options.encoder))
    encoder.eval()
    with safe_open(options.encoder, "pt") as file:
        facts = file.metadata()
    save_file(folded(encoder), WEIGHTS, facts)
    starter = Starter(mirrored=False)
    starter.prepare()
    drawn = torch.from_numpy(Stream(twice=False)[np.arange(64)][..., :3]).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        cells = functional.adaptive_avg_pool2d(encoder.layers[:N_LAYERS](2 * drawn - 1), 4).flatten(1)
        apart = (functional.normalize(cells.sqrt(), dim=1) - starter(drawn)).norm(dim=1)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size:,} bytes; features {float(apart.max()):.5f} apart at most, of length 1")


def folded(encoder: Encoder) -> dict[str, Tensor]:
    """Weights and biases of the convolutions, by the names that `Starter` has for them."""
    blocks = []
    for layer in encoder.layers[:N_LAYERS]:
        blocks += [layer.first, layer.second] if hasattr(layer, "first") else [layer]
    convolutions = [fuse_conv_bn_eval(block[0], block[1]) for block in blocks]
    if [convolution.out_channels for convolution in convolutions] != [layer.channels for layer in CONVOLUTIONS]:
        raise SystemExit("this encoder has other layers than the starter")
    weights = {f"weight{number}": convolution.weight.detach() for number, convolution in enumerate(convolutions)}
    biases = {f"bias{number}": convolution.bias.detach() for number, convolution in enumerate(convolutions)}
    return {name: tensor.half().contiguous() for name, tensor in (weights | biases).items()}


if __name__ == "__main__":
    main()
