"""Matches that show the same thing from another place come first; without the check nothing changes."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike.errors import ImageError, MissingExtraError, SettingError
from lookalike.images import write_image
from lookalike.pipeline import verifying

pytest.importorskip("cv2", reason="needs the extra keypoints")


@pytest.fixture
def folder(tmp_path, scene):
    """Twelve scenes, copies of the first two (a crop, turned; a mirrored one), and a flat picture."""
    place = tmp_path / "scenes"
    place.mkdir()
    for seed in range(12):
        write_image(scene(seed), place / f"{seed:02d}.png")
    write_image(np.ascontiguousarray(np.rot90(scene(0)[20:200, 60:240])), place / "turned.png")
    write_image(np.ascontiguousarray(scene(1)[40:, 200::-1]), place / "mirrored.png")
    write_image(np.full((80, 80, 3), 200, np.uint8), place / "flat.png")
    return place


@pytest.fixture
def library(folder, tmp_path, quick):
    return lookalike.build(folder, tmp_path / "scenes.lookalike", **{**quick, "n_clusters": 2})


@pytest.mark.parametrize(("query", "copy"), [("00.png", "turned.png"), ("01.png", "mirrored.png")])
def test_a_copy_that_the_embedding_does_not_see_comes_first(library, folder, query, copy):
    before = library.find(folder / query, 15)
    after = library.find(folder / query, 15, verify=True)
    assert list(before["file_name"]).index(copy) > 1
    assert list(after["file_name"][:2]) == [query, copy]
    assert (after["inliers"][1] >= verifying.ENOUGH) & (after["inliers"][2:] < verifying.ENOUGH).all()
    assert after["distance"][2:].is_monotonic_increasing
    assert set(after["compared"]) == {"original"}
    assert list(after["rank"]) == list(range(1, 16))
    matched = before.set_index("file_name").drop(columns="rank")
    pd.testing.assert_frame_equal(
        after.set_index("file_name")[["distance", "cluster"]], matched.loc[after["file_name"]]
    )
    pd.testing.assert_frame_equal(library.find(folder / query, 15, verify=True), after)


def test_without_the_check_nothing_changes(library, folder):
    before = library.find(folder / "00.png", 15)
    assert list(before.columns) == ["rank", "file_name", "distance", "cluster"]
    assert before["distance"].is_monotonic_increasing


def test_the_copy_is_found_beyond_what_is_asked_for(library, folder):
    assert list(library.find(folder / "00.png", 2, verify=True)["file_name"]) == ["00.png", "turned.png"]


def test_every_kind_of_query_gives_the_same(library, folder, monkeypatch, scene):
    data = (folder / "turned.png").read_bytes()
    wanted = library.find(folder / "turned.png", 4, verify=True)
    for query in (data, io.BytesIO(data), np.ascontiguousarray(np.rot90(scene(0)[20:200, 60:240]))):
        found = library.find(query, 4, verify=True)
        pd.testing.assert_frame_equal(found, wanted, atol=2e-3)
    monkeypatch.chdir(folder.parent)
    pd.testing.assert_frame_equal(library.find("turned.png", 4, verify=True), wanted)  # an image's name


def test_only_the_first_are_compared(library, folder, monkeypatch):
    monkeypatch.setattr(verifying, "FIRST", 3)
    found = library.find(folder / "00.png", 15, verify=True)
    assert list(found["compared"]) == ["original"] * 3 + ["none"] * 12
    assert list(found["inliers"][3:]) == [verifying.NOT_COMPARED] * 12


def test_originals_that_are_gone_or_changed_are_compared_by_their_thumbnails(library, folder, scene):
    (folder / "turned.png").unlink()
    write_image(scene(77), folder / "03.png")
    (folder / "04.png").write_bytes(b"no picture")
    (folder / "05.png").touch()  # a newer date is no change
    found = library.find(scene(0), 15, verify=True)
    assert list(found["file_name"][:2]) == ["00.png", "turned.png"]
    compared = dict(zip(found["file_name"], found["compared"], strict=True))
    assert {name for name, what in compared.items() if what == "thumbnail"} == {"turned.png", "03.png", "04.png"}
    assert set(compared.values()) == {"original", "thumbnail"}


def test_a_library_alone_verifies_too(library, folder):
    folder.rename(folder.with_name("elsewhere"))
    found = library.find("00.png", 15, verify=True)
    assert list(found["file_name"][:2]) == ["00.png", "turned.png"]
    assert set(found["compared"]) == {"thumbnail"}


def test_matches_without_any_picture_keep_their_place(library, folder):
    before = library.find("00.png", 15)
    (folder / "turned.png").unlink()
    for thumbnails in (library._files.working / "thumbnails").iterdir():
        thumbnails.unlink()
    opened = lookalike.open(library.path)
    found = opened.find(folder / "00.png", 15, verify=True)
    assert list(found["file_name"]) == list(before["file_name"])
    lost = found[found["file_name"] == "turned.png"]
    assert (lost["compared"].item(), lost["inliers"].item()) == ("none", verifying.NOT_COMPARED)
    with pytest.raises(ImageError, match=r"turned\.png: neither its file nor its thumbnail"):
        opened.find("turned.png", verify=True)


def test_a_flat_query_leaves_the_order_as_it_is(library, folder):
    before, after = (library.find(folder / "flat.png", 15, verify=verify) for verify in (False, True))
    pd.testing.assert_frame_equal(after[before.columns], before)
    assert (after["inliers"] == 0).all()


def test_several_queries_tell_how_far_they_are(library, folder):
    told = []
    queries = [folder / "00.png", folder / "01.png"]
    found = library.find(queries, 3, verify=True, progress=lambda *step: told.append(step))
    assert told == [("verify", 0, 2), ("verify", 1, 2)]
    assert list(found.columns) == ["query", "rank", "file_name", "distance", "cluster", "inliers", "compared"]
    for number, query in enumerate(queries):
        alone = library.find(query, 3, verify=True)
        assert list(found["file_name"][found["query"] == number]) == list(alone["file_name"])


def test_what_cannot_be(library, folder, monkeypatch):
    with pytest.raises(SettingError, match="n is 0"):
        library.find(folder / "00.png", 0, verify=True)
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        library.find("nowhere.png", verify=True)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[keypoints\]'"):
        library.find(folder / "00.png", verify=True)
    assert len(library.find(folder / "00.png", 3)) == 3
