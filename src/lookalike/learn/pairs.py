"""Pairs of images that are each other's nearest, how alike they are, and the directions in which pairs agree best."""

import torch
from torch import Tensor
from torch.nn import functional

SHRINKAGE = 0.5
"""Share of the mean variance within pairs that is added to every direction's; larger trusts the pairs less."""


def mutual_neighbors(points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Rows of points (m, d) of which each is among the ``k`` nearest of the other; every pair once."""
    k = min(k, len(points) - 1)
    if k < 1:
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)
    nearest = []
    for start in range(0, len(points), 1024):
        distances = torch.cdist(points[start : start + 1024], points)
        distances[torch.arange(len(distances)), torch.arange(start, start + len(distances))] = torch.inf
        nearest.append(distances.topk(k, largest=False).indices)
    found = torch.cat(nearest)  # (m, k)
    rows = torch.arange(len(points), device=points.device)[:, None].expand_as(found)
    back = (found[found] == rows[:, :, None]).any(2)  # whether the row is among its neighbour's nearest
    keep = back & (rows < found)
    return rows[keep], found[keep]


def kinship(points: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """How alike pairs are in whitened points (m, d): 1 where they are the same, 0 where as far apart as all are."""
    variances = points.var(0)
    white = functional.normalize(points / (variances + 0.02 * variances.mean() + 1e-12).sqrt())
    apart = (white[first] - white[second]).square().sum(1).mean()
    return 1 - apart / (2 * white.var(0).sum())


def agreeing(points: Tensor, pairs: list[Tensor]) -> Tensor:
    """Directions (k, k) of points, whose variance over that within pairs is largest, first."""
    within = sum((pair.T @ pair / max(1, len(pair)) for pair in pairs), torch.zeros_like(points.T @ points)).double()
    eye = torch.eye(len(within), device=within.device, dtype=within.dtype)
    within += (SHRINKAGE * within.diagonal().mean() + 1e-12) * eye
    spread, directions = torch.linalg.eigh(within)
    sphere = directions / spread.sqrt()  # in which pairs differ equally in all directions
    turned = points.double() @ sphere
    best = torch.linalg.eigh(turned.T @ turned / len(points))[1].flip(1)
    largest = best.gather(0, best.abs().argmax(0, keepdim=True))
    result: Tensor = (sphere @ (best * torch.where(largest < 0, -1.0, 1.0))).to(points.dtype)
    return result


def unit(differences: Tensor) -> Tensor:
    """Differences (p, k), scaled so that their mean squared length is 1."""
    return differences / (differences.square().sum(1).mean().sqrt() + 1e-12)
