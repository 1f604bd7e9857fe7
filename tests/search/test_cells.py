import numpy as np
import pytest

from lookalike.errors import SettingError
from lookalike.search import CellIndex, Cells, ExactIndex, cells, choosing, find_neighbors, make_cells, prepare_search


def blobs(n=3000, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(12, dim))[rng.integers(0, 12, n)] + rng.normal(scale=0.5, size=(n, dim))).astype(
        np.float32
    )


def recall(found, expected):
    return np.mean([len(set(one) & set(other)) / len(other) for one, other in zip(found, expected, strict=True)])


@pytest.fixture(scope="module")
def points():
    return blobs()


@pytest.fixture(scope="module")
def made(points):
    return make_cells(points)


def test_every_row_is_in_the_cell_whose_centre_is_nearest(points, made):
    assert np.array_equal(np.sort(made.rows), np.arange(len(points)))
    assert len(made.centres) == 110  # twice the square root
    for cell in range(0, 110, 10):
        rows = made.rows[made.starts[cell] : made.starts[cell + 1]]
        away = np.linalg.norm(points[rows][:, None] - made.centres, axis=2)
        assert (away.argmin(axis=1) == cell).all()


def test_the_codes_are_the_embeddings_to_256_steps(points, made):
    low, width = made.bounds
    read_back = low + (made.codes + 0.5) / 255 * width
    assert np.abs(read_back - points[made.rows]).max() < width.max() / 200


def test_more_probes_find_more_and_all_of_them_find_what_the_exact_index_does(points, made):
    queries = blobs(200, seed=1)
    expected, true = ExactIndex(points).search(queries, 10)
    found = {probes: CellIndex(points, made, probes=probes).search(queries, 10) for probes in (1, 8, 32, 1000)}
    scores = [recall(rows, expected) for rows, _ in found.values()]
    assert scores == sorted(scores)
    assert scores[0] < 0.8
    assert scores[2] > 0.97
    np.testing.assert_array_equal(found[1000][0], expected)
    np.testing.assert_allclose(found[1000][1], true, rtol=1e-5)


def test_distances_are_true_also_between_near_duplicates(points):
    burst = np.repeat(points[:50], 4, axis=0)
    burst[1::2] += np.float32(1e-4)
    everything = np.concatenate([points, burst])
    index = CellIndex(everything, make_cells(everything), probes=16)
    rows, distances = index.search(points[:50], 5)
    true = np.linalg.norm(everything[rows].astype(float) - points[:50, None], axis=2)
    np.testing.assert_allclose(distances, true, rtol=1e-5)
    assert (distances[:, :3] == 0).all()
    np.testing.assert_array_equal(rows[:, 0], np.arange(50))  # ties by row


def test_neighbors_begin_with_itself_and_say_how_far_they_come(points, made):
    calls = []
    doubled = np.concatenate([points, points[:40]])
    index = CellIndex(doubled, make_cells(doubled), probes=24)
    rows, distances = index.neighbors(12, progress=lambda *call: calls.append(call))
    np.testing.assert_array_equal(rows[:, 0], np.arange(len(doubled)))
    assert (rows.dtype, distances.dtype) == (np.int32, np.float32)
    assert (np.diff(distances, axis=1) >= 0).all()
    assert recall(rows, ExactIndex(doubled).neighbors(12)[0]) > 0.97
    assert calls[-1] == ("index", len(doubled), len(doubled))


def test_more_matches_than_the_cells_hold_come_from_further_cells(points, made):
    rows, distances = CellIndex(points, made, probes=1).search(points[:3], 700)
    assert (np.sort(rows, axis=1)[:, 1:] > np.sort(rows, axis=1)[:, :-1]).all()
    assert np.isfinite(distances).all()
    assert CellIndex(points[:30], make_cells(points[:30]), probes=1).search(points[:2], 99)[0].shape == (2, 30)


def test_as_many_probes_as_it_takes(points, made):
    index = CellIndex(points, made)
    few, many = (cells.tune(index, enough) for enough in (0.5, 0.999))
    assert (few, many) != (1, 1)
    assert few < many
    assert index.probes > 8
    expected = ExactIndex(points).search(points, 11)[0][:, 1:]
    assert recall(index.search(points, 11)[0][:, 1:], expected) == pytest.approx(many, abs=0.01)


