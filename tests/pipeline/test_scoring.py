"""Scores that need no labels."""

import numpy as np
import pytest

import lookalike
from lookalike.learn.views import another_view
from lookalike.pipeline import scoring


def test_another_view_is_the_same_for_the_same_seed_and_changes_by_what_is_ignored(pictures):
    images = pictures(2)[0]
    views = another_view(images, ["flip", "crop"], seed=1)
    assert (views.shape, views.dtype) == (images.shape, np.uint8)
    assert np.array_equal(views, another_view(images, ["flip", "crop"], seed=1))
    assert not np.array_equal(views, another_view(images, ["flip", "crop"], seed=2))
    mild, strong = (np.abs(another_view(images, what).astype(int) - images).mean() for what in ([], ["color", "crop"]))
    assert 0 < mild < strong


def test_drawing_views_does_not_disturb_what_else_is_drawn(pictures):
    import torch

    torch.manual_seed(5)
    undisturbed = torch.rand(3)
    torch.manual_seed(5)
    another_view(pictures(1)[0], ["flip"])
    assert torch.equal(torch.rand(3), undisturbed)


def test_agreement_of_views_by_hand(library):
    rows, embeddings = np.arange(len(library.embeddings)), np.array(library.embeddings, float)
    views = another_view(library.pixels(rows), ["flip"])
    seen = library.averaged(library.model.encode(views)).astype(float)
    before, after = (np.linalg.norm(points[:, None] - embeddings, axis=2) for points in (embeddings, seen))
    shared = []
    for row in rows:
        nearest, again = (
            set(np.delete(rows, row)[np.delete(away[row], row).argsort()[:10]]) for away in (before, after)
        )
        shared.append(len(nearest & again) / 10)
    assert scoring.view_agreement(library, ignore=["flip"]) == pytest.approx(np.mean(shared), abs=0.01)


def test_views_agree_less_the_more_may_change(library):
    mild, strong = (scoring.view_agreement(library, ignore=what) for what in ([], ["rotation", "color", "crop"]))
    assert strong < mild <= 1
    assert scoring.view_agreement(library) == scoring.view_agreement(library, ignore=["flip", "crop", "scale"])


def test_only_some_of_many_images_are_viewed(library, monkeypatch):
    everything = scoring.view_agreement(library)
    monkeypatch.setattr(scoring, "MOST_VIEWED", 5)
    monkeypatch.setattr(scoring, "BATCH", 2)
    some = {scoring.view_agreement(library, seed=seed) for seed in range(3)}
    assert some != {everything}
    assert all(score * 50 == pytest.approx(round(score * 50)) for score in some)  # of 5 images, 10 neighbours each


def test_three_images_are_enough(draw_folder, tmp_path, quick):
    folder = draw_folder(tmp_path / "photos", n_each=1)
    few = lookalike.build(folder, tmp_path / "few.lookalike", **quick)
    assert scoring.view_agreement(few) == 1  # all others are the nearest, before and after
