"""How the starter is made, in the small: `benchmarks/starter/train.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from lookalike.learn.nets import Encoder

TRAIN = Path(__file__).parents[2] / "benchmarks" / "starter" / "train.py"
SMALL = ("--showings", "96", "--pool", "16", "--batch", "8", "--again", "3")


def trained(place, *told):
    command, one = [sys.executable, str(TRAIN), str(place), *SMALL, *told], {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=one, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def encoder(file, width):
    made = Encoder(64, width)
    made.load_state_dict(load_file(file))
    return made


@pytest.mark.parametrize("side", [64, 128])
def test_every_learner_learns_from_drawings_and_is_written(tmp_path, side):
    last = trained(tmp_path, "--side", str(side), "--learners", "default,mild,strong-32", "--families", "clouds,leaves")
    assert last["showings"] == 96
    assert last["drawing"] > 0
    for name, width in (("default", 32), ("mild", 64), ("strong-32", 32)):
        made = encoder(tmp_path / f"{name}.safetensors", width)
        assert all(torch.isfinite(tensor).all() for tensor in made.state_dict().values())
        with safe_open(tmp_path / f"{name}.safetensors", "pt") as file:
            facts = json.loads(file.metadata()["facts"])
        assert (facts["side"], facts["families"]) == (side, ["clouds", "leaves"])
    assert json.loads((tmp_path / "history.json").read_text())["history"]["strong-32 disagreement"]


def test_a_family_that_is_left_out_changes_what_is_learned(tmp_path):
    for name, told in (("all", ()), ("without", ("--without", "leaves"))):
        trained(tmp_path / name, "--learners", "strong-32", "--families", "clouds,leaves", *told)
    assert json.loads((tmp_path / "without" / "history.json").read_text())["families"] == ["clouds"]
    one, other = (load_file(tmp_path / name / "strong-32.safetensors") for name in ("all", "without"))
    assert any(not torch.equal(one[key], other[key]) for key in one)