def test_the_seed_decides_on_the_cells(points):
    one, same, other = (make_cells(points, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.centres, other.centres)


@pytest.mark.parametrize("n", [1, 2, 9, 40])
@pytest.mark.parametrize("kind", ["different", "identical"])
def test_a_handful(n, kind):
    points = blobs(n) if kind == "different" else np.ones((n, 16), np.float32)
    index = CellIndex(points, make_cells(points), probes=1)
    assert 0 < cells.tune(index, 0.9) <= 1
    np.testing.assert_array_equal(index.neighbors(5)[0], ExactIndex(points).neighbors(5)[0])


def test_neighbours_come_from_cells_by_size(points, monkeypatch):
    (rows, _), facts, kept = find_neighbors(points, 7)
    assert (facts, kept) == ({"neighbors": 7, "neighbors_by": "exact"}, None)
    np.testing.assert_array_equal(rows, ExactIndex(points).neighbors(7)[0])
    monkeypatch.setattr(choosing, "NEIGHBORS_FROM", 1000)
    (some, _), facts, kept = find_neighbors(points, 7)
    assert (facts["neighbors_by"], len(kept.rows)) == ("cells", len(points))
    assert recall(some, rows) == pytest.approx(facts["neighbors_recall_at_10"], abs=0.02)


def test_which_index_is_decided_by_size(points, monkeypatch):
    assert prepare_search(points) == ({"kind": "exact"}, None)
    monkeypatch.setattr(choosing, "SEARCH_FROM", 1000)
    facts, made = prepare_search(points)
    assert (facts["kind"], facts["probes"] <= len(made.centres)) == ("cells", True)
    assert facts["recall_at_10"] >= choosing.NEIGHBORS_FOUND
    given = make_cells(points, seed=1)
    assert prepare_search(points, given)[1] is given


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: {"rows": made.rows + 1}, "every image once"),
        (lambda made: {"rows": -made.rows}, "every image once"),
        (lambda made: {"rows": np.where(made.rows == 3, 4, made.rows).astype(np.int32)}, "every image once"),
        (lambda made: {"rows": made.rows.astype(np.int64)}, "rows of the cells are int64"),
        (lambda made: {"starts": made.starts[::-1].copy()}, "every image once"),
        (lambda made: {"starts": np.where(made.starts == 0, -5, made.starts)}, "every image once"),
        (lambda made: {"codes": made.codes[:-1]}, "codes of the cells are uint8"),
        (lambda made: {"centres": made.centres[:, :-1]}, r"centres of the cells are float32 \(110, 15\)"),
        (lambda made: {"centres": made.centres * np.nan}, "NaN"),
        (lambda made: {"bounds": made.bounds * np.inf}, "NaN or infinity"),
        (lambda made: {"centres": made.centres[:0], "starts": made.starts[:1]}, "every image once"),
    ],
)
def test_damaged_cells_are_refused(points, made, change, message):
    with pytest.raises(SettingError, match=message):
        CellIndex(points, Cells(**{**made._asdict(), **change(made)}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.search(np.zeros((1, 3)), 1), "queries have 3 columns, the collection has 16"),
        (lambda index: index.search(np.full((1, 16), np.nan), 1), "NaN"),
        (lambda index: index.search(np.zeros((1, 16)), 0), "n is 0"),
        (lambda index: index.neighbors(0), "k is 0"),
        (lambda _: make_cells(np.zeros((0, 4))), "at least one row"),
    ],
)
def test_errors_say_what_was_expected(points, made, call, message):
    with pytest.raises(SettingError, match=message):
        call(CellIndex(points, made))


def test_senseless_bounds_and_immense_queries_end_in_valid_rows(points, made):
    senseless = made._replace(bounds=np.full_like(made.bounds, 1e30))
    rows, _ = CellIndex(points, senseless, probes=4).search(points[:3], 5)
    assert rows.shape == (3, 5)
    assert ((rows >= 0) & (rows < len(points))).all()
    rows, _ = CellIndex(points, made, probes=4).search(np.full((1, 16), 1e30, np.float32), 5)
    assert ((rows >= 0) & (rows < len(points))).all()


@pytest.mark.parametrize("probes", [0, -3])
def test_looking_at_no_cell_is_refused(points, made, probes):
    with pytest.raises(SettingError, match="probes"):
        CellIndex(points, made, probes=probes)
