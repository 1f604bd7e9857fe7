"""The network of the talk, at its full size: once, with one image."""

import numpy as np
import pytest
import torch

from lookalike import learn
from lookalike.errors import SettingError
from lookalike.learn.model import create

ENCODER, DECODER = 74_221_184, 18_326_659  # as the talk gives them


def n_parameters(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create("talk", {"dim": 256, "size": 256}).eval()


def test_as_many_parameters_as_the_talk_says(network):
    assert n_parameters(network.encoder, network.heads) == pytest.approx(ENCODER, rel=0.03)
    assert n_parameters(network.decoder) == pytest.approx(DECODER, rel=0.03)


def test_from_256x256x3_to_16x16x1_and_back(network):
    image = torch.from_numpy(np.random.default_rng(0).random((1, 3, 256, 256), np.float32))
    with torch.inference_mode():
        code = network.encode(image)
        assert code.shape == (1, 16 * 16)
        decoded = network.decode(code)
    assert decoded.shape == image.shape
    assert 0 <= decoded.min() < decoded.max() <= 1


def test_its_code_has_one_size():
    with pytest.raises(SettingError, match="16x16 = 256 numbers, not 64"):
        create("talk", {"dim": 64, "size": 256})


def test_the_working_copy_suits_it():
    assert learn.image_size("talk") == 256
