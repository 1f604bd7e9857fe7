import numpy as np
import pytest

from lookalike.errors import SettingError
from lookalike.organize import grid


def islands(n, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-50, 50, (9, 2))
    return np.concatenate([rng.normal(centre, 3, (n // 9 + 1, 2)) for centre in centres])[:n]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 1001])
def test_every_image_has_a_cell_of_its_own_and_the_grid_is_full(n):
    found = grid(islands(n))
    assert found.shape == (n, 2)
    assert found.dtype == np.float32
    assert len(np.unique(found, axis=0)) == n
    width, height = np.ptp(found, axis=0) + 1
    assert width * height < n + max(width, height)


def test_neighbours_stay_neighbours():
    places = islands(900)
    found = grid(places)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(900) * 1e9
    nearest = apart.argmin(1)
    there = np.linalg.norm(found - found[nearest], axis=1)
    by_chance = np.linalg.norm(found - np.random.default_rng(0).permutation(found), axis=1)
    assert np.median(there) <= 2 < np.median(by_chance)
    assert np.corrcoef(places[:, 0], found[:, 0])[0, 1] > 0.7
    assert np.corrcoef(places[:, 1], found[:, 1])[0, 1] > 0.7


def test_images_in_one_place_share_no_cell():
    assert len(np.unique(grid(np.zeros((50, 2))), axis=0)) == 50


@pytest.mark.parametrize("wrong", [np.zeros((4, 3)), np.zeros((0, 2)), np.full((3, 2), np.nan), np.zeros(4)])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(SettingError, match="layout is"):
        grid(wrong)
