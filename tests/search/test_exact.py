import numpy as np
import pytest

from lookalike.errors import SettingError
from lookalike.search import ExactIndex, exact


def brute(points, queries, n):
    """Every distance in double precision, sorted; ties by row."""
    points, queries = np.asarray(points, np.float64), np.asarray(queries, np.float64)
    distances = np.stack([np.linalg.norm(points - query, axis=1) for query in queries])
    indices = np.argsort(distances, axis=1, kind="stable")[:, :n]
    return indices, np.take_along_axis(distances, indices, axis=1)


def bursts(rng):
    """Five groups of 100 rows that hardly differ."""
    return np.repeat(rng.normal(size=(5, 16)), 100, axis=0) + rng.normal(scale=1e-5, size=(500, 16))


def collections():
    rng = np.random.default_rng(0)
    scattered = rng.normal(size=(500, 16)).astype(np.float32)
    far = scattered + np.float32(1000)  # squares without the digits that tell neighbours apart
    pairs = np.repeat(scattered[:100], 5, axis=0)
    pairs[::3] += rng.normal(scale=1e-5, size=pairs[::3].shape).astype(np.float32)
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)  # ties everywhere
    blank = scattered.copy()
    blank[100:300] = 0.5
    named = {"scattered": scattered, "far": far, "pairs": pairs, "grid": grid, "blank": blank, "same": grid * 0 + 0.1}
    return {**named, "bursts": bursts(rng), "far bursts": bursts(rng) + 1000}


@pytest.mark.parametrize("name", collections())
@pytest.mark.parametrize("n", [1, 7, 60])
def test_same_answer_as_every_distance_in_double_precision(name, n):
    points = collections()[name].astype(np.float32)
    queries = np.concatenate([points[::11], points[::7] + np.float32(0.01)])
    indices, distances = ExactIndex(points).search(queries, n)
    expected, true = brute(points, queries, n)
    assert indices.dtype == np.int64
    assert distances.dtype == np.float32
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, true, rtol=1e-6)


class Counting:
    """faiss's index, which keeps count of what it was asked."""

    def __init__(self, index):
        self.index, self.asked = index, []

    def search(self, queries, n):
        self.asked.append((len(queries), n))
        return self.index.search(queries, n)


def test_queries_amid_a_burst_get_more_candidates_before_every_row_is_looked_at(monkeypatch):
    rng = np.random.default_rng(2)
    scattered = rng.normal(size=(4000, 8))
    points = np.concatenate([scattered[:1] + rng.normal(scale=1e-5, size=(30, 8)), scattered]).astype(np.float32)
    index = ExactIndex(points)
    index._flat = Counting(index._flat)
    monkeypatch.setattr(exact, "_WIDE", 1 / 64)
    monkeypatch.setattr(index, "_search_all", lambda *_: pytest.fail("every row was looked at"))
    indices, _ = index.search(points[:60], 5)
    np.testing.assert_array_equal(indices, brute(points, points[:60], 5)[0])
    assert index._flat.asked == [(60, 13), (31, 52)]


def test_large_bursts_are_settled_in_blocks(monkeypatch):
    points = collections()["bursts"].astype(np.float32)
    index, blocks, rows = ExactIndex(points), [], []
    squares, distances = index._squares, index._distances
    monkeypatch.setattr(index, "_squares", lambda queries: blocks.append(len(queries)) or squares(queries))
    monkeypatch.setattr(index, "_distances", lambda query, some: rows.append(len(some)) or distances(query, some))
    index.search(points, 10)
    assert blocks == [500]
    assert len(rows) == 500
    assert max(rows) <= 12  # double precision tells the members of a burst apart


class Blurred:
    """faiss's index, with as much rounding in its squared distances as single precision may have."""

    def __init__(self, index, error):
        self.index, self.error, self.random = index, error, np.random.default_rng(0)

    def search(self, queries, n):
        squared, indices = self.index.search(queries, self.index.ntotal)
        squared = squared + self.random.uniform(-self.error, self.error, squared.shape)
        order = np.argsort(squared, axis=1)[:, :n]
        return np.take_along_axis(squared, order, axis=1), np.take_along_axis(indices, order, axis=1)


def test_digits_that_faiss_loses_are_found_again():
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(scale=1e-3, size=(100, 4)), rng.normal(scale=50, size=(50, 4))]).astype(np.float32)
    index = ExactIndex(points)
    expected, _ = brute(points, points[:100], 10)
    blurred = Blurred(index._flat, index._rounding(np.zeros(1)).item() / 2)
    assert (blurred.search(index._centred(points[:100]), 10)[1] != expected).mean() > 0.3
    index._flat = blurred
    np.testing.assert_array_equal(index.search(points[:100], 10)[0], expected)


@pytest.mark.parametrize("name", collections())
def test_neighbors_begin_with_itself(name):
    points = collections()[name].astype(np.float32)
    indices, distances = ExactIndex(points).neighbors(9)
    np.testing.assert_array_equal(indices[:, 0], np.arange(len(points)))
    np.testing.assert_array_equal(distances[:, 0], 0)
    assert all(len(set(row)) == 9 for row in indices)
    _, true = brute(points, points, 9)
    np.testing.assert_allclose(distances, true, rtol=1e-6)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_the_rest_of_the_duplicates_follow_in_order():
    indices, _ = ExactIndex(np.zeros((6, 2), np.float32)).neighbors(4)
    assert indices.tolist()[:2] == [[0, 1, 2, 3], [1, 0, 2, 3]]
    assert indices.tolist()[5] == [5, 0, 1, 2]


def test_identical_rows_are_at_distance_zero():
    points = collections()["far"]
    _, distances = ExactIndex(points).search(points, 1)
    assert (distances == 0).all()


def test_n_is_cut_to_the_collection():
    points = collections()["scattered"][:5]
    indices, distances = ExactIndex(points).search(points[:2], 50)
    assert indices.shape == distances.shape == (2, 5)
    assert ExactIndex(points).neighbors(50)[0].shape == (5, 5)
    assert ExactIndex(points[:1]).search(points, 3)[0].tolist() == [[0]] * 5


def test_blocks_change_nothing(monkeypatch):
    points = collections()["blank"]
    expected = ExactIndex(points).neighbors(12)
    monkeypatch.setattr(exact, "_BLOCK_BYTES", 4000)
    found = ExactIndex(points).neighbors(12)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_no_queries_give_no_rows():
    indices, distances = ExactIndex(collections()["scattered"]).search(np.empty((0, 16), np.float32), 3)
    assert indices.shape == distances.shape == (0, 3)


def test_numbers_too_large_for_faiss_are_still_searched():
    points = np.array([[0.0], [1e25], [3e25], [3.5e25]], np.float32)
    assert ExactIndex(points).search([[3.2e25]], 4)[0].tolist() == [[2, 3, 1, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.search(np.zeros((1, 3)), 1), "queries have 3 columns, the collection has 2"),
        (lambda index: index.search(np.zeros(2), 1), "shape"),
        (lambda index: index.search([[np.nan, 0]], 1), "NaN"),
        (lambda index: index.search([[0, 0]], 0), "n is 0"),
        (lambda index: index.neighbors(0), "k is 0"),
        (lambda _: ExactIndex([[np.inf, 0]]), "embeddings hold NaN or infinity"),
        (lambda _: ExactIndex(np.zeros((0, 4))), "at least one row"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(SettingError, match=message):
        call(ExactIndex(np.zeros((3, 2), np.float32)))
