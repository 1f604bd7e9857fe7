"""Killed at any moment and run again, a build ends with the library of one that was never disturbed."""

import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.fixture(scope="module")
def kill():
    """The benchmark that kills a hundred times."""
    spec = importlib.util.spec_from_file_location("kill", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(900)  # nine processes that each load PyTorch
def test_killed_six_times_nothing_is_lost(kill, photos, tmp_path, quick):
    settings = quick | {"model": "vae", "model_settings": {"dim": 8, "size": 32, "width": 16}, "epochs": 15}
    outcome = kill.kill_and_go_on(photos, tmp_path, settings=settings, n_kills=6, seed=0)
    assert outcome.failures == []
    assert sum(outcome.kills.values()) == 6
    assert outcome.finished >= 1


def test_a_difference_is_seen(kill, own, photos, quick):
    """The comparison itself can fail: another seed is another library."""
    import lookalike

    before = kill.results(own.path)
    lookalike.build(photos, own.path, random_state=1)
    assert kill.results(own.path) != before
