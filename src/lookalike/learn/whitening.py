"""From codes to embeddings: every direction gets the same spread, every embedding the same length."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Block(NamedTuple):
    """A part of the code that is whitened by itself."""

    size: int
    """Numbers of the code."""
    weight: float = 1.0
    """How much the part counts in the embedding, relative to the others."""
    shrinkage: float = 0.2
    """Share of the mean variance that is added to each direction's before dividing; larger whitens less, inf not."""


@dataclass(frozen=True)
class Whitening:
    """Centre, whiten, normalise each part of the code; join the parts, keep the widest directions, normalise.

    Nearest neighbours in whitened and normalised codes are markedly better than in raw ones (Jégou & Chum, *Negative
    evidences and co-occurrences in image retrieval: the benefit of PCA and whitening*, 2012). A Euclidean distance
    between two embeddings is therefore between 0 (same direction) and 2 (opposite).
    """

    mean: np.ndarray
    """(n,) float32, of the codes"""
    scales: np.ndarray
    """(blocks, 2) float32: weight, and the usual length of a whitened part, which ``undo`` gives back"""
    rotation: np.ndarray
    """(n, dim) float32: the joined parts' widest directions"""
    matrices: tuple[np.ndarray, ...]
    """A float32 (size, size) for each block"""
    length: float
    """The usual length ahead of the last normalisation."""

    @classmethod
    def fit(cls, codes: np.ndarray, dim: int, blocks: Sequence[Block]) -> "Whitening":
        """From codes (m, n) to one that gives embeddings (m, dim); the sizes of ``blocks`` add up to n."""
        mean = codes.mean(0, dtype=np.float64)
        spans = _spans([block.size for block in blocks])
        matrices, parts, scales = [], [], []
        for block, span in zip(blocks, spans, strict=True):
            centred = codes[:, span] - mean[span]
            matrix = _whitening_matrix(centred, block.shrinkage)
            white = centred @ matrix
            lengths = np.linalg.norm(white, axis=1)
            scales.append((block.weight, float(np.median(lengths)) or 1.0))
            matrices.append(matrix.astype(np.float32))
            parts.append(block.weight * _normalised(white))
        joined = np.concatenate(parts, 1)
        rotation = _principal(joined)[1][:, :dim]
        length = float(np.median(np.linalg.norm(joined @ rotation, axis=1))) or 1.0
        return cls(
            mean=_single(mean),
            scales=_single(np.array(scales)),
            rotation=_single(rotation),
            matrices=tuple(matrices),
            length=length,
        )

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Codes (m, n) to embeddings (m, dim), float32, of length 1 (0 for a code that equals the mean)."""
        centred = codes.astype(np.float32) - self.mean
        parts = [
            weight * _normalised(centred[:, span] @ matrix)
            for span, matrix, (weight, _) in zip(self._spans, self.matrices, self.scales, strict=True)
        ]
        return _normalised(np.concatenate(parts, 1) @ self.rotation)

    def undo(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (m, dim) back to codes (m, n), float32, as if each part had had its usual length."""
        joined = self.length * _normalised(embeddings) @ self.rotation.T
        parts = [
            usual * _normalised(joined[:, span]) @ np.linalg.pinv(matrix.astype(np.float64), rcond=1e-6)
            for span, matrix, (_, usual) in zip(self._spans, self.matrices, self.scales, strict=True)
        ]
        return _single(np.concatenate(parts, 1) + self.mean)

    def tensors(self) -> dict[str, "Tensor"]:
        """As tensors to be stored beside the network's."""
        import torch

        arrays = {name: getattr(self, name) for name in ("mean", "scales", "rotation")}
        arrays |= {f"matrix{number}": matrix for number, matrix in enumerate(self.matrices)}
        arrays["length"] = np.array([self.length])
        return {f"whitening.{name}": torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Whitening":
        """What ``tensors`` gave, as arrays; KeyError or ValueError when they do not fit together."""
        mean, scales, rotation = (arrays[f"whitening.{name}"] for name in ("mean", "scales", "rotation"))
        matrices = tuple(arrays[f"whitening.matrix{number}"] for number in range(len(scales)))
        if {len(mean), len(rotation)} != {sum(len(matrix) for matrix in matrices)}:
            raise ValueError("the whitening's parts do not fit together")
        return cls(mean, scales, rotation, matrices, float(arrays["whitening.length"][0]))

    @property
    def _spans(self) -> list[slice]:
        return _spans([len(matrix) for matrix in self.matrices])


def _spans(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes])
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (n,) about zero and directions (n, n) of rows, widest first, signed in a way that repeats."""
    variances, directions = np.linalg.eigh(rows.T.astype(np.float64) @ rows / len(rows))
    directions = directions[:, ::-1]
    largest = directions[np.abs(directions).argmax(0), range(len(directions))]
    return variances[::-1].clip(min=0), directions * np.where(largest < 0, -1, 1)


def _whitening_matrix(centred: np.ndarray, shrinkage: float) -> np.ndarray:
    variances, directions = _principal(centred)
    if np.isinf(shrinkage):
        return directions
    matrix: np.ndarray = directions / np.sqrt(variances + shrinkage * variances.mean() + 1e-12)
    return matrix


def _normalised(rows: np.ndarray) -> np.ndarray:
    result: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return result


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)
