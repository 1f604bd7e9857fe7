"""The whole way from a folder to a library: what it makes, what it leaves alone, what it does again."""

import json
import os
import shutil
from dataclasses import fields

import numpy as np
import pytest

import lookalike
from lookalike.errors import FolderError, LibraryBusyError, LibraryError, SettingError
from lookalike.images import write_image
from lookalike.library import LibraryFolder
from lookalike.pipeline import Settings
from lookalike.pipeline.building import library_path

STAGES = {"images", "model", "embeddings", "index", "map", "clusters"}


def records(library):
    """Of each stage its files and what it is made from."""
    header = json.loads((library.path / "library.json").read_text())
    return {stage: (record["made_from"], record["files"]) for stage, record in header["stages"].items()}


def redone(before, after):
    return {stage for stage in after if before.get(stage) != after[stage]}


def test_every_file_is_a_row_or_skipped_with_a_reason(library, photos):
    assert set(library.skipped["file_name"]) == {"broken.jpg", "empty.png", "stripes/cut.png"}
    assert library.skipped["reason"].str.len().min() > 5
    assert len(library.images) == 25
    assert "discs/größe №1 'of' \"all\" 猫.png" in set(library.images["file_name"])
    facts = library.info()["stages"]["images"]
    files = sum(path.is_file() for path in photos.rglob("*"))
    assert facts["images"] + facts["skipped"] + facts["other_files"] == files
    assert (facts["images"], facts["skipped"], facts["other_files"]) == (25, 3, 1)


def test_the_summary_adds_up(library):
    summary = library.summary()
    assert summary.keys() == {"library", "images", "skipped", "model", "clusters", "seconds"}
    assert (summary["images"], summary["skipped"], summary["model"], summary["clusters"]) == (25, 3, "pixels", 4)
    seconds = dict(summary["seconds"])
    assert seconds.keys() == {"scan", "decode", "train", "embed", "project", "cluster", "index", "total"}
    assert seconds.pop("total") == pytest.approx(sum(seconds.values()), abs=0.01)


def test_progress_names_the_stages_in_their_order(tmp_path, photos, quick):
    told = []
    settings = quick | {"model": "ae", "model_settings": {"dim": 4, "size": 32, "width": 8}, "epochs": 2}
    lookalike.build(
        photos,
        tmp_path / "b.lookalike",
        **settings,
        progress=lambda stage, done, total, note="": told.append((stage, done, total)),
    )
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert [stage for stage in stages if stage in {"scan", "decode", "train", "embed"}] == [
        "scan", "decode", "train", "embed",
    ]  # fmt: skip
    assert ("train", 2, 2) in told
    assert ("embed", 25, 25) in told


def test_the_folder_stays_as_it_is(tmp_path, photos, quick, snapshot):
    before = snapshot(photos)
    library = lookalike.build(photos, tmp_path / "b.lookalike", **quick)
    library.find(photos / "discs" / "000.png")
    library.cluster(n_clusters=2)
    library.evaluate()
    assert snapshot(photos) == before


def test_again_it_does_nothing(own, photos, snapshot):
    before = snapshot(own.path)
    lookalike.build(photos, own.path)
    after = snapshot(own.path)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed <= {".", "library.json", "lock"}
    assert records(own).keys() == STAGES


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"fit": "pad"}, STAGES),
        ({"model": "ae", "epochs": 1, "model_settings": {"dim": 8, "size": 32, "width": 8}}, STAGES - {"images"}),
        ({"model_settings": {"dim": 5, "size": 32}}, STAGES - {"images"}),
        ({"model_settings": {"dim": 8, "size": 16}}, STAGES),
        ({"epochs": 3}, STAGES - {"images"}),
        ({"minutes": 3}, STAGES - {"images"}),
        ({"random_state": 1}, STAGES - {"images"}),
        ({"projection": "tsne"}, {"map"}),
        ({"n_clusters": 3}, {"clusters"}),
        ({"method": "ward"}, {"clusters"}),
        ({"space": "map"}, {"clusters"}),
    ],
    ids=str,
)
def test_a_setting_redoes_what_depends_on_it(own, photos, change, stages):
    before = records(own)
    changed = lookalike.build(photos, own.path, **change)
    assert redone(before, records(changed)) == stages
    for key, value in change.items():
        assert getattr(changed.settings, key) == value
    kept = records(changed)
    assert records(lookalike.build(photos, own.path)) == kept  # settings are remembered


