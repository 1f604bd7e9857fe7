"""The map and the layouts side by side."""

import numpy as np
import pytest

from lookalike.errors import SettingError
from lookalike.images import decode
from lookalike.show import draw_comparison, draw_map
from lookalike.show.palette import CLUSTER_COLOURS, NO_CLUSTER, PAPER, colour, rgb
from lookalike.show.placing import FEW, by_typicality, cell_side, fitted, mosaic
from lookalike.show.plots import square_map, trimmed
from lookalike.show.sheet import resized


def linear(colours):
    values = np.array([[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in colours]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.fixture(scope="module")
def map_png(library):
    return square_map(library, 600)


def test_the_map_has_no_empty_paper_around_it(library, map_png, tmp_path):
    assert draw_map(library, tmp_path / "map.png", size=600) == tmp_path / "map.png"
    drawn = decode((tmp_path / "map.png").read_bytes())
    inked = (map_png != PAPER).any(-1)
    (top, bottom), (left, right) = (np.flatnonzero(inked.any(axis))[[0, -1]] for axis in (1, 0))
    assert max(drawn.shape[:2]) <= 600
    np.testing.assert_array_equal(drawn, map_png[max(0, top - 18) : bottom + 19, max(0, left - 18) : right + 19])
    assert 0.05 < (drawn != PAPER).any(-1).mean() < 0.9


def test_a_map_of_bare_paper_stays():
    paper = np.full((20, 30, 3), PAPER, np.uint8)
    np.testing.assert_array_equal(trimmed(paper, 2), paper)


def test_thumbnails_lie_at_their_places_in_frames_of_their_cluster(library, map_png):
    places = fitted(np.array(library.layout), 600, margin=33, stretch=1.4)
    shown = mosaic(places, by_typicality(library), 600)
    edge = round(shown.cell / 24)
    side, offset = shown.cell - 2 * edge - 1, (600 - 600 // shown.cell * shown.cell) / 2
    exact = 0
    for row, cell in zip(shown.rows, shown.cells, strict=True):
        thumbnail = resized(library.thumbnail(int(row)), side)
        height, width = thumbnail.shape[:2]
        left, top = np.round(offset + (cell + 0.5) * shown.cell - np.array([width, height]) / 2).astype(int)
        found = map_png[top : top + height, left : left + width]
        framed = (map_png[top - 1, left : left + width] == rgb(int(library.clusters[row]))).all()
        exact += np.array_equal(found, thumbnail) and framed
    assert exact >= len(shown.rows) * 0.6  # names of clusters lie on some


def test_every_image_of_a_small_folder_is_shown(library):
    places = fitted(np.array(library.layout), 600, margin=33)
    shown = mosaic(places, by_typicality(library), 600)
    assert len(shown.rows) > 0.8 * len(library.clusters)
    assert len(np.unique(shown.cells, axis=0)) == len(shown.cells)


def test_in_a_crowd_each_cell_shows_the_first_in_order_where_it_lies():
    places = np.random.default_rng(0).normal(1000, 250, (30_000, 2)).clip(0, 1999)
    order = np.random.default_rng(1).permutation(len(places))
    shown = mosaic(places, order, 2000)
    assert len(places) > FEW
    rank = np.argsort(order)
    offset = (2000 - 2000 // shown.cell * shown.cell) / 2
    lines = 2000 // shown.cell
    cells = np.clip((places - offset) // shown.cell, 0, lines - 1).astype(int)
    for row, cell in zip(shown.rows, shown.cells, strict=True):
        inside = (cells == cell).all(1)
        assert rank[row] == rank[inside].min()
    assert len(shown.rows) == len(np.unique(cells, axis=0))


def test_typical_images_come_first_and_those_of_no_cluster_last(library):
    order, typical = by_typicality(library), library.typical(1)
    assert set(order[: len(typical)]) == {int(rows[0]) for rows in typical.values()}
    assert sorted(order) == list(range(len(library.clusters)))


def test_cells_shrink_with_the_number_of_images_down_to_a_bound():
    sides = [cell_side(n, 2000) for n in (10, 300, 2_000, 50_000, 1_000_000)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] == round(2000 / 13)
    assert sides[-1] == round(2000 / 44)


def test_fitting_keeps_proportions_unless_told_to_stretch():
    layout = np.array([[0, 0], [10, 0], [10, 4.0]])
    kept, stretched = fitted(layout, 100, 0), fitted(layout, 100, 0, stretch=1.5)
    assert np.ptp(kept, axis=0).tolist() == [100, 40]
    assert np.ptp(stretched, axis=0).tolist() == [100, 60]
    assert kept[2, 1] < kept[1, 1]  # the y axis of a layout points up


def test_a_layout_of_one_place_lies_in_the_middle():
    assert fitted(np.full((3, 2), 7.0), 100, 10).tolist() == [[50, 50]] * 3


def test_the_comparison_has_a_panel_for_each_layout_and_a_row_for_labels(library, tmp_path):
    one = draw_comparison(library, tmp_path / "one.png", ["pca"])
    two = draw_comparison(library, tmp_path / "two.png", ["pca", "tsne"])
    one, two = decode(one.read_bytes()), decode(two.read_bytes())
    assert two.shape[1] - one.shape[1] == 840
    middle = one.shape[0] // 2
    for half in (one[:middle], one[middle:]):  # coloured by clusters, coloured by labels
        assert (half != PAPER).any(-1).mean() > 0.005
    assert not np.array_equal(two[:, 40:840], two[:, 880:1680])


def test_a_comparison_of_nothing_is_an_error(library, tmp_path):
    with pytest.raises(SettingError, match="projections"):
        draw_comparison(library, tmp_path / "c.png", [])


@pytest.mark.parametrize("size", [0, 199, 20_001])
def test_sizes_that_make_no_sense_are_refused(library, tmp_path, size):
    with pytest.raises(SettingError, match=f"size={size}"):
        draw_map(library, tmp_path / "map.png", size=size)


def test_colours_differ_stand_out_and_grey_is_none():
    assert len(set(CLUSTER_COLOURS)) == 50
    luminance = linear(CLUSTER_COLOURS) @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 2.2  # against a white page
    assert ((luminance + 0.05) / 0.0586).min() > 2.5  # against a dark one, #15171a
    assert colour(-1) == NO_CLUSTER
    assert colour(50) == colour(0) != colour(1)


def test_the_first_colours_differ_for_people_who_see_no_red_or_no_green():
    for rows in (
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ):
        seen = np.clip(linear(CLUSTER_COLOURS[:8]) @ np.array(rows).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[np.triu_indices(8, 1)]
        assert apart.min() > 0.1


def test_resizing_keeps_proportions_means_and_edges():
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    smaller = resized(picture, 64)
    assert smaller.shape == (48, 64, 3)
    assert np.abs(smaller.mean((0, 1)) - picture.mean((0, 1))).max() < 2
    assert (resized(np.full((3, 200, 3), 9, np.uint8), 20) == 9).all()
    assert resized(picture[:1], 16).shape == (1, 16, 3)
    assert resized(picture, 256).shape == (192, 256, 3)
    steps = resized(np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 4)[None, :, None].repeat(3, 2), 25)
    assert (np.diff(steps[0, :, 0].astype(int)) > 0).all()
