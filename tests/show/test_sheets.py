"""Contact sheets."""

import numpy as np
import pytest

from lookalike.errors import ImageError, SettingError
from lookalike.images import decode
from lookalike.show import (
    draw_clusters,
    draw_duplicates,
    draw_matches,
    draw_outliers,
    draw_pictures,
    draw_reconstructions,
)
from lookalike.show.palette import rgb
from lookalike.show.sheet import Sheet, resized
from lookalike.show.sheets import GAP, LEGEND, MARGIN, SIDE


def opened(path):
    return decode(path.read_bytes())


def holds(sheet, picture, left, top):
    """Whether a picture lies, resized and centred, in the cell at left, top."""
    picture = resized(picture, SIDE)
    height, width = picture.shape[:2]
    x, y = left + (SIDE - width) // 2, top + (SIDE - height) // 2
    return np.array_equal(sheet[y : y + height, x : x + width], picture)


def test_matches_follow_their_query_nearest_first(library, tmp_path):
    queries = [library.paths[0], library.paths[20].read_bytes()]
    found = library.find(queries, 3)
    sheet = opened(draw_matches(library, queries, found, tmp_path / "sheet.png"))
    for number in (0, 1):
        top = MARGIN + number * (SIDE + 64)
        for match in found[found["query"] == number].itertuples():
            left = MARGIN + GAP + match.rank * (SIDE + GAP)
            assert holds(sheet, library.thumbnail(library.row(match.file_name)), left, top)
            caption = sheet[top + SIDE + 6 : top + SIDE + 40, left : left + SIDE]
            assert (caption < 128).any()
            assert (sheet[top : top + SIDE, left - 3 : left + SIDE] == rgb(match.cluster)).all(-1).any()


def test_one_query_needs_no_list_of_numbers(library, tmp_path):
    found = library.find(library.paths[5], 4)
    sheet = opened(draw_matches(library, [library.paths[5]], found, tmp_path / "sheet.png"))
    assert sheet.shape == (2 * MARGIN + SIDE + 64 - GAP, 2 * MARGIN + 5 * (SIDE + GAP) + GAP, 3)


def test_matches_of_other_queries_are_refused(library, tmp_path):
    found = library.find([library.paths[0], library.paths[1]], 2)
    with pytest.raises(SettingError, match="2 queries"):
        draw_matches(library, [library.paths[0]], found, tmp_path / "sheet.png")


def test_a_query_that_is_no_picture_is_named(library, tmp_path):
    found = library.find(library.paths[0], 2)
    (tmp_path / "no.jpg").write_bytes(b"no")
    with pytest.raises(ImageError, match=r"no\.jpg"):
        draw_matches(library, [tmp_path / "no.jpg"], found, tmp_path / "sheet.png")


def test_each_cluster_is_a_row_of_its_most_typical_images(library, tmp_path):
    sheet = opened(draw_clusters(library, tmp_path / "clusters.png", n=5))
    for line, (number, rows) in enumerate(library.typical(5).items()):
        top = MARGIN + line * (SIDE + GAP)
        assert (sheet[top : top + SIDE, MARGIN] == rgb(number)).all()
        assert (sheet[top : top + SIDE, MARGIN + 20 : MARGIN + 150] < 128).any()  # name and size
        for column, row in enumerate(rows):
            assert holds(sheet, library.thumbnail(int(row)), MARGIN + 240 + column * (SIDE + GAP), top)