LEARNING = {"model": "ae", "model_settings": {"dim": 8, "size": 32, "width": 8}, "epochs": 4}
OTHER = {
    "model": ("embeddings", "sparse-ae"),
    "model_settings": ("embeddings", {"dim": 8, "size": 32, "width": 16}),
    "fit": ("embeddings", "crop"),
    "epochs": ("embeddings", 8),
    "minutes": ("embeddings", 1e-9),
    "average": ("searched", False),
    "random_state": ("embeddings", 1),
    "projection": ("map", "tsne"),
    "n_clusters": ("clusters", "auto"),
    "method": ("clusters", "hdbscan"),
    "space": ("clusters", "map"),
}
"""Each setting's other value, and the result that it must change."""


def result(library, name):
    return np.array(library.embeddings if name == "searched" else library._files.array(name, name))


@pytest.mark.parametrize("setting", [field.name for field in fields(Settings)])
def test_every_setting_changes_the_result(tmp_path, photos, quick, setting):
    stage, value = OTHER[setting]
    change = {"model_settings": LEARNING["model_settings"], setting: value}
    base = lookalike.build(photos, tmp_path / "b.lookalike", **quick | LEARNING)
    before = result(base, stage)
    after = result(lookalike.build(photos, tmp_path / "b.lookalike", **change), stage)
    assert before.shape == after.shape
    assert not np.allclose(before, after, atol=1e-4)


def test_a_file_that_was_only_touched_does_not_train_again(tmp_path, draw_folder, quick):
    folder = draw_folder(tmp_path / "photos", 2)
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    before = records(library)
    os.utime(folder / "discs" / "000.png", ns=(1, 1))
    assert redone(before, records(lookalike.build(folder, library.path))) == {"images"}


@pytest.mark.parametrize("change", ["added", "removed", "changed", "renamed"])
def test_a_folder_that_changed_is_looked_at_again(tmp_path, draw_folder, quick, change):
    folder = draw_folder(tmp_path / "photos", 2)
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    before, file = records(library), folder / "discs" / "000.png"
    if change == "added":
        shutil.copy(file, folder / "new.png")
    elif change == "removed":
        file.unlink()
    elif change == "renamed":
        file.rename(folder / "discs" / "other.png")
    else:
        write_image(np.zeros((9, 9, 3), np.uint8), file)
    again = lookalike.build(folder, library.path)
    assert redone(before, records(again)) == STAGES
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.png")}
    assert set(again.images["file_name"]) == names


def test_a_text_that_is_added_changes_the_count_alone(tmp_path, draw_folder, quick):
    folder = draw_folder(tmp_path / "photos", 2)
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    before = records(library)
    (folder / "read me.txt").write_text("hello")
    again = lookalike.build(folder, library.path)
    assert redone(before, records(again)) == {"images"}
    assert again.info()["stages"]["images"]["other_files"] == 1


@pytest.mark.parametrize("what", ["all", "pixels.u8", "thumbnails"])
def test_a_deleted_working_copy_is_made_again(own, photos, results, what):
    before, thumbnail, pixels = results(own.path), own.thumbnail(3), own.pixels([3])
    place = own.path / "working" if what == "all" else own.path / "working" / what
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    again = lookalike.build(photos, own.path)
    assert results(own.path) == before
    assert np.array_equal(again.thumbnail(3), thumbnail)
    assert np.array_equal(again.pixels([3]), pixels)


def test_a_working_copy_left_half_replaced_is_not_trained_on(tmp_path, own, photos, results):
    """Killed while decoding with other settings, then built with the old ones: the copy must be the old one again."""

    def stop(stage, done, total, note=""):
        if stage == "decode":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lookalike.build(photos, own.path, fit="pad", progress=stop)
    again = lookalike.build(photos, own.path, fit="squash", random_state=5)
    fresh = lookalike.build(photos, tmp_path / "fresh.lookalike", **{**again.settings.as_dict()})
    assert results(again.path) == results(fresh.path)


