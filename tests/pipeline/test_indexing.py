"""Every image's neighbours are found once and kept; what is damaged is said, and made again by a build."""

import json

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike.errors import LibraryError
from lookalike.library import LibraryFolder
from lookalike.pipeline import indexing
from lookalike.search import CellIndex, ExactIndex, choosing


@pytest.fixture
def large(tmp_path, photos, quick, monkeypatch):
    """A library that is taken for a large one."""
    monkeypatch.setattr(choosing, "NEIGHBORS_FROM", 20)
    monkeypatch.setattr(choosing, "SEARCH_FROM", 20)
    return lookalike.build(photos, tmp_path / "large.lookalike", **quick)


def file_of(library, name):
    return library.path / LibraryFolder(library.path).header["stages"]["index"]["files"][name]


def test_neighbours_are_kept_and_found_once(own, monkeypatch):
    rows, distances = ExactIndex(own.unaveraged).neighbors(91)
    monkeypatch.setattr(indexing.search, "find_neighbors", lambda *_, **__: pytest.fail("searched again"))
    opened = lookalike.open(own.path)
    np.testing.assert_array_equal(opened.neighbors[0], rows)
    np.testing.assert_array_equal(opened.neighbors[1], distances)
    assert opened.info()["stages"]["index"] == {
        "kind": "exact",
        "neighbors": 25,
        "neighbors_by": "exact",
        "averaged": True,
    }
    assert isinstance(opened.index, ExactIndex)
    assert opened.project("tsne").shape == (25, 2)
    assert opened.info()["stages"]["layout-tsne"] == {"fitted_on": 25}
    opened.evaluate()


def test_of_a_large_folder_fewer_are_kept(large, photos, quick, monkeypatch, tmp_path):
    monkeypatch.setattr(indexing, "FEWER_FROM", 20)
    monkeypatch.setattr(indexing, "FEWER_NEIGHBORS", 12)
    assert lookalike.build(photos, tmp_path / "larger.lookalike", **quick).neighbors[0].shape == (25, 12)


def test_a_large_library_is_searched_by_its_cells_and_says_so(large, library, photos):
    facts = large.info()["stages"]["index"]
    assert facts["kind"] == "cells"
    assert facts["recall_at_10"] == 1  # of 25 images all are looked at
    assert isinstance(lookalike.open(large.path).index, CellIndex)
    some, exact = (of.find(photos / "checks" / "003.png", 25) for of in (large, library))
    pd.testing.assert_frame_equal(some, exact, rtol=1e-6)
    np.testing.assert_array_equal(large.neighbors[0], library.neighbors[0])


def test_a_library_from_before_neighbours_were_kept_still_answers(own, photos):
    lookalike.build(photos, own.path, average=False)
    expected = own.refresh().evaluate(), own.neighbors[0], own.project("tsne")
    header = json.loads((own.path / "library.json").read_text())
    header["stages"]["index"].update(files={}, made_from="earlier", facts={"kind": "exact", "neighbors": 25})
    del header["stages"]["layout-tsne"]
    (own.path / "library.json").write_text(json.dumps(header))
    old = lookalike.open(own.path)
    assert old.evaluate() == expected[0]
    np.testing.assert_array_equal(old.neighbors[0], expected[1])
    np.testing.assert_array_equal(old.project("tsne"), expected[2])
    assert not LibraryFolder(own.path).holds("neighbors", "index")  # reading makes none
    assert len(old.find(photos / "checks" / "003.png")) == 10
    lookalike.build(photos, own.path)
    assert LibraryFolder(own.path).holds("neighbors", "index")


def test_who_has_a_library_open_takes_up_the_cells(large, photos):
    files = LibraryFolder(large.path)
    with files.writing():
        files.forget("index")
    opened = lookalike.open(large.path)
    assert isinstance(opened.index, ExactIndex)
    lookalike.build(photos, large.path)
    assert isinstance(opened.index, ExactIndex)
    assert isinstance(opened.refresh().index, CellIndex)


@pytest.mark.parametrize("damage", ["beyond", "negative", "short", "other numbers", "cut"])
def test_damaged_neighbours_are_said_and_made_again(own, photos, damage):
    place, before = file_of(own, "neighbors"), np.array(own.neighbors[0])
    harm = {
        "beyond": lambda rows: rows + 1,
        "negative": lambda rows: rows - 1,
        "short": lambda rows: rows[:-1],
        "other numbers": lambda rows: rows.astype(np.float32),
    }
    if damage == "cut":
        place.write_bytes(place.read_bytes()[:-40])
    else:
        np.save(place, harm[damage](before))
    with pytest.raises(LibraryError, match=r"`lookalike build` again|makes it anew") as error:
        lookalike.open(own.path).evaluate()
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(lookalike.build(photos, own.path).neighbors[0], before)


def test_damaged_cells_are_said_and_made_again(large, photos):
    expected = large.find(photos / "checks" / "003.png")
    np.save(file_of(large, "rows"), np.zeros(25, np.int32))
    with pytest.raises(LibraryError, match=r"its index is damaged \(the cells do not hold every image once\); run"):
        lookalike.open(large.path).find(photos / "checks" / "003.png")
    assert lookalike.build(photos, large.path).find(photos / "checks" / "003.png").equals(expected)
