"""``FILE.onnx``: an encoder that was trained elsewhere, as an ONNX graph, run by onnxruntime."""

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.errors import SettingError
from lookalike.learn import graph, hub
from lookalike.learn.whitening import Block


class OnnxEncoder(nn.Module):
    """A graph from images (n, 3, size, size) to embeddings (n, d), tokens (n, t, d) or maps (n, d, h, w).

    Tokens and maps are averaged. The file's content is one of the model's tensors, of ``n_bytes``, so that it stays
    with the model; ``features`` is d. ``size`` must be the graph's where that has one; ``mean`` and ``std`` of the
    channels are for images in [0, 1]. It runs on the processor.
    """

    size: ClassVar[int] = hub.USUAL
    batch: ClassVar[int] = 32
    whitened: ClassVar[int] = 2048
    choices: ClassVar[tuple[str, ...]] = ("dim", "size", "mean", "std")
    content: Tensor

    def __init__(
        self, *, dim: int, size: int, mean: list[float], std: list[float], n_bytes: int, features: int
    ) -> None:
        super().__init__()
        hub.check_normalising(mean, std)
        if dim > features:
            raise ValueError(f"dim={dim} is more than the {features} numbers that it gives")
        self.mean, self.std, self.side, self.features = mean, std, size, features
        self.blocks = [Block(features, shrinkage=math.inf)]  # for the reason that `pretrained` gives
        self._session: Any = None
        self.register_buffer("content", torch.zeros(n_bytes, dtype=torch.uint8))

    @staticmethod
    def describe(place: Path, given: dict[str, Any]) -> dict[str, Any]:
        """The settings that a file says, tried out on two images of the size that is given, if any.

        SettingError when the graph takes another size; ModelError when it does not take images, or gives no row for
        each.
        """
        found = graph.describe(place)
        size = given.get("size", found.size)
        if found.fixed and size != found.size:
            raise SettingError(f"size={size!r} cannot be: {place} is made for images of {found.size} pixels a side")
        session = graph.open_graph(place.read_bytes(), str(place))
        features = graph.run(session, np.zeros((2, 3, size, size), np.float32), str(place)).shape[1]
        return {"size": size, "mean": found.mean, "std": found.std, "n_bytes": found.n_bytes, "features": features}

    def fill(self, place: Path) -> None:
        """Takes the content of a file."""
        self.content = torch.from_numpy(np.fromfile(place, np.uint8))

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to codes (b, features)."""
        if self._session is None:
            content = self.content.cpu().numpy().tobytes()
            self._session = graph.open_graph(content, "the model's ONNX graph", torch.get_num_threads())
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        codes = graph.run(self._session, ((images - mean) / std).contiguous().cpu().numpy(), "the model's ONNX graph")
        return torch.from_numpy(codes).to(images.device)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}