def test_an_interrupted_training_of_other_pictures_is_not_gone_on_with(tmp_path, draw_folder, quick, results):
    folder = draw_folder(tmp_path / "photos", 2)
    settings = quick | {"model": "ae", "model_settings": {"dim": 4, "size": 32, "width": 8}, "epochs": 4}

    def stop(stage, done, total, note=""):
        if stage == "train" and done == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lookalike.learn.checkpoint.INTERVAL", 0)
        with pytest.raises(KeyboardInterrupt):
            lookalike.build(folder, tmp_path / "b.lookalike", **settings, progress=stop)
        write_image(np.zeros((9, 9, 3), np.uint8), folder / "discs" / "000.png")
        lookalike.build(folder, tmp_path / "b.lookalike")
    lookalike.build(folder, tmp_path / "fresh.lookalike", **settings)
    assert results(tmp_path / "b.lookalike") == results(tmp_path / "fresh.lookalike")


def test_same_seed_same_library_wherever_it_lies(tmp_path, own, photos, results):
    elsewhere = shutil.copytree(photos, tmp_path / "moved" / "photos", symlinks=True)
    other = lookalike.build(elsewhere, tmp_path / "other.lookalike", **own.settings.as_dict())
    assert results(other.path) == results(own.path)


def test_output_inside_the_folder_is_refused(photos, quick):
    for output in (photos / "x.lookalike", photos, photos / "discs" / ".." / "x"):
        with pytest.raises(SettingError, match="lies in the folder of pictures, which is never written to"):
            lookalike.build(photos, output, **quick)


def test_the_default_place(tmp_path, monkeypatch):
    folder = tmp_path / "pictures" / "photos"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert library_path("pictures/photos").resolve() == tmp_path / "photos.lookalike"
    assert library_path("pictures/photos/").resolve() == tmp_path / "photos.lookalike"
    monkeypatch.chdir(folder)
    assert library_path(".") == tmp_path / "pictures" / "photos.lookalike"  # beside the folder, not in it
    assert library_path(folder, tmp_path / "mine") == tmp_path / "mine"


def test_two_folders_of_one_name_do_not_take_one_library(tmp_path, draw_folder, quick, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = draw_folder(tmp_path / "a" / "photos", 1), draw_folder(tmp_path / "b" / "photos", 1)
    library = lookalike.build(first, **quick)
    before = records(library)
    with pytest.raises(LibraryError, match=r"is the library of .*a/photos, not of .*b/photos; choose another with -o"):
        lookalike.build(second, **quick)
    assert records(library) == before
    first.rename(tmp_path / "a" / "moved")
    moved = lookalike.build(tmp_path / "a" / "moved", library.path)
    assert moved.folder == tmp_path / "a" / "moved"
    assert redone(before, records(moved)) == set()


def test_a_folder_without_pictures(tmp_path, photos, quick):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("no picture")
    with pytest.raises(FolderError, match=r"no pictures in .*empty: 0 that cannot be read, 1 other files"):
        lookalike.build(empty, tmp_path / "b.lookalike", **quick)
    assert not (tmp_path / "b.lookalike").exists()
    (empty / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FolderError, match=r"none of the 1 pictures in .* could be read; the first, broken\.png: "):
        lookalike.build(empty, tmp_path / "b.lookalike", **quick)
    (tmp_path / "mine").mkdir()
    with pytest.raises(FolderError):
        lookalike.build(empty, tmp_path / "mine", **quick)
    assert (tmp_path / "mine").is_dir()
    assert not (tmp_path / "b.lookalike").exists()
    with pytest.raises(FolderError, match="missing"):
        lookalike.build(tmp_path / "missing", tmp_path / "c.lookalike", **quick)


def test_a_library_stays_when_its_folder_has_been_emptied(tmp_path, photos, quick):
    folder = shutil.copytree(photos, tmp_path / "own")
    library = lookalike.build(folder, tmp_path / "a.lookalike", **quick)
    before = records(library)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(FolderError, match="no pictures"):
        lookalike.build(folder, library.path, **quick)
    assert records(lookalike.open(library.path)) == before


@pytest.mark.parametrize("n_each", [1, 2])
def test_a_handful_of_pictures_is_enough(tmp_path, draw_folder, n_each):
    folder = draw_folder(tmp_path / "photos", n_each)
    library = lookalike.build(
        folder, tmp_path / "b.lookalike", space="embedding", epochs=1, model_settings={"size": 32, "width": 8}
    )
    assert len(library.images) == 4 * n_each
    assert np.isfinite(library.layout).all()


def test_one_picture_is_enough(tmp_path, draw_folder, quick):
    folder = tmp_path / "photos"
    write_image(np.zeros((20, 30, 3), np.uint8), draw_folder(folder, 0) / "only.png")
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    assert list(library.images["file_name"]) == ["only.png"]
    assert list(library.find(folder / "only.png")["file_name"]) == ["only.png"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "resnet"}, "model='resnet' is unknown; it must be one of"),
        ({"fit": "stretch"}, "fit='stretch'"),
        ({"projection": "lda"}, "projection='lda'"),
        ({"method": "dbscan"}, "method='dbscan'"),
        ({"space": "pixels"}, "space='pixels'"),
        ({"n_clusters": 0}, "n_clusters=0"),
        ({"n_clusters": "many"}, "n_clusters='many'"),
        ({"random_state": -1}, "random_state=-1"),
        ({"epochs": 0}, "epochs=0"),
        ({"minutes": -1}, "minutes=-1"),
        ({"colour": "red"}, "unknown setting 'colour'; there are average, epochs, fit"),
    ],
    ids=str,
)
def test_wrong_settings_are_named_before_anything_is_written(tmp_path, photos, wrong, message):
    with pytest.raises(SettingError, match=message):
        lookalike.build(photos, tmp_path / "b.lookalike", **wrong)
    assert not (tmp_path / "b.lookalike").exists()


