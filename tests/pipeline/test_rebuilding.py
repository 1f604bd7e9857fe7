"""A library that is being built anew, or was left half built, answers with nothing rather than with wrong names."""

import shutil

import numpy as np
import pytest

import lookalike
from lookalike.errors import FolderError, LibraryError, ModelError, SettingError
from lookalike.images import write_image
from lookalike.library import LibraryFolder
from lookalike.pipeline import stages

ARRANGED = {"embeddings", "index", "map", "clusters"}


@pytest.fixture
def folder(tmp_path, draw_folder):
    return draw_folder(tmp_path / "photos", 3)


@pytest.fixture
def built(tmp_path, folder, quick):
    return lookalike.build(folder, tmp_path / "b.lookalike", **quick)


def at_the_start_of(stage):
    """A progress that interrupts at the first word of this stage."""

    def stop(now, done, total, note=""):
        if now == stage:
            raise KeyboardInterrupt

    return stop


def committed(library):
    return set(LibraryFolder(library.path).header["stages"])


def stop_before_training(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages.learn, "train", interrupted)


def records(library):
    return LibraryFolder(library.path).header["stages"]


def harm(library, stage, damage):
    """Takes the files of a stage away, all but their first bytes, or all of their bytes; of a model what is in it."""
    for name in records(library)[stage]["files"].values():
        place = library.path / name
        for file in sorted(place.iterdir()) if place.is_dir() else [place]:
            if damage == "gone":
                file.unlink()
            else:
                file.write_bytes(file.read_bytes()[: {"cut off": 100, "emptied": 0}[damage]])


@pytest.mark.parametrize("damage", ["gone", "cut off", "emptied"])
@pytest.mark.parametrize("stage", ["images", "embeddings", "index", "map", "clusters", "model"])
def test_what_is_gone_or_damaged_is_made_again(built, folder, stage, damage):
    built.rename(min(built.cluster_names), "kept")
    before, names, clusters, stages_before = np.array(built.embeddings), *answers(built), records(built)
    harm(built, stage, damage)
    if stage == "model":
        with pytest.raises(ModelError):
            lookalike.open(built.path).encode(folder / "discs" / "000.png")
    asked = {"images": "file_names", "embeddings": "unaveraged", "map": "layout", "index": "neighbors"}
    if stage in asked:
        with pytest.raises(LibraryError, match=r"`lookalike build .+ -o .+` makes it anew"):
            getattr(lookalike.open(built.path), asked[stage])
    again = lookalike.build(folder, built.path)
    assert answers(again) == (names, clusters), "edits, too"
    np.testing.assert_allclose(again.embeddings, before, atol=1e-5)
    assert len(again.find(folder / "discs" / "000.png"))
    assert again.layout.shape == (12, 2)
    made_anew = {name for name, record in records(again).items() if record != stages_before[name]}
    resting = {"embeddings", "index", "map", "clusters", "edits"} if stage == "model" else set()
    assert {stage} <= made_anew <= {stage, *resting}, "the others stay as they are"


def answers(library):
    """The names of the images, and of the cluster of each."""
    names = list(library.file_names)
    return names, [library.cluster_names[cluster] for cluster in library.clusters]


def test_several_stages_are_made_again_and_a_folder_that_has_changed_comes_in(built, folder):
    for stage, damage in (("images", "emptied"), ("model", "gone"), ("map", "cut off")):
        harm(built, stage, damage)
    shutil.copy(folder / "discs" / "000.png", folder / "a new one.png")
    again = lookalike.build(folder, built.path)
    assert len(again.file_names) == 13
    assert again.find(folder / "a new one.png", n=2)["file_name"].tolist() == ["a new one.png", "discs/000.png"]


def test_edits_that_are_damaged_are_not_thrown_away(built, folder):
    built.rename(min(built.cluster_names), "kept")
    harm(built, "edits", "gone")
    again = lookalike.build(folder, built.path)
    assert "edits" in records(again)
    with pytest.raises(LibraryError, match=r"edits of stage edits cannot be read .+; restore it"):
        again.clusters  # noqa: B018


