"""A closer look: large pictures, where they are few enough, are looked at with more pixels than the network is."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from lookalike import learn
from lookalike.errors import ModelError
from lookalike.learn import model as models
from lookalike.learn.siamese import SiameseVAE
from lookalike.learn.training import train


@pytest.mark.parametrize(
    ("name", "n_images", "side", "size"),
    [
        ("siamese-vae", 5000, 160, 128),
        ("siamese", 5000, 4000, 128),
        ("siamese-vae", 5000, 159, 64),
        ("siamese-vae", models.CLOSER, 160, 128),
        ("siamese-vae", models.CLOSER + 1, 160, 64),
        ("vae", 5000, 4000, 64),
        ("pixels", 5000, 4000, 32),
    ],
)
def test_it_is_taken_of_large_pictures_and_few(name, n_images, side, size):
    assert learn.image_size(name, n_images, lambda: side) == size


def test_nothing_is_looked_into_where_it_does_not_matter():
    def refuse():
        raise AssertionError

    assert learn.image_size("siamese-vae", models.CLOSER + 1, refuse) == 64
    assert learn.image_size("vae", 10, refuse) == 64
    assert learn.image_size("siamese-vae") == 64


def stripes(n, seed=0):
    """Grey pictures uint8 (n, 128, 128, 3) of stripes as wide as a pixel: half of them upright, half lying."""
    rng = np.random.default_rng(seed)
    wave = 127 + 60 * np.sign(np.sin(np.pi * (np.arange(128) + 0.5)))
    pictures = np.stack([np.tile(wave, (128, 1)) if row % 2 else np.tile(wave, (128, 1)).T for row in range(n)])
    return np.repeat((pictures + rng.normal(0, 6, pictures.shape)).clip(0, 255)[..., None], 3, 3).astype(np.uint8)


def test_it_sees_what_a_smaller_picture_does_not_hold():
    apart = {}
    for size in (64, 128):
        seen = stripes(24).reshape(24, size, 128 // size, size, 128 // size, 3).mean((2, 4)).astype(np.uint8)
        trained = train("siamese", seen, np.arange(24), epochs=0, settings={"dim": 8, "size": size, "width": 8})
        embeddings = trained.encode(seen)
        between = np.linalg.norm(embeddings[::2].mean(0) - embeddings[1::2].mean(0))
        apart[size] = between / np.linalg.norm(embeddings[::2] - embeddings[::2].mean(0), axis=1).mean()
    assert apart[128] > 2 * apart[64]


def test_the_network_stays_as_it_is_and_draws_as_large(pictures):
    small, large = (sum(of.numel() for of in SiameseVAE(size=size).parameters()) for size in (64, 128))
    assert small == large
    seen = pictures(3, size=128)[0]
    trained = train("siamese-vae", seen, np.arange(len(seen)), epochs=1, settings={"dim": 8, "size": 128, "width": 8})
    assert trained.reconstruct(seen).shape == seen.shape


def test_a_sample_of_bytes_is_as_good_as_floats(pictures):
    seen = torch.from_numpy(pictures(4, size=64)[0]).permute(0, 3, 1, 2)
    found = []
    for sample in (seen, seen.float() / 255):
        torch.manual_seed(0)
        network = SiameseVAE(size=64, dim=8, width=8)
        network.prepare(sample)
        found.append(network.sight(seen.float() / 255))
    assert torch.allclose(*found, atol=1e-5)


def test_a_size_between_is_refused():
    with pytest.raises(ValueError, match="multiple of 64"):
        SiameseVAE(size=100)


@pytest.mark.parametrize(
    ("name", "more", "generation", "usable"),
    [
        ("siamese", {}, None, False),
        ("siamese", {}, 12, False),
        ("siamese", {"starter": False}, 19, False),
        ("siamese", {"starter": False}, 20, True),
        ("vae", {}, None, True),
    ],
)
def test_a_model_of_before_that_means_another_now_is_refused(pictures, tmp_path, name, more, generation, usable):
    seen, settings = pictures(3, size=64)[0], {"dim": 8, "width": 8, "size": 64, **more}
    train(name, seen, np.arange(len(seen)), epochs=1, settings=settings).save(tmp_path)
    place = tmp_path / "model.json"
    document = json.loads(place.read_text())
    assert document.pop("generation") == models.GENERATION
    document |= {"generation": generation} if generation else {}
    place.write_text(json.dumps(document))
    assert (learn.encoder_alone(tmp_path) is not None) == usable
    with nullcontext() if usable else pytest.raises(ModelError, match="earlier version; build the library again"):
        learn.load_model(tmp_path)
