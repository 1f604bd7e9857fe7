"""Progress bars on stderr: for what lasts longer than two seconds, and only where somebody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookalike.cli.printing import is_terminal, one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 2.0
"""Seconds that a stage may take without a bar."""
WORDS = {
    "scan": "looking for pictures",
    "decode": "decoding",
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
    """Gives the ``progress`` that the library calls; it shows nothing when stderr is no terminal.

    A bar shows the stage, how far it is, how many a second, and the time left; it appears after two seconds.
    """
    if not is_terminal():
        yield lambda *_, **__: None
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
