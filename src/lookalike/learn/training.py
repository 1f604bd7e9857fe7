"""The loop: fetch, forward, backward, step, report. It knows no model."""

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lookalike.errors import SettingError
from lookalike.learn.checkpoint import Checkpoint
from lookalike.learn.device import autocast, pick_device, to_floats
from lookalike.learn.model import Progress, Trained, class_of, complete, create, home, start
from lookalike.learn.whitening import Block, Whitening

LEARNING_RATE = 2e-3
MOST_EPOCHS = 500.0
"""Times that an image is seen by default, at most: after these, another look at a few images teaches nothing."""
WHITENED = 20_000
"""Images of the folder from which the whitening is learned, at most."""
KEPT = 100_000
"""Images of which what is known is kept during a training that ends by the clock, at most: 77 MB."""
TOGETHER = 256
"""Images that are looked at at once, as in `embed`: other numbers round otherwise."""
PREPARED, PREPARED_BYTES = 8_000, 400 << 20
"""Images, and bytes of them, from which a model finds what it knows in closed form, at most; all in memory at once."""


def default_epochs(n_images: int) -> float:
    """How often each image is seen when nobody says: 40 times for 5,000 images, growing slower than the folder.

    The number of images shown is 200,000 · (n/5000)^0.3, so a folder 30 times larger trains 2.8 times longer; of a few
    images each is seen `MOST_EPOCHS` times at most.
    """
    return float(min(MOST_EPOCHS, 200_000 * (n_images / 5000) ** 0.3 / n_images))


def train(
    name: str,
    pixels: Any,
    slots: np.ndarray,
    *,
    seed: int = 0,
    epochs: float | None = None,
    minutes: float | None = None,
    device: str = "auto",
    settings: dict[str, Any] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains the model ``name`` on the images ``pixels[slots]``.

    ``pixels`` is anything that an int array indexes to uint8 (m, size, size, 3). ``epochs`` (default: from the number
    of images) says how often each image is seen; more is better up to a plateau, and takes proportionally longer.
    ``minutes`` ends the training early, by the clock: the result then depends on the machine's speed. What a model has
    to know of the folder before its first step counts, but is not cut short, and one step is always made. ``settings``
    are keyword arguments of the model, ``dim`` among them. With a ``checkpoint`` folder the state is kept there about
    every half minute, and a training that was interrupted goes on to the very same result.
    """
    target, settings = pick_device(device), complete(name, settings or {})
    _check(epochs, minutes)
    settled = _settled(name, settings, pixels, slots, seed)
    settings |= settled
    torch.manual_seed(seed)
    trained = Trained(name, start(name, settings), settings=settings, device=target)
    n_steps = 0
    if hasattr(trained.network, "loss"):
        n_epochs = epochs
        if n_epochs is None:
            effort = getattr(trained.network, "effort", 1.0)
            n_epochs = getattr(trained.network, "epochs", effort * default_epochs(len(slots)))
        n_steps = max(1, math.ceil(n_epochs * len(slots) / min(trained.batch, len(slots))))
    run = Run(trained, pixels, slots, n_steps=n_steps, seed=seed, limit=60 * minutes if minutes else math.inf)
    run.go(Checkpoint(checkpoint, run.fingerprint()) if checkpoint else None, progress)
    sample = _sample(slots, seed, _whitened(trained))
    _finish(trained, _some_codes(trained, pixels, sample, None if n_steps else progress), len(slots))
    trained.facts |= settled
    return trained


def from_codes(name: str, codes: np.ndarray, *, seed: int = 0, settings: dict[str, Any] | None = None) -> Trained:
    """What stands for the encoder of codes float32 (n, d) that were made elsewhere: how they become embeddings.

    ``settings``: ``dim``, numbers in an embedding, by default 256 or the codes' fewer. SettingError for more.
    """
    given = {"size": home(name).size, "dim": min(home(name).dim, codes.shape[1]), **(settings or {})}
    settings = {**given, "features": codes.shape[1]}
    trained = Trained(name, create(name, settings), settings=settings, device=torch.device("cpu"))
    trained.facts |= {"steps": 0, "seconds": 0.0, "capped": False}
    _finish(trained, codes[_sample(np.arange(len(codes)), seed, _whitened(trained))], len(codes))
    return trained


def _settled(name: str, settings: dict[str, Any], pixels: Any, slots: np.ndarray, seed: int) -> dict[str, Any]:
    """Settings that the user left open and the model takes from the folder."""
    model: Any = class_of(name)
    if not hasattr(model, "settle"):
        return {}
    most = min(model.judged, PREPARED_BYTES // (3 * settings["size"] ** 2))
    found: dict[str, Any] = model.settle(settings, pixels[_sample(slots, seed, most)], len(slots))
    return found


def _check(epochs: float | None, minutes: float | None) -> None:
    if epochs is not None and not epochs >= 0:
        raise SettingError(f"epochs={epochs} must be a number from 0 up")
    if minutes is not None and not minutes > 0:
        raise SettingError(f"minutes={minutes} must be a number above 0")


def _sample(slots: np.ndarray, seed: int, most: int) -> np.ndarray:
    if len(slots) <= most:
        return slots
    return slots[np.sort(np.random.default_rng([seed, 1]).choice(len(slots), most, replace=False))]


def _whitened(trained: Trained) -> int:
    return int(getattr(trained.network, "whitened", WHITENED))


def _some_codes(trained: Trained, pixels: Any, sample: np.ndarray, progress: Progress | None) -> np.ndarray:
    """Codes of images to learn the whitening from, which takes long where that is all that is learned."""
    found = []
    for start_at in range(0, len(sample), TOGETHER):
        slots = sample[start_at : start_at + TOGETHER]
        found.append(trained.codes(pixels[slots], trained.known_of(slots)))
        if progress:
            progress("whiten", min(start_at + TOGETHER, len(sample)), len(sample))
    return np.concatenate(found)


def _finish(trained: Trained, codes: np.ndarray, n_images: int) -> None:
    """Whitening from a sample, and how many numbers of the code are in use (Burda et al., 2016: variance over 0.01)."""
    blocks = getattr(trained.network, "blocks", [Block(codes.shape[1])])
    trained.whitening = Whitening.fit(codes, trained.dim, blocks)
    learned = codes[:, -blocks[-1].size :]  # the part of the code that a network was trained for
    trained.facts["active_units"], trained.facts["units"] = int((learned.var(0) > 0.01).sum()), learned.shape[1]
    trained.facts["images"] = n_images


class Run:
    """One training: the network, its optimiser, and where it stands. Every step draws from its own seed alone."""

    def __init__(
        self, trained: Trained, pixels: Any, slots: np.ndarray, *, n_steps: int, seed: int, limit: float
    ) -> None:
        self.trained, self.pixels, self.slots = trained, pixels, slots
        self.n_steps, self.seed, self.limit = n_steps, seed, limit
        self.step, self.seconds, self.prepared = 0, 0.0, 0.0  # the seconds of the steps, and before the first
        self.history: dict[str, list[float]] = {}
        self.kept: dict[int, torch.Tensor] = {}
        self.batch = min(trained.batch, len(slots))
        if n_steps:
            self.optimizer = torch.optim.AdamW(trained.network.parameters(), lr=LEARNING_RATE, weight_decay=0.05)

    def fingerprint(self) -> dict[str, Any]:
        """What must be the same for an interrupted training to go on."""
        settings = {"name": self.trained.name, "settings": self.trained.settings, "seed": self.seed}
        return {**settings, "n_steps": self.n_steps, "n_images": len(self.slots), "batch": self.trained.batch}

    def go(self, checkpoint: Checkpoint | None, progress: Progress | None) -> None:
        """Trains from where it stands to the end."""
        start = time.monotonic()
        if not (checkpoint and checkpoint.restore(self)) and hasattr(self.trained.network, "prepare"):
            if progress:
                progress("train", 0, self.n_steps)
            self._prepare(progress)
        self._look(progress)
        self.prepared += time.monotonic() - start
        self.trained.network.train()
        try:
            for rows in self._batches():
                self._advance(rows, progress)
                if checkpoint:
                    checkpoint.keep(self)
        finally:
            self.trained.network.eval()
        self.trained.history = self.history
        self.trained.facts |= {
            "steps": self.step,
            "seconds": round(self.prepared + self.seconds, 1),
            "prepared": round(self.prepared, 1),
            "capped": self.step < self.n_steps,
        }

    @property
    def left(self) -> float:
        """Seconds that the steps may take."""
        return max(1e-9, self.limit - self.prepared)

    def _prepare(self, progress: Progress | None) -> None:
        """On the processor, whatever trains afterwards: not every device has the decompositions that this takes."""
        network: Any = self.trained.network.to("cpu")
        few_by_few = getattr(network, "few_by_few", False)
        each = 3 * self.trained.size**2 * (1 if few_by_few else 4)  # bytes
        slots = _sample(self.slots, self.seed, min(PREPARED, PREPARED_BYTES // each))
        images = torch.as_tensor(self.pixels[slots]).cpu().permute(0, 3, 1, 2)
        if few_by_few:
            all_of_them = self._looks and len(slots) == len(self.slots) and self.trained.device.type == "cpu"
            known = network.prepare(images, TOGETHER * all_of_them, partial(progress, "prepare") if progress else None)
            if known is not None:
                self._keep(known)
        else:
            network.prepare(images)
        network.to(self.trained.device)

    @property
    def _looks(self) -> bool:
        """Whether it is found out beforehand what the network knows of each image: where each is seen more than once
        and no clock is running."""
        known = hasattr(self.trained.network, "known")
        return known and self.limit == math.inf and self.n_steps * self.batch > len(self.slots)

    def _look(self, progress: Progress | None) -> None:
        if not self._looks or self.trained.known is not None:
            return
        network: Any = self.trained.network
        found = []
        for start_at in range(0, len(self.slots), TOGETHER):
            block = self.pixels[self.slots[start_at : start_at + TOGETHER]]
            found.append(network.known(to_floats(block, self.trained.device)))
            if progress:
                progress("train", self.step, self.n_steps)
        self._keep(torch.cat(found))

    def _keep(self, known: torch.Tensor) -> None:
        order = np.argsort(self.slots)
        self.trained.known = self.slots[order], known[torch.from_numpy(order)]

    def _known(self, rows: np.ndarray, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the network knows of ``images`` in the slots ``rows``, when it wants to be told."""
        network: Any = self.trained.network
        if not hasattr(network, "known"):
            return ()
        known = self.trained.known_of(rows)
        return (self._found_once(rows, images) if known is None else known,)

    def _found_once(self, rows: np.ndarray, images: torch.Tensor) -> torch.Tensor:
        """What the network knows of ``images``; kept, of `KEPT` at most, for the next time that they come."""
        network: Any = self.trained.network
        new = [at for at, row in enumerate(rows.tolist()) if row not in self.kept]
        found = dict(zip(rows[new].tolist(), network.known(images[new]), strict=True)) if new else {}
        if len(self.kept) + len(found) <= KEPT:
            self.kept |= found
        return torch.stack([found[row] if row in found else self.kept[row] for row in rows.tolist()])

    def _batches(self) -> Iterator[np.ndarray]:
        """Slots of one batch after another, each epoch in an order of its own, from the present step to the last."""
        size = self.batch
        per_epoch = max(1, len(self.slots) // size)
        order, drawn_for = np.empty(0, np.int64), -1
        while self.step < self.n_steps and (not self.step or self.seconds < self.left):
            epoch, place = divmod(self.step, per_epoch)
            if epoch != drawn_for:
                order, drawn_for = np.random.default_rng([self.seed, 0, epoch]).permutation(self.slots), epoch
            rows = np.sort(order[place * size : (place + 1) * size])
            yield np.resize(rows, max(2, len(rows)))  # normalising over a batch takes two

    def _advance(self, rows: np.ndarray, progress: Progress | None) -> None:
        start = time.monotonic()
        torch.manual_seed(hash((self.seed, self.step)) & 0x7FFFFFFF)
        done = max(self.step / self.n_steps, self.seconds / self.left)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * _rate(done, self.n_steps)
        images = to_floats(self.pixels[rows], self.trained.device)
        network: Any = self.trained.network
        with autocast(self.trained.device):
            terms = network.loss(images, done, *self._known(rows, images))
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        self.seconds += time.monotonic() - start
        if self.step % 20 == 0 or self.step == self.n_steps:
            self._note(terms)
        if progress:
            progress("train", self.step, self.n_steps)

    def _note(self, terms: dict[str, torch.Tensor]) -> None:
        for key, value in [("step", self.step), *((key, float(term.detach())) for key, term in terms.items())]:
            self.history.setdefault(key, []).append(value)


def _rate(done: float, n_steps: int) -> float:
    """Share of the learning rate: rises over the first steps, then falls along a cosine to zero."""
    rise = max(0.02, min(0.2, 20 / n_steps))
    return done / rise + 1e-2 if done < rise else 0.5 * (1 + math.cos(math.pi * (done - rise) / (1 - rise)))