def test_reconstructions_lie_below_their_originals(library, tmp_path):
    seen, made = library.reconstruct(library.paths[:3])
    sheet = opened(draw_reconstructions(library, seen, made, tmp_path / "r.png"))
    for column in range(3):
        left = MARGIN + LEGEND + column * (SIDE + GAP)
        assert holds(sheet, seen[column], left, MARGIN)
        assert holds(sheet, made[column], left, MARGIN + SIDE + GAP // 2)


def test_a_walk_is_one_row_and_samples_are_a_square(library, tmp_path):
    walk = library.between(library.paths[0], library.paths[30], 5)
    sheet = opened(draw_pictures(library, walk, tmp_path / "walk.png", columns=5))
    assert sheet.shape == (2 * MARGIN + SIDE, 2 * MARGIN + 5 * (SIDE + GAP) - GAP, 3)
    assert all(holds(sheet, frame, MARGIN + i * (SIDE + GAP), MARGIN) for i, frame in enumerate(walk))
    samples = opened(draw_pictures(library, library.sample(9), tmp_path / "samples.png"))
    assert samples.shape[0] == samples.shape[1] == 2 * MARGIN + 3 * (SIDE + GAP) - GAP


@pytest.mark.parametrize(
    ("pictures", "columns"), [(np.zeros((0, 8, 8, 3), np.uint8), None), (np.zeros((2, 8, 8, 3), np.uint8), 0)]
)
def test_no_pictures_and_no_columns_are_refused(library, tmp_path, pictures, columns):
    with pytest.raises(SettingError, match="at least"):
        draw_pictures(library, pictures, tmp_path / "p.png", columns=columns)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_the_ending_says_what_is_written(library, tmp_path, ending):
    path = draw_clusters(library, tmp_path / f"clusters{ending}", n=2)
    assert path.read_bytes()[:4] == {".png": b"\x89PNG", ".jpg": b"\xff\xd8\xff\xe0", ".webp": b"RIFF"}[ending]


def test_nothing_is_drawn_into_the_folder_or_the_library_or_nowhere(library, tmp_path):
    (tmp_path / "link").symlink_to(library.folder)
    for place in (library.folder, library.folder / "red", library.path, tmp_path / "link", tmp_path / "missing"):
        with pytest.raises(SettingError, match="choose another"):
            draw_clusters(library, place / "clusters.png")
    with pytest.raises(SettingError, match=r"\.gif"):
        draw_clusters(library, tmp_path / "clusters.gif")
    assert not list(library.folder.rglob("clusters*"))


def test_text_is_drawn_as_it_stands_and_shortened_in_its_middle():
    def drawn(text):
        sheet = Sheet(300, 40)
        sheet.text(text, 5, 25, size=16)
        return sheet.pixels()

    assert not np.array_equal(drawn("a$x_1$b"), drawn("ax1b"))  # no formulas in file names
    assert not np.array_equal(drawn("Осень"), drawn("□□□□□"))
    sheet = Sheet(300, 40)
    short = sheet.shortened("a-long-name-of-a-file-that-does-not-fit.jpeg", 100, 14)
    assert sheet.width_of(short, 14) <= 100
    assert short.startswith("a-")
    assert short.endswith("eg")
    assert "…" in short
    assert sheet.shortened("fits.jpg", 100, 14) == "fits.jpg"


def test_pictures_beyond_the_edge_are_cut_and_lie_on_dots():
    sheet = Sheet(60, 40)
    sheet.dots(np.array([[30.0, 20.0]]), ["#ff0000"], 30)
    assert (sheet.pixels()[20, 30] == (255, 0, 0)).all()
    sheet.place(np.full((20, 20, 3), 7, np.uint8), 50, -10)
    sheet.place(np.full((4, 4, 3), 9, np.uint8), 28, 18)
    drawn = sheet.pixels()
    assert (drawn[:10, 50:] == 7).all()
    assert (drawn[18:22, 28:32] == 9).all()
    assert (drawn[20, 24] == (255, 0, 0)).all()


def test_duplicates_are_a_line_for_each_group_the_one_to_keep_first(library, tmp_path):
    found = library.duplicates(0.4)
    sizes = found.groupby("group").size()
    assert len(sizes) > 1
    sheet = opened(draw_duplicates(library, found, tmp_path / "groups.png"))
    width = min(12, sizes.max()) * (SIDE + GAP)
    assert sheet.shape == (2 * MARGIN + len(sizes) * (SIDE + 64) - GAP, 2 * MARGIN + width - GAP, 3)
    for line, (_, group) in enumerate(found.groupby("group")):
        for column, name in enumerate(group["file_name"][:12]):
            thumbnail = library.thumbnail(library.row(name))
            assert holds(sheet, thumbnail, MARGIN + column * (SIDE + GAP), MARGIN + line * (SIDE + 64))


def test_outliers_lie_row_by_row_the_strangest_first(library, tmp_path):
    found = library.outliers(5)
    sheet = opened(draw_outliers(library, found, tmp_path / "outliers.png"))
    for number, name in enumerate(found["file_name"]):
        left, top = MARGIN + number % 3 * (SIDE + GAP), MARGIN + number // 3 * (SIDE + 64)
        assert holds(sheet, library.thumbnail(library.row(name)), left, top)
        assert (sheet[top + SIDE + 6 : top + SIDE + 40, left : left + SIDE] < 128).any()


def test_nothing_found_is_nothing_to_draw(library, tmp_path):
    for draw, found in ((draw_duplicates, library.duplicates(0.4)), (draw_outliers, library.outliers())):
        with pytest.raises(SettingError, match="to draw"):
            draw(library, found.head(0), tmp_path / "none.png")
        with pytest.raises(SettingError, match="never touched"):
            draw(library, found, library.folder / "sheet.png")
