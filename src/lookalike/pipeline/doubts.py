"""What a user should know of how a training went, before they trust what came of it."""

from collections.abc import Mapping
from typing import Any

VARIATIONAL = ("siamese-vae", "vae", "talk")
"""Models whose Kullback-Leibler term can switch off numbers of the embedding."""


def doubts(model: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing, from the facts that a library keeps of its model; most often none."""
    found = []
    if model.get("capped"):
        found.append(
            f"the clock ended the training after {model['steps']:,} steps; another machine, or another run, "
            "would give another library (give more --minutes, or none)"
        )
    if model["name"] in VARIATIONAL and 8 * model["active_units"] < model["units"]:
        found.append(
            f"only {model['active_units']} of the {model['units']} numbers that are learned are in use; train "
            "longer (--epochs) or take another model, or the search will mix up what looks different"
        )
    return found
