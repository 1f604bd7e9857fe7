"""What a user should know of how a training went, before they trust what came of it."""

from collections.abc import Mapping
from typing import Any

VARIATIONAL = ("siamese-vae", "vae", "talk")
"""Models whose Kullback-Leibler term can switch off numbers of the embedding."""

FEW = 20
"""Images of which any ten nearest are half of all, so that hardly anything can be told from who is near to whom."""


def doubts(model: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing, from the facts that a library keeps of its model; most often none."""
    found = []
    if model.get("capped"):
        found.append(
            f"the clock ended the training after {model.get('steps', 0):,} steps; another machine, or another run, "
            "would give another library (give more --minutes, or none)"
        )
    if (n_images := model.get("images", FEW)) < FEW:
        return [
            *found,
            f"it learned from only {n_images} image{'s' * (n_images > 1)}; distances, clusters and map say little "
            f"after fewer than {FEW}",
        ]
    used, units = model.get("active_units", 0), model.get("units", 0)
    if model.get("name") in VARIATIONAL and 8 * used < units:
        found.append(
            f"only {used} of the {units} numbers that are learned are in use; train "
            "longer (--epochs) or take another model, or the search will mix up what looks different"
        )
    return found
