"""The starter: what a network that never saw a photograph sees in a picture.

Its weights ship with the package. They were learned from drawings alone: fractals, dead leaves, shaders, strokes,
plants and other programs draw without end, and two drawings of one program have to look alike, those of others not.
What such a network learns of edges, corners, textures and parts holds for photographs too (Baradad et al., *Learning to
see by looking at noise*, 2021; *Procedural image programs for representation learning*, 2022). How it was made is told
in `starter.md`, and done by `benchmarks/starter`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.measures import CONVOLUTIONS, SEEN, STARTER_CELLS

WEIGHTS = Path(__file__).with_suffix(".safetensors")


class Starter(nn.Module):
    """Images (b, 3, s, s) in [0, 1] to features (b, n_features) of length 1; if asked, mirrored images give the same,
    the mean of two such (of length .93 to .99).

    Fixed: a folder does not change its weights, so nothing that it knows is forgotten. They are buffers, zero until
    `prepare` takes them from the package, and kept with the library.
    """

    n_features = CONVOLUTIONS[-1].channels * STARTER_CELLS**2

    def __init__(self, *, mirrored: bool) -> None:
        super().__init__()
        self.mirrored = mirrored
        before = 3
        for number, layer in enumerate(CONVOLUTIONS):
            self.register_buffer(f"weight{number}", torch.zeros(layer.channels, before, 3, 3))
            self.register_buffer(f"bias{number}", torch.zeros(layer.channels))
            before = layer.channels

    def prepare(self) -> None:
        """Takes the weights that ship with the package."""
        from safetensors.torch import load_file

        self.load_state_dict(load_file(WEIGHTS))

    def forward(self, images: Tensor) -> Tensor:
        """Square roots of the features in 4x4 cells, of length 1; the mean of an image's and its mirror image's."""
        if images.shape[-1] > SEEN:
            images = functional.adaptive_avg_pool2d(images, SEEN)
        seen = self._seen(images)
        return (seen + self._seen(images.flip(-1))) / 2 if self.mirrored else seen

    def _seen(self, images: Tensor) -> Tensor:
        x = (2 * images - 1).contiguous(memory_format=torch.channels_last)
        begun = x
        for number, layer in enumerate(CONVOLUTIONS):
            weight, bias = self.get_buffer(f"weight{number}"), self.get_buffer(f"bias{number}")
            begun = x if layer.begins else begun
            x = functional.conv2d(x, weight, bias, stride=layer.stride, padding=1)
            x = (x + begun if layer.ends else x).relu_()
        cells = functional.adaptive_avg_pool2d(x, STARTER_CELLS).flatten(1)
        return functional.normalize(cells.sqrt_(), dim=1)
