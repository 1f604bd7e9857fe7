"""Where a training stands, on disk: killed at any moment, it goes on from at most half a minute before."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from lookalike.errors import ModelError

if TYPE_CHECKING:
    from lookalike.learn.training import Run

INTERVAL = 30.0
"""Seconds between two checkpoints."""
POSITION = ("step", "seconds", "prepared", "history")
"""What a run is at, beside its weights."""


class Checkpoint:
    """One file, ``checkpoint.safetensors``, replaced as a whole; ``fingerprint`` says to which training it belongs."""

    def __init__(self, folder: Path, fingerprint: dict[str, Any]) -> None:
        self.path = folder / "checkpoint.safetensors"
        self.fingerprint = json.dumps(fingerprint, sort_keys=True)
        self.kept_at = time.monotonic()

    def keep(self, run: "Run") -> None:
        """Writes the state when the last one is half a minute old, or the training has ended."""
        if time.monotonic() - self.kept_at < INTERVAL and run.step < run.n_steps:
            return
        tensors = {f"network.{key}": value for key, value in run.trained.network.state_dict().items()}
        for index, state in run.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        metadata = {
            "fingerprint": self.fingerprint,
            "position": json.dumps({name: getattr(run, name) for name in POSITION}),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        save_file({key: value.contiguous().cpu() for key, value in tensors.items()}, fresh, metadata)
        os.replace(fresh, self.path)
        self.kept_at = time.monotonic()

    def restore(self, run: "Run") -> bool:
        """Puts the state back into ``run``; False when there is none, or it belongs to another training.

        ModelError when it belongs to this one and is damaged.
        """
        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata()
        except (OSError, SafetensorError):
            return False
        if not metadata or metadata.get("fingerprint") != self.fingerprint:
            return False
        try:
            self._put_back(run, load_file(self.path), json.loads(metadata["position"]))
        except (LookupError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{self.path} is damaged ({reason}); delete it to train from the start") from error
        return True

    def _put_back(self, run: "Run", tensors: dict[str, torch.Tensor], position: dict[str, Any]) -> None:
        run.trained.network.load_state_dict(_under(tensors, "network."))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _under(tensors, "optimizer.").items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        if run.n_steps:
            run.optimizer.load_state_dict({**run.optimizer.state_dict(), "state": state})
        for name in POSITION:
            setattr(run, name, position[name])


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