def test_what_the_machine_does_not_let_one_read_is_not_made_again(built, folder, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    before = records(built)
    with monkeypatch.context() as patch:
        patch.setattr("lookalike.learn.model.bounded", refused)
        lookalike.build(folder, built.path)
    assert records(built) == before
    with monkeypatch.context() as patch:
        patch.setattr(np, "load", refused)
        with pytest.raises(LibraryError, match="Permission denied"):
            lookalike.build(folder, built.path)
    assert records(built) == before
    assert len(lookalike.open(built.path).unaveraged) == 12


@pytest.mark.parametrize("moment", ["train", "embed"])
def test_interrupted_with_other_images_it_answers_nothing(built, folder, monkeypatch, moment):
    shutil.copy(folder / "discs" / "000.png", folder / "a new one.png")
    with monkeypatch.context() as patch:
        if moment == "train":
            stop_before_training(patch)
        with pytest.raises(KeyboardInterrupt):
            lookalike.build(folder, built.path, progress=at_the_start_of("embed"))
    half = lookalike.open(built.path)
    assert committed(half) == {"images", "model"}
    assert not half.info()["finished"]
    assert len(half.images) == 13
    for answer in (lambda: half.find(folder / "discs" / "000.png"), lambda: half.clusters, lambda: half.layout):
        with pytest.raises(LibraryError, match="is not built that far"):
            answer()
    assert lookalike.build(folder, built.path).info()["finished"]


def test_interrupted_behind_another_model_it_does_not_search_with_it(built, folder):
    with pytest.raises(KeyboardInterrupt):
        lookalike.build(folder, built.path, random_state=1, progress=at_the_start_of("embed"))
    assert committed(built) == {"images", "model"}


def test_the_same_images_keep_what_was_made_of_them(built, folder, monkeypatch):
    before = lookalike.open(built.path).find(folder / "discs" / "000.png")
    place = built._files.header["stages"]["embeddings"]["files"]
    (folder / "read me.txt").write_text("hello")
    (folder / "discs" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    stop_before_training(monkeypatch)
    again = lookalike.build(folder, built.path)
    assert again.find(folder / "discs" / "000.png").equals(before)
    assert again._files.header["stages"]["embeddings"]["files"] == place
    assert committed(built) == ARRANGED | {"images", "model"}


def test_a_library_that_is_open_says_that_it_was_rebuilt(built, folder):
    opened = lookalike.open(built.path)
    assert len(opened.images) == 12
    fresh = lookalike.open(built.path)
    (folder / "discs" / "000.png").unlink()
    rebuilt = lookalike.build(folder, built.path)
    assert len(opened.clusters) == 12  # in memory, as the images are
    assert len(opened.find(folder / "discs" / "001.png", 20)) == 12  # so are the embeddings
    for answer in (lambda: fresh.clusters, lambda: fresh.find(folder / "discs" / "001.png"), lambda: opened.layout):
        with pytest.raises(LibraryError, match=r"b\.lookalike: the library was rebuilt; open it again$"):
            answer()
    assert len(rebuilt.images) == len(rebuilt.clusters) == 11


def test_a_library_that_is_open_takes_up_other_clusters(built):
    opened, used = lookalike.open(built.path), lookalike.open(built.path)
    assert len(used.cluster_names) == 4
    built.cluster(n_clusters=2)
    assert set(opened.clusters) == set(opened.cluster_names) == {0, 1}
    assert set(used.clusters) == set(used.cluster_names) == {0, 1, 2, 3}  # clusters and names of one moment
    assert set(used.refresh().clusters) == set(used.cluster_names) == {0, 1}


def test_a_change_that_fails_leaves_nothing_of_another_library(built, folder):
    opened = lookalike.open(built.path)
    assert len(opened.images) == 12
    (folder / "discs" / "000.png").unlink()
    lookalike.build(folder, built.path)
    with pytest.raises(SettingError):
        opened.cluster(n_clusters=0)
    assert len(opened.images) == len(opened.clusters) == 11


def test_what_cannot_work_leaves_a_good_library_as_it_was(built, folder, tmp_path, draw_folder, snapshot):
    before = snapshot(built.path)
    other = draw_folder(tmp_path / "other", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    attempts = [
        (FolderError, "missing; expected a folder", tmp_path / "typo", {}),
        (FolderError, "is a file; expected a folder", tmp_path / "file", {}),
        (LibraryError, r"is the library of .*photos, not of .*other; choose another with -o", other, {}),
        (SettingError, "does not take these settings", folder, {"model_settings": {"depth": 9}}),
        (SettingError, "dim=0 must be a whole number", folder, {"model_settings": {"dim": 0}}),
        (SettingError, "model_settings='dim' must be a dict", folder, {"model_settings": "dim"}),
        (SettingError, "random_state=4294967296", folder, {"random_state": 2**32}),
        (SettingError, "epochs='many'", folder, {"epochs": "many"}),
    ]
    for kind, message, place, settings in attempts:
        with pytest.raises(kind, match=message):
            lookalike.build(place, built.path, **settings)
        assert {name for name, state in snapshot(built.path).items() if before.get(name) != state} <= {".", "lock"}
        if kind is not LibraryError:
            with pytest.raises(kind, match=message):
                lookalike.build(place, tmp_path / "new.lookalike", **settings)
            assert not (tmp_path / "new.lookalike").exists()
    folder.rename(tmp_path / "moved")
    with pytest.raises(FolderError, match=r"no pictures in .*empty"):
        lookalike.build(tmp_path / "empty", built.path)
    assert LibraryFolder(built.path).folder == folder


def test_queries_are_fitted_as_the_images_were(built, folder, tmp_path):
    """Also while a build is under way that is going to fit them otherwise."""
    write_image(
        np.kron(np.eye(8, 24, dtype=np.uint8)[..., None] * 255, np.ones((5, 5, 3), np.uint8)), tmp_path / "q.png"
    )
    before = built.encode(tmp_path / "q.png")
    with pytest.raises(KeyboardInterrupt):
        lookalike.build(folder, built.path, fit="pad", progress=at_the_start_of("decode"))
    half = lookalike.open(built.path)
    assert half.settings.fit == "pad"
    assert np.array_equal(half.encode(tmp_path / "q.png"), before)
    assert not np.allclose(lookalike.build(folder, built.path).encode(tmp_path / "q.png"), before)


@pytest.mark.parametrize("name", [b"/etc/passwd", b"../secret.png", b"discs/../../secret.png"])
def test_no_image_lies_outside_the_folder(built, name):
    table = built._files.table("images", "images")
    table.loc[3, "path"] = name
    table.to_parquet(built.path / built._files.header["stages"]["images"]["files"]["images"])
    with pytest.raises(LibraryError, match="outside its folder"):
        _ = lookalike.open(built.path).paths


def test_nothing_to_change_needs_no_lock(built):
    with LibraryFolder(built.path).writing():
        opened = lookalike.open(built.path)
        assert opened.map() is opened
        assert opened.cluster() is opened


def test_the_seconds_of_a_training_are_those_of_all_attempts(tmp_path, folder, quick, monkeypatch):
    train = stages.learn.train

    def resumed(*arguments, **options):
        trained = train(*arguments, **options)
        trained.facts["seconds"] += 1000
        return trained

    monkeypatch.setattr(stages.learn, "train", resumed)
    library = lookalike.build(folder, tmp_path / "c.lookalike", **quick)
    assert 1000 <= library.seconds()["train"] < 2000
    monkeypatch.undo()
    assert 0 < lookalike.build(folder, library.path, random_state=1).seconds()["train"] < 1000


def test_versions_are_those_that_made_the_model(built, folder, monkeypatch):
    import torch

    found = built.info()["versions"]
    assert found.keys() == {"python", "lookalike", "torch", "numpy"}
    assert (found["numpy"], found["torch"]) == (np.__version__, torch.__version__)
    monkeypatch.setattr(stages.metadata, "version", lambda name: "99")
    assert lookalike.build(folder, built.path, n_clusters=2).info()["versions"] == found
    assert lookalike.build(folder, built.path, random_state=1).info()["versions"]["torch"] == "99"


def test_many_clusters_are_named_once(built, monkeypatch):
    asked = []
    names = type(built).cluster_names.fget
    monkeypatch.setattr(type(built), "cluster_names", property(lambda library: asked.append(1) or names(library)))
    assert set(lookalike.open(built.path).images["cluster_name"]) == set(names(built).values())
    assert len(asked) == 1


def test_a_list_of_queries_reads_the_clusters_once(built, folder, monkeypatch):
    asked = []
    array = LibraryFolder.array
    monkeypatch.setattr(LibraryFolder, "array", lambda *arguments: asked.append(arguments[1]) or array(*arguments))
    assert len(lookalike.open(built.path).find([folder / "discs" / "000.png"] * 5, 2)) == 10
    assert asked.count("clusters") == 1


def test_labels_may_stand_before_the_names(built, tmp_path):
    names = built.images["file_name"]
    rows = [f"{name.split('/')[0]},{name}" for name in names]
    (tmp_path / "labels.csv").write_text("\n".join(["species,file_name", *rows]))
    assert built.evaluate(tmp_path / "labels.csv") == built.evaluate("folders")
