"""Where to compute, and how many images at once."""

import numpy as np
import pytest
import torch

from lookalike.learn import device
from lookalike.learn.descriptor import oriented_gradients
from lookalike.learn.device import at_once, in_parallel, to_floats
from lookalike.learn.texture import texture


def test_a_card_is_given_more_images_at_once_than_a_processor():
    assert at_once(torch.device("cpu"), 4) == 4
    assert at_once(torch.device("cuda"), 4) == at_once(torch.device("mps"), 32) == device.MANY
    assert at_once(torch.device("cuda"), 10 * device.MANY) == 10 * device.MANY


@pytest.mark.parametrize(
    "describe", [lambda x: oriented_gradients(x, 8, mirrored=True), lambda x: texture(x, mirrored=False)]
)
def test_descriptions_do_not_depend_on_how_many_are_described_at_once(describe, pictures, monkeypatch):
    images = to_floats(pictures(4)[0], torch.device("cpu"))
    few = describe(images)
    for module in ("descriptor", "texture"):
        monkeypatch.setattr(f"lookalike.learn.{module}.at_once", lambda *_: device.MANY)
    assert torch.allclose(few, describe(images), atol=1e-4)


@pytest.mark.parametrize("n", [3, 40])
def test_no_operation_is_split_among_cores_however_many_images_there_are(n):
    def threads(images):
        return torch.full((len(images),), torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert in_parallel(threads, torch.zeros(n, 3, 4, 4), 32).tolist() == [1] * n
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_images_that_are_on_the_device_stay_there(pictures):
    images = pictures(2)[0]
    given = torch.from_numpy(images)
    assert torch.equal(to_floats(given, given.device), to_floats(images, given.device))
    assert np.array_equal((to_floats(given, given.device) * 255).round().byte().permute(0, 2, 3, 1).numpy(), images)
