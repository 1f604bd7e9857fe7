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
Maps = list[list[Tensor]]
"""What `Starter.maps` gives: for each way of looking, the map of each depth."""


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
        return self.cells(self.maps(images))

    def maps(self, images: Tensor, times: int = 1) -> Maps:
        """What it sees at every place of images (b, 3, s, s), after each stretch that a shortcut bridges, (b, c, h, w);
        then, if asked for, of the mirrored images. They are shrunk to `SEEN`, then enlarged so many times."""
        if images.shape[-1] > SEEN:
            images = functional.adaptive_avg_pool2d(images, SEEN)
        if times > 1:
            images = functional.interpolate(images, scale_factor=times, mode="bilinear")
        return [self._seen(way) for way in ((images, images.flip(-1)) if self.mirrored else (images,))]

    @staticmethod
    def cells(seen: Maps) -> Tensor:
        """The last of the maps in 4x4 cells, (b, n_features)."""
        means = [functional.adaptive_avg_pool2d(way[-1], STARTER_CELLS).flatten(1) for way in seen]
        return torch.stack([functional.normalize(mean.sqrt_(), dim=1) for mean in means]).mean(0)

    def _seen(self, images: Tensor) -> list[Tensor]:
        x = (2 * images - 1).contiguous(memory_format=torch.channels_last)
        begun, ended = x, []
        for number, layer in enumerate(CONVOLUTIONS):
            weight, bias = self.get_buffer(f"weight{number}"), self.get_buffer(f"bias{number}")
            begun = x if layer.begins else begun
            x = functional.conv2d(x, weight, bias, stride=layer.stride, padding=1)
            x = (x + begun if layer.ends else x).relu_()
            ended += [x] * layer.ends
        return ended
