"""Progress on stderr: bars for what lasts longer than two seconds where somebody looks, elsewhere a line at times."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookalike.cli import printing
from lookalike.cli.printing import is_terminal, one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 2.0
"""Seconds that a stage may take without a bar."""
BETWEEN = 300.0
"""Seconds from one line to the next, where there are no bars."""
WORDS = {
    "scan": "looking for pictures",
    "decode": "decoding",
    "prepare": "getting to know the folder",
    "train": "training",
    "whiten": "getting to know the folder",
    "embed": "embedding",
    "index": "finding neighbours",
    "project": "laying out the map",
    "cluster": "clustering",
    "score": "scoring",
    "verify": "verifying",
    "draw": "drawing",
}


@contextmanager
def progress_bars() -> Iterator[Callable[..., None]]:
    """Gives the ``progress`` that the library calls.

    A bar shows the stage, how far it is, how many a second, and the time left; it appears after two seconds. When
    stderr is no terminal but a log, say, there is a line every five minutes instead.
    """
    if not is_terminal():
        yield Lines()
        return
    with _bars() as bars:
        yield Stages(bars)


class Stages:
    """What the library calls: one bar per stage, in the order in which they begin."""

    def __init__(self, bars: "Progress") -> None:
        self.bars = bars
        self.stage: str | None = None
        self.task: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tells that ``done`` of ``total`` are done; a total of 0 is unknown."""
        if stage != self.stage or self.task is None:
            if self.task is not None:
                self.bars.stop_task(self.task)
            self.stage, self.task = stage, self.bars.add_task(WORDS.get(stage, stage), total=None, note="")
        self.bars.update(self.task, completed=done, total=total or None, note=one_line(note)[-30:])


class Lines:
    """What the library calls where nothing can move: how far the stage is, now and then."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tells that ``done`` of ``total`` are done, if the last time was long ago; a total of 0 is unknown."""
        if time.monotonic() - self.last >= BETWEEN:
            self.last = time.monotonic()
            so_far = f": {done:,} of {total:,}" if total else f": {done:,}" if done else ""
            printing.note(WORDS.get(stage, stage) + so_far)


def _bars() -> "Progress":
    """rich's bars on stderr, without those that are younger than two seconds."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.1f}/s" if speed else "", style="progress.data.speed")

    class Patient(Progress):
        """Shows what lasts."""

        def get_renderables(self) -> Iterator[RenderableType]:
            lasting = [task for task in self.tasks if (task.finished_time or task.elapsed or 0.0) >= PATIENCE]
            yield self.make_tasks_table(lasting)

    return Patient(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )
