"""Progress: bars for what lasts, on a terminal; a line now and then elsewhere."""

import io

from rich.console import Console

from lookalike.cli import progress


def drawn(monkeypatch, patience, calls):
    """What the bars show on a terminal of 100 columns."""
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=100, color_system=None)
    )
    with progress.progress_bars() as report:
        for call in calls:
            report(*call)
    return screen.getvalue()


def test_a_stage_that_lasts_has_a_bar_with_its_count(monkeypatch):
    shown = drawn(monkeypatch, 0.0, [("scan", 7, 0), ("decode", 1, 40), ("decode", 30, 40), ("train", 5, 9, "loss\n2")])
    for text in ["looking for pictures", "7/?", "decoding", "30/40", "training", "5/9", "loss 2"]:
        assert text in shown


def test_a_stage_that_is_quick_has_none(monkeypatch):
    shown = drawn(monkeypatch, 1000.0, [("decode", 1, 40), ("decode", 40, 40)])
    assert "decoding" not in shown


def test_no_terminal_no_bars_but_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0, 1, 301, 301, 650, 650])
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock, 0)))
    with progress.progress_bars() as report:
        report("decode", 100, 4000)
        report("decode", 3000, 4000)  # five minutes have gone by
        report("cluster", 0, 0)
    assert capsys.readouterr() == ("", "decoding: 3,000 of 4,000\nclustering\n")
    monkeypatch.undo()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.progress_bars() as report:
        report("decode", 1, 40)
        report("train", 1, 9, note="quick")
    assert capsys.readouterr() == ("", "")