def test_one_builds_at_a_time(own, photos):
    with LibraryFolder(own.path).writing(), pytest.raises(LibraryBusyError):
        lookalike.build(photos, own.path)


def test_the_whole_way_with_all_defaults_but_the_training(tmp_path, draw_folder):
    """t-SNE, the manifold and the choice of K: the one test that pays for UMAP's compilation."""
    folder = draw_folder(tmp_path / "photos", 12)
    settings = {"model": "pixels", "model_settings": {"dim": 8, "size": 32}}
    library = lookalike.build(folder, tmp_path / "b.lookalike", **settings)
    assert records(library).keys() == STAGES | {"manifold"}
    assert library.info()["stages"]["clusters"]["modularity"]
    assert library.evaluate()["acc"] > 0.5


@pytest.fixture
def large_and_small(tmp_path):
    """A folder of eight noisy pictures of 200 pixels a side, and one of 90."""
    for name, side in (("large", 200), ("small", 90)):
        (tmp_path / name).mkdir()
        for number in range(8):
            noise = np.random.default_rng(number).integers(0, 255, (side, side + 9, 3)).astype(np.uint8)
            write_image(noise, tmp_path / name / f"{number}.png")
    return tmp_path


def test_large_pictures_are_looked_at_closer_whatever_comes_later(large_and_small, quick):
    untrained = {**quick, "model": "siamese-vae", "model_settings": {"width": 8, "dim": 8}, "epochs": 1}
    places = {name: large_and_small / f"{name}.lookalike" for name in ("large", "small")}
    built = {name: lookalike.build(large_and_small / name, place, **untrained) for name, place in places.items()}
    assert {name: library.info()["stages"]["model"]["size"] for name, library in built.items()} == {
        "large": 128,
        "small": 64,
    }
    made_from = LibraryFolder(places["large"]).made_from("model")
    lookalike.build(large_and_small / "large", places["large"], **untrained)
    assert LibraryFolder(places["large"]).made_from("model") == made_from
    moved = (large_and_small / "large").rename(large_and_small / "moved")
    assert lookalike.build(moved, places["large"], **untrained).info()["stages"]["model"]["size"] == 128
    for number in range(8):
        shutil.copy(moved / f"{number}.png", large_and_small / "small" / f"more-{number}.png")
        os.utime(large_and_small / "small" / f"more-{number}.png")
    (large_and_small / "small" / "0.png").unlink()
    built["small"].update()
    assert built["small"].info()["stages"]["model"]["size"] == 64
    found = built["small"].find(large_and_small / "small" / "more-3.png", n=1)
    assert found["file_name"].tolist() == ["more-3.png"]
