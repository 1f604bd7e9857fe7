"""A library follows its folder: what is known stays as it is, what is new is found, what is gone is gone."""

import os
import shutil

import numpy as np
import pytest

import lookalike
from lookalike.errors import FolderError, LibraryBusyError, LibraryError, ModelError
from lookalike.library import LibraryFolder
from lookalike.pipeline import updating
from lookalike.pipeline.updating import Changes
from lookalike.search import ExactIndex, averaged


@pytest.fixture
def folder(tmp_path, draw_folder):
    return draw_folder(tmp_path / "photos", 8)


@pytest.fixture
def built(tmp_path, folder, quick):
    settings = {**quick, "n_clusters": 3, "projection": "tsne"}
    return lookalike.build(folder, tmp_path / "b.lookalike", **settings)


def a_new_picture(folder, name="new.png", *, seed=0):
    """Noise: unlike all the others, and never the same for two seeds."""
    from lookalike.images import write_image

    noise = np.random.default_rng(seed).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    write_image(noise, folder / name)


def by_name(library, values):
    return dict(zip(library.file_names, values, strict=True))


def test_all_that_can_happen_to_a_folder(built, folder, tmp_path):
    names = list(built.file_names)
    was = {what: by_name(built, np.array(getattr(built, what))) for what in ("unaveraged", "layout", "clusters")}
    changed, gone, before_move = names[0], names[1], names[2]
    (folder / "more").mkdir()
    a_new_picture(folder, "more/added.png")
    a_new_picture(folder, changed, seed=1)
    (folder / gone).unlink()
    shutil.move(folder / before_move, folder / "moved.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")

    changes = built.update()

    reasons = dict(zip(built.skipped["file_name"], built.skipped["reason"], strict=True))
    assert list(reasons) == ["broken.png"]
    assert changes == Changes(
        added=["more/added.png"],
        changed=[changed],
        moved={before_move: "moved.png"},
        removed=[gone],
        unreadable=reasons,
    )
    assert built.update().unreadable == {}, "what was skipped before is not news"
    familiar = [name for name in names if name not in (changed, gone, before_move)]
    assert sorted(built.file_names) == sorted([*familiar, changed, "more/added.png", "moved.png"])
    for what in ("unaveraged", "layout", "clusters"):
        now = by_name(built, np.array(getattr(built, what)))
        for name in familiar:
            assert np.array_equal(now[name], was[what][name]), (what, name)
        assert np.array_equal(now["moved.png"], was[what][before_move])
    for name in (changed, "more/added.png"):
        row = built.row(name)
        assert np.allclose(built.embeddings[row], built.encode(folder / name)[0], atol=1e-3)
        assert built.clusters[row] in built.cluster_names
    assert not np.allclose(built.unaveraged[built.row(changed)], was["unaveraged"][changed], atol=1e-2)
    assert np.array_equal(built.embeddings, averaged(built.unaveraged, *built.neighbors, built.unaveraged))


def test_neighbours_and_pictures_are_those_of_the_images_that_there_are(built, folder, tmp_path, quick):
    (folder / built.file_names[3]).unlink()
    a_new_picture(folder, "a.png")
    built.update()
    rows, _ = ExactIndex(np.array(built.unaveraged)).neighbors(5)
    assert np.array_equal(np.array(built.neighbors[0])[:, :5], rows)
    assert built.find(folder / "a.png", n=1)["file_name"].tolist() == ["a.png"]
    fresh = lookalike.build(folder, tmp_path / "fresh.lookalike", **quick)
    assert np.array_equal(built.file_names, fresh.file_names)
    everything = np.arange(len(fresh.file_names))
    assert np.array_equal(built.pixels(everything), fresh.pixels(everything))
    for row in everything:
        assert np.array_equal(built.thumbnail(row), fresh.thumbnail(row))
    described = ["file_name", "width", "height"]
    assert built.described[described].equals(fresh.described[described])


