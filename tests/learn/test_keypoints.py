"""Local descriptors, the words they are sorted by, and what is gathered of one image."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike import learn
from lookalike.errors import MissingExtraError, SettingError
from lookalike.images import load
from lookalike.learn import keypoints
from lookalike.learn.keypoints import Keypoints, describe, gather, learn_words
from lookalike.learn.model import create
from lookalike.metrics import precision_at

CLOTHING = Path(__file__).parents[2] / "../shared/data/clothing"


def floats(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="module")
def images(pictures):
    return floats(pictures(4, size=64)[0])  # (16, 3, 64, 64)


@pytest.fixture(scope="module")
def groups():
    """(600, 5) in six groups far from one another, and which group (600,)."""
    generator = torch.Generator().manual_seed(3)
    members = torch.arange(600) % 6
    centres = torch.cat([torch.zeros(1, 5), 40 * torch.eye(5)])
    return centres[members] + torch.randn(600, 5, generator=generator), members


def inertia(points, words):
    return float(torch.cdist(points, words).min(1).values.square().sum())


def test_descriptors_are_square_roots_of_shares_with_places(images):
    for descriptors in describe(images):
        shares, places = descriptors[:, :128].square().sum(1), descriptors[:, 128:]
        assert ((shares - 1).abs().lt(1e-4) | shares.eq(0)).all()
        assert -0.5 <= float(places.min()) < 0 < float(places.max()) <= 0.5


def test_a_corner_is_found_where_it_is_and_smooth_pictures_have_the_grid():
    picture = torch.zeros(1, 3, 64, 64)
    grid = (64 // keypoints.STEP) ** 2
    assert len(describe(picture)[0]) == grid
    picture[:, :, 40:48, 8:16] = 1.0
    found = describe(picture)[0][:-grid, 128:]
    assert len(found) >= 1
    assert (found - torch.tensor([12 / 64 - 0.5, 44 / 64 - 0.5])).norm(dim=1).min() < 2 / 64


def test_light_changes_descriptors_little(images):
    grid = (64 // keypoints.STEP) ** 2
    bright, dark = (torch.cat([found[-grid:, :128] for found in describe(few)]) for few in (images, 0.6 * images))
    assert torch.cosine_similarity(bright, dark).median() > 0.97


def test_more_threads_find_the_same(images):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = describe(images)
        torch.set_num_threads(4)
        together = describe(images)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_words_find_the_groups(groups):
    points, members = groups
    words = learn_words(points, 6)
    centres = torch.stack([points[members == group].mean(0) for group in range(6)])
    assert torch.cdist(centres, words).min(1).values.max() < 1e-3
    assert torch.equal(words, learn_words(points, 6))


def test_every_round_of_learning_words_helps(groups, monkeypatch):
    points = groups[0]
    errors = []
    for rounds in (0, 1, 15):
        monkeypatch.setattr(keypoints, "ROUNDS", rounds)
        errors.append(inertia(points, learn_words(points, 9)))
    assert errors[0] > errors[1] > errors[2]
    assert inertia(points, learn_words(points, 20)) < errors[2]


def test_more_words_than_descriptors():
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [2.0, 3.0]])
    words = learn_words(points, 5)
    assert words.shape == (5, 2)
    assert inertia(points, words) == 0


def test_gathering_against_the_obvious_way(groups):
    described = [groups[0][:40], groups[0][40:41], groups[0][41:100]]
    words = learn_words(groups[0], 4)
    for points, gathered in zip(described, gather(described, words), strict=True):
        wanted = np.zeros((4, 5))
        for point in points.numpy().astype(float):
            nearest = np.argmin([np.linalg.norm(point - word) for word in words.numpy()])
            wanted[nearest] += point - words[nearest].numpy()
        wanted = np.sign(wanted) * np.sqrt(np.abs(wanted))
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True) + 1e-12
        np.testing.assert_allclose(gathered.numpy(), wanted.ravel() / np.linalg.norm(wanted), atol=1e-3)


@pytest.mark.parametrize("picture", ["black", "one", "two", "smallest"])
def test_poor_folders_are_enough(images, picture):
    few = {"black": torch.zeros(3, 3, 64, 64), "one": images[:1], "two": images[:2], "smallest": images[..., :16, :16]}
    size = few[picture].shape[-1]
    model = Keypoints(dim=8, size=size, words=4)
    model.prepare(few[picture])
    codes = model.encode(few[picture])
    assert codes.shape == (len(few[picture]), 8)
    assert torch.isfinite(codes).all()


def test_components_keep_distances_when_there_are_enough(images):
    model = Keypoints(dim=16, size=64, words=4)
    model.prepare(images)
    gathered = gather(describe(images), model.words)
    torch.testing.assert_close(torch.cdist(model.encode(images), model.encode(images)), torch.cdist(gathered, gathered))


def test_components_are_the_widest_directions():
    rows = torch.randn(60, 40, generator=torch.Generator().manual_seed(1)) * torch.linspace(9, 0.1, 40)
    rows -= rows.mean(0)
    wanted = torch.linalg.svd(rows)[2][:6]
    likeness = (keypoints._principal_directions(rows, 6) * wanted).sum(1).abs()
    torch.testing.assert_close(likeness, torch.ones(6), atol=1e-3, rtol=0)


def test_mixed_precision_does_not_reach_it(images):
    model = Keypoints(dim=8, size=64, words=4)
    model.prepare(images)
    with torch.autocast("cpu", torch.bfloat16):
        codes = model.encode(images)
    assert codes.dtype == torch.float32
    assert torch.equal(codes, model.encode(images))


def test_few_descriptors_of_many_are_learned_from(images, monkeypatch):
    monkeypatch.setattr(keypoints, "LEARNED", 50)
    assert keypoints._some_descriptors(images).shape == (50, 130)


def test_without_opencv_it_says_what_to_install(monkeypatch, images, tmp_path):
    pixels = (images * 255).byte().permute(0, 2, 3, 1).numpy()
    settings = {"dim": 4, "size": 64, "words": 4}
    learn.train("keypoints", pixels, np.arange(len(pixels)), settings=settings).save(tmp_path)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[keypoints\]'"):
        create("keypoints", settings)
    with pytest.raises(MissingExtraError, match="OpenCV"):
        learn.load_model(tmp_path)


@pytest.mark.parametrize(("setting", "value"), [("size", 8), ("words", 0), ("words", 2.5), ("width", 32)])
def test_settings_that_cannot_be_used(setting, value):
    with pytest.raises(SettingError, match=setting if setting != "words" else "keypoints"):
        create("keypoints", {setting: value})


def test_photos_of_the_same_kind_are_found():
    if not CLOTHING.is_dir():
        pytest.skip("needs ../shared/data/clothing")
    kinds = ("dress", "pants", "shoes", "t-shirt")
    files = [(kind, file) for kind in kinds for file in sorted((CLOTHING / kind).iterdir())[:40]]
    pixels = np.stack([load(file, size=128) for _, file in files])
    labels = np.array([kinds.index(kind) for kind, _ in files])

    def precision(model, images):
        size = {"dim": 32, "size": images.shape[1]}
        embeddings = learn.train(model, images, np.arange(len(images)), settings=size).encode(images)
        likeness = embeddings @ embeddings.T
        np.fill_diagonal(likeness, -2)
        return precision_at(np.argsort(-likeness, 1)[:, :10], labels, 10)

    smaller = pixels.reshape(-1, 32, 4, 32, 4, 3).mean((2, 4)).astype(np.uint8)
    assert precision("keypoints", pixels) > precision("pixels", smaller) + 0.05
