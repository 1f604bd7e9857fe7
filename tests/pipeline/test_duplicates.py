"""Duplicates and outliers of a library: in groups, the one to keep first; the folder stays as it is."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.errors import LibraryError, MissingExtraError, SettingError
from lookalike.images import decode, write_image
from lookalike.library import LibraryFolder

COLUMNS = ["group", "kind", "file_name", "distance", "width", "height", "bytes"]


@pytest.fixture(scope="module")
def copied(tmp_path_factory, draw_folder, quick):
    """The library of 24 pictures, of which one is there as it is once more, and one twice as large and brighter."""
    folder = draw_folder(tmp_path_factory.mktemp("copied") / "photos")
    data = (folder / "discs" / "000.png").read_bytes()
    (folder / "discs" / "copy.png").write_bytes(data)
    pixels = decode((folder / "checks" / "001.png").read_bytes())
    write_image(pixels.repeat(2, 0).repeat(2, 1), folder / "checks" / "large.png")
    write_image(np.minimum(pixels, 253) + 2, folder / "checks" / "brighter.png")
    return lookalike.build(folder, folder.parent / "photos.lookalike", **quick)


def groups(found):
    return {of["file_name"].iloc[0]: (kind, [*of["file_name"]]) for (_, kind), of in found.groupby(["group", "kind"])}


def test_exact_and_near_duplicates_the_one_to_keep_first(copied):
    found = copied.duplicates(0.03)
    assert list(found) == COLUMNS
    near = ["checks/large.png", *sorted(["checks/001.png", "checks/brighter.png"])]
    first, second = groups(found).values()
    assert (first[0], first[1][0], sorted(first[1][1:])) == ("near", near[0], near[1:])
    assert second == ("exact", ["discs/000.png", "discs/copy.png"])
    assert found["group"].tolist() == [1, 1, 1, 2, 2]
    assert found[["width", "height"]].to_numpy()[0].tolist() == [104, 80]
    sizes = {name: path.stat().st_size for name, path in zip(copied.file_names, copied.paths, strict=True)}
    assert found["bytes"].tolist() == [sizes[name] for name in found["file_name"]]


def test_of_equally_large_ones_no_gif_is_kept_and_of_equal_files_the_oldest(tmp_path, pictures, quick):
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 30, (64, 64, 3))
    write_image((pictures(1, size=64)[0][0] // 2 + noise).astype(np.uint8), folder / "b.jpg")
    Image.open(folder / "b.jpg").quantize(256).save(folder / "a.gif")
    assert (folder / "a.gif").stat().st_size > (folder / "b.jpg").stat().st_size
    for name, time in (("b (1).jpg", 10**9), ("c.jpg", 10**9), ("a.jpg", 2 * 10**9)):
        (folder / name).write_bytes((folder / "b.jpg").read_bytes())
        os.utime(folder / name, (time, time))
    built = lookalike.build(folder, tmp_path / "a.lookalike", **quick)
    exact = built.duplicates(exact=True)["file_name"].tolist()
    assert exact[0] == "c.jpg", "one of the two oldest, the one with the shorter name"
    assert sorted(exact) == ["a.jpg", "b (1).jpg", "b.jpg", "c.jpg"]
    near = built.duplicates(2)["file_name"].tolist()
    assert (near[0], set(near)) == ("c.jpg", {*exact, "a.gif"})


def test_the_distance_is_that_to_the_first_of_the_group(copied):
    found, unaveraged = copied.duplicates(0.5), copied.unaveraged
    for _, of in found.groupby("group"):
        rows = [copied.row(name) for name in of["file_name"]]
        expected = np.linalg.norm(unaveraged[rows] - unaveraged[rows[0]], axis=1)
        np.testing.assert_allclose(of["distance"], expected, atol=1e-5)
        assert of["distance"].is_monotonic_increasing
        assert of["distance"].max() <= 2 * 0.5
    assert found["file_name"].is_unique
    assert len(found) > len(copied.duplicates(0.03))


def test_what_is_not_told_is_cautious(copied):
    assert copied.duplicates().equals(copied.duplicates(0.5))  # 27 images are few, and have no 50th neighbour


def test_exact_ones_need_no_embeddings(copied, draw_folder, tmp_path):
    only = copied.duplicates(exact=True)
    assert only["file_name"].tolist() == ["discs/000.png", "discs/copy.png"]
    assert only["distance"].tolist() == [0, 0]
    empty = LibraryFolder.create(tmp_path / "a.lookalike", draw_folder(tmp_path / "photos", n_each=1)).path
    with pytest.raises(LibraryError):
        lookalike.open(empty).duplicates(exact=True)


@pytest.mark.parametrize("wrong", [{"within": -1}, {"within": 3}, {"within": float("nan")}])
def test_what_is_no_distance_is_refused(copied, wrong):
    with pytest.raises(SettingError, match="within="):
        copied.duplicates(**wrong)


@pytest.mark.parametrize("wrong", [{"within": 0.2}, {"verify": True}])
def test_exact_ones_have_no_distance(copied, wrong):
    with pytest.raises(SettingError, match="exact leaves out"):
        copied.duplicates(exact=True, **wrong)


def test_verifying_leaves_out_what_shares_no_features(tmp_path, scene, quick):
    pytest.importorskip("cv2", reason="needs the extra keypoints")
    (tmp_path / "photos").mkdir()
    for number in range(4):
        write_image(scene(number), tmp_path / "photos" / f"{number}.png")
        write_image(scene(number)[:, ::-1][8:-8, 8:-8], tmp_path / "photos" / f"{number}-cut.png")
    (tmp_path / "photos" / "0-copy.png").write_bytes((tmp_path / "photos" / "0.png").read_bytes())
    made = lookalike.build(tmp_path / "photos", tmp_path / "a.lookalike", **quick)
    (_, everything), *others = groups(made.duplicates(2)).values()
    assert (len(everything), others) == (9, [])
    ((kind, group),) = groups(made.duplicates(2, verify=True)).values()
    number = group[0][0]
    assert (kind, set(group)) == ("near", {name for name in everything if name.startswith(number)})


def test_verifying_needs_opencv(copied, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match="keypoints"):
        copied.duplicates(verify=True)


def test_outliers_are_far_from_their_ten_nearest(copied):
    found, distances = copied.outliers(5), copied.neighbors[1]
    assert list(found) == ["rank", "file_name", "distance"]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    far = distances[:, 1:11].mean(1)
    np.testing.assert_allclose(found["distance"], np.sort(far)[::-1][:5], rtol=1e-6)
    assert found["file_name"][0] == copied.file_names[far.argmax()]
    assert len(copied.outliers(1000)) == len(copied.file_names)
    with pytest.raises(SettingError, match="n=0"):
        copied.outliers(0)


def test_a_single_image_and_images_that_are_all_the_same(tmp_path, pictures, quick):
    folder = tmp_path / "photos"
    folder.mkdir()
    write_image(pictures(1)[0][0], folder / "a.png")
    one = lookalike.build(folder, tmp_path / "one.lookalike", **quick)
    assert (len(one.duplicates()), len(one.outliers())) == (0, 0)
    for name in "bcd":
        (folder / f"{name}.png").write_bytes((folder / "a.png").read_bytes())
    same = lookalike.build(folder, tmp_path / "same.lookalike", **quick)
    assert groups(same.duplicates()) == {"a.png": ("exact", ["a.png", "b.png", "c.png", "d.png"])}
    assert same.outliers()["distance"].tolist() == [0, 0, 0, 0]


def test_the_folder_and_the_library_stay_as_they_are(copied, snapshot):
    before = snapshot(copied.folder), snapshot(copied.path)
    copied.duplicates()
    copied.outliers()
    assert (snapshot(copied.folder), snapshot(copied.path)) == before