def test_only_what_is_new_is_decoded_and_encoded(built, folder, monkeypatch):
    a_new_picture(folder)
    encoded, embed = [], updating.learn.embed
    monkeypatch.setattr(
        updating.learn, "embed", lambda *given, **more: encoded.append(len(given[2])) or embed(*given, **more)
    )
    for name in built.file_names:  # what cannot be read cannot have been read again
        times = (folder / name).stat()
        (folder / name).write_bytes(b"\0" * times.st_size)
        os.utime(folder / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert built.update().added == ["new.png"]
    assert encoded == [1]
    assert built.skipped.empty


def test_without_a_working_copy_everything_is_decoded_again(built, folder):
    shutil.rmtree(built.path / "working")
    a_new_picture(folder)
    assert built.update().added == ["new.png"]
    assert built.thumbnail(built.row("new.png")).shape == (40, 50, 3)
    assert built.thumbnail(0).any()
    version = built.version
    shutil.rmtree(built.path / built.working_copy)
    with pytest.raises(LibraryError, match="lookalike update"):
        lookalike.open(built.path).thumbnail(0)
    again = lookalike.open(built.path)
    assert not again.update().added
    assert again.thumbnail(0).any()
    assert again.version == version


def test_a_folder_that_is_as_it_was_changes_nothing(built, folder):
    before = built.version
    changes = built.update()
    assert changes == Changes(added=[], changed=[], moved={}, removed=[], unreadable={})
    assert built.version == before
    os.utime(folder / built.file_names[0])  # another time, the same contents
    embeddings, layouts = np.array(built.embeddings), built.made_from("map")
    assert built.update().changed == []
    assert np.array_equal(built.embeddings, embeddings)
    assert built.made_from("map") == layouts


def test_names_and_edits_stay(built, folder):
    built.rename(0, "the first")
    built.merge([1, 2], "two of them")
    members = set(built.file_names[built.clusters == 0])
    victim = built.file_names[built.clusters == 1][0]
    (folder / victim).unlink()
    source = next(iter(members))
    from PIL import Image

    Image.open(folder / source).convert("RGB").save(folder / "copy.jpg", quality=95)
    built.update()
    assert built.cluster_names[0] == "the first"
    assert built.cluster_names[1] == "two of them"
    assert set(built.file_names[built.clusters == 0]) == members | {"copy.jpg"}
    assert built.kept_clusters == [0, 1]
    built.cluster(n_clusters=4)
    assert built.cluster_names[0] == "the first"
    assert set(built.file_names[built.clusters == 0]) == members | {"copy.jpg"}
    assert not built.edits


def test_what_was_put_somewhere_by_hand_stays_there_under_its_name(built, folder):
    row = 4
    name = built.file_names[row]
    built.move([row], name="favourites")
    a_new_picture(folder, name, seed=3)
    assert built.update().changed == [name]
    assert built.cluster_names[int(built.clusters[built.row(name)])] == "favourites"
    assert built.cluster(n_clusters=4).cluster_names[int(built.clusters[built.row(name)])] == "favourites"


def test_what_an_update_leaves_out_is_made_when_it_is_asked_for(folder, tmp_path, quick):
    settings = {**quick, "space": "manifold", "n_clusters": 3}
    library = lookalike.build(folder, tmp_path / "m.lookalike", **settings)
    a_new_picture(folder)
    library.update()
    assert len(library.modularity()) > 3


def test_another_file_that_is_no_picture_costs_nothing(built, folder):
    copy = built.working_copy
    (folder / "note.txt").write_text("for later")
    assert not built.update().added
    assert built.info()["stages"]["images"]["other_files"] == 1
    assert built.working_copy == copy


def test_after_a_build_with_another_size_was_interrupted(built, folder, quick, monkeypatch):
    from lookalike.pipeline import stages

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages.learn, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lookalike.build(folder, built.path, **{**quick, "model_settings": {"dim": 8, "size": 48}})
    a_new_picture(folder)
    half = lookalike.open(built.path)
    assert half.update().added == ["new.png"]
    assert np.allclose(half.embeddings[half.row("new.png")], half.encode(folder / "new.png")[0], atol=1e-3)


def test_comparing_again_takes_an_updated_library_as_it_is(folder, tmp_path):
    arguments = {"models": ["pixels"], "minutes": 0.2, "output": tmp_path / "c.compare"}
    lookalike.compare(folder, **arguments)
    a_new_picture(folder)
    place = next((tmp_path / "c.compare").glob("*.lookalike"))
    assert lookalike.open(place).update().added == ["new.png"]
    again = lookalike.compare(folder, **arguments)
    assert len(again.libraries) == 1


def test_a_cluster_whose_images_are_all_gone_is_gone(built, folder):
    number = max(built.cluster_names)
    for name in built.file_names[built.clusters == number]:
        (folder / name).unlink()
    built.update()
    assert number not in built.cluster_names
    assert built.clusters.min() >= 0


def test_what_is_asked_for_later_is_of_all_images(built, folder):
    a_new_picture(folder)
    built.update()
    n = len(built.file_names)
    for name in ("pca", "grid"):
        assert built.project(name).shape == (n, 2)
    assert len(built.cluster(n_clusters=2, space="embedding").clusters) == n
    placed = np.array(built.layout)
    assert built.map("tsne").layout.shape == (n, 2)
    assert not np.array_equal(built.layout, placed)
    assert len(lookalike.open(built.path).images) == n


@pytest.mark.parametrize("moment", ["decode", "embed", "index"])
def test_interrupted_it_is_as_it_was_and_goes_on(built, folder, moment):
    a_new_picture(folder)
    names, embeddings = list(built.file_names), np.array(built.embeddings)

    def stop(stage, done, total, note=""):
        if stage == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built.update(progress=stop)
    again = lookalike.open(built.path)
    assert list(again.file_names) == names
    assert np.array_equal(again.embeddings, embeddings)
    assert again.find(folder / names[0], n=2)["file_name"][0] == names[0]
    assert all(again.thumbnail(row).any() for row in range(len(names)))
    assert again.update().added == ["new.png"]
    assert not list(built.path.glob("working"))
    assert again.thumbnail(again.row("new.png")).shape == (40, 50, 3)


def test_whoever_has_the_library_open_can_take_it_up(built, folder):
    open_already = lookalike.open(built.path)
    assert len(open_already.images) == 32
    for number in range(2):  # after two updates, too, it must not take another image's picture for this one's
        a_new_picture(folder, f"{number}.png", seed=number)
        built.update()
        with pytest.raises(LibraryError, match="was updated since it was opened; open it again"):
            open_already.thumbnail(5)
    (folder / "1.png").unlink()
    built.update()
    assert len(open_already.refresh().images) == 33
    assert open_already.thumbnail(open_already.row("0.png")).any()


def test_twice_in_a_row(built, folder):
    for number in range(3):
        a_new_picture(folder, f"{number}.png", seed=number)
        assert built.update().added == [f"{number}.png"]
    assert built.info()["stages"]["embeddings"]["came_later"] == 3
    a_new_picture(folder, "0.png", seed=9)
    (folder / "1.png").unlink()
    built.cluster(n_clusters=2)
    built.update()
    assert built.info()["stages"]["embeddings"]["came_later"] == 2
    assert len(list(built.path.glob("working*"))) == 1
    assert len(built.thumbnails) == len(built.file_names)


def test_building_again_learns_from_all_of_them(built, folder, quick):
    a_new_picture(folder)
    built.update()
    model = built.made_from("model")
    again = lookalike.build(folder, built.path, **quick)
    assert again.made_from("model") != model
    assert "came_later" not in again.info()["stages"]["embeddings"]
    assert len(again.images) == 33


def test_what_cannot_be_updated(built, folder, tmp_path):
    version = built.version
    os.rename(folder, tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="is not there"):
        built.update()
    folder.mkdir()
    with pytest.raises(FolderError, match="no pictures"):
        built.update()
    a_new_picture(folder)
    with pytest.raises(FolderError, match="none of the images"):
        built.update()
    with LibraryFolder(built.path).writing(), pytest.raises(LibraryBusyError):
        built.update()
    assert lookalike.open(built.path).version == version
    shutil.rmtree(folder)
    os.rename(tmp_path / "elsewhere", folder)
    with LibraryFolder(built.path).writing():
        files = LibraryFolder(built.path)
        files.forget("map")
    with pytest.raises(LibraryError, match="not built to the end"):
        built.update()


def test_embeddings_of_ones_own(folder, tmp_path):
    import pandas as pd

    def table(names, kind=0):
        random = np.random.default_rng(kind).normal(size=(len(names), 6)).astype(np.float32)
        pd.DataFrame({"file_name": names, "embedding": list(random)}).to_parquet(tmp_path / "own.parquet")

    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    table(names)
    settings = {"model": str(tmp_path / "own.parquet"), "n_clusters": 2, "projection": "pca", "space": "embedding"}
    library = lookalike.build(folder, tmp_path / "own.lookalike", **settings)
    a_new_picture(folder)
    with pytest.raises(ModelError):
        library.update()
    assert len(lookalike.open(library.path).images) == len(names)
    table([*names, "new.png"], kind=1)
    with pytest.raises(ModelError, match="has other numbers now"):
        library.update()
    table([*names, "new.png"])
    assert library.update().added == ["new.png"]
    assert np.isfinite(library.embeddings).all()
