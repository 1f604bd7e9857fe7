"""What a user is told of a training before they trust what came of it."""

import re

import pytest

from lookalike.pipeline.doubts import FEW, doubts

USUAL = {"name": "siamese-vae", "images": 5000, "steps": 900, "active_units": 60, "units": 64}


@pytest.mark.parametrize(
    ("fact", "doubt"),
    [
        ({}, None),
        ({"capped": True, "steps": 7}, "the clock ended the training after 7 steps"),
        ({"active_units": 3}, "only 3 of the 64 numbers"),
        ({"active_units": 3, "name": "pixels"}, None),
        ({"images": FEW}, None),
        ({"images": 3, "active_units": 0}, f"it learned from only 3 images; .+ after fewer than {FEW}"),
        ({"images": 1, "active_units": 0}, "from only 1 image;"),
    ],
)
def test_what_is_doubtful_is_said_once(fact, doubt):
    found = doubts(USUAL | fact)
    assert len(found) == (doubt is not None)
    if doubt:
        assert re.search(doubt, found[0])
