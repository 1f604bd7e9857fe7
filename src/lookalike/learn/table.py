"""``FILE.parquet``, ``FILE.npy``: embeddings that were made elsewhere, without what made them."""

import math
from typing import ClassVar

from torch import nn

from lookalike.learn.whitening import Block


class Table(nn.Module):
    """Stands for an encoder that is not here: it keeps how codes of ``features`` numbers become embeddings, no more.

    It has no ``encode``, so new pictures get no embedding. ``size`` is of the working copy, which nothing looks at.
    """

    size: ClassVar[int] = 32
    choices: ClassVar[tuple[str, ...]] = ("dim", "size")

    def __init__(self, *, dim: int, size: int = 32, features: int) -> None:
        super().__init__()
        if dim > features:
            raise ValueError(f"dim={dim} is more than the {features} numbers of a row")
        self.side, self.features = size, features
        self.blocks = [Block(features, shrinkage=math.inf)]  # for the reason that `pretrained` gives
