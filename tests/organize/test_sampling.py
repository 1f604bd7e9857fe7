import numpy as np
import pytest

from lookalike.organize.sampling import drawn, spread


def test_a_sample_is_in_order_and_by_the_seed():
    rows = drawn(100, 20, 3)
    assert len(set(rows)) == 20
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, drawn(100, 20, 3))
    assert not np.array_equal(rows, drawn(100, 20, 4))
    assert np.array_equal(drawn(5, 20, 0), np.arange(5))


def test_each_row_goes_amid_its_nearest_placed_neighbours():
    layout = np.array([[0, 0], [8, 0], [0, 8], [100, 100]], np.float32)
    neighbors = np.array([[1, 2, 3, 0]] * 4 + [[5, 0, 1, 2]])  # row 4: of 5 nothing is known
    neighbors = np.vstack([neighbors, [4, 4, 4, 4], [3, 3, 3, 3]])
    positions = spread(layout, np.array([0, 1, 2, 6]), neighbors, 0)
    np.testing.assert_array_equal(positions[[0, 1, 2, 6]], layout)
    np.testing.assert_allclose(positions[4], [8 / 3, 8 / 3], atol=0.3)
    np.testing.assert_allclose(positions[5], positions[4], atol=0.3)  # once that had a place
    assert (positions[5] != positions[4]).all()


def test_a_chain_is_followed_to_its_end_and_strangers_go_to_somebody():
    n = 40
    neighbors = np.stack([np.maximum(np.arange(n) - 1, 0), np.arange(n)], axis=1)
    neighbors[30:] = np.arange(30, n)[:, None]
    positions = spread(np.array([[5, 5, 5], [6, 6, 6]], np.float32), np.array([0, 1]), neighbors, 1)
    np.testing.assert_allclose(positions[2:30], 6, atol=0.1)
    assert all(min(abs(row - 5).max(), abs(row - 6).max()) < 0.1 for row in positions[30:])


@pytest.mark.parametrize("block", [1, 7])
def test_blocks_change_nothing(block, monkeypatch):
    rng = np.random.default_rng(0)
    layout, neighbors = rng.normal(size=(10, 2)).astype(np.float32), rng.integers(0, 60, (60, 4))
    whole = spread(layout, np.arange(10), neighbors, 0)
    monkeypatch.setattr("lookalike.organize.sampling._BLOCK", block)
    by_parts = spread(layout, np.arange(10), neighbors, 0)
    np.testing.assert_array_equal(whole, by_parts)
