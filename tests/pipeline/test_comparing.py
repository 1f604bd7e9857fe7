"""Approaches side by side: one library each, one table, gone on with when run again."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike import metrics, organize
from lookalike.errors import FolderError, LibraryError, ModelError, SettingError
from lookalike.pipeline import approach, comparing

SMALL = {
    "model_settings": {"dim": 8, "size": 32},
    "projection": "pca",
    "space": "embedding",
    "n_clusters": 3,
    "epochs": 1,
}
COSTS = ["train_seconds", "seconds", "peak_megabytes", "capped"]
PER_LABEL = ["precision_at_10", "knn_accuracy", "map", "acc", "nmi", "ari"]


@pytest.fixture(scope="module")
def flat(tmp_path_factory, draw_folder):
    """16 pictures in no sub-folder."""
    made = draw_folder(tmp_path_factory.mktemp("flat") / "families", n_each=4)
    flat = made.parent / "flat"
    flat.mkdir()
    for path in made.rglob("*.png"):
        shutil.copy2(path, flat / f"{path.parent.name}-{path.name}")
    return flat


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("comparing") / "photos.compare"


@pytest.fixture(scope="module")
def compared(photos, place):
    """``pixels`` and a tiny ``vae`` on the shared folder of pictures."""
    return lookalike.compare(photos, models=["pixels", "vae"], output=place, **SMALL)


@pytest.fixture
def in_this_process(monkeypatch):
    """The same work without the seconds that a process takes to load PyTorch."""

    def work(job, name, progress):
        return approach.build_and_score(**job, progress=lambda *told, note="": progress and progress(*told, note=name))

    monkeypatch.setattr(comparing, "_in_its_own_process", work)


def headers(place):
    return {path.parent.name: json.loads(path.read_text())["stages"] for path in place.glob("*/library.json")}


def test_one_table_best_first(compared):
    assert list(compared.table) == ["model", *PER_LABEL, *COSTS]
    assert sorted(compared.table["model"]) == ["pixels", "vae"]
    assert compared.table["precision_at_10"].is_monotonic_decreasing
    assert compared.labels == "folders"
    assert compared.skipped.empty
    assert not compared.table["capped"].any()


def test_the_search_is_scored_as_evaluate_does(compared):
    for row in compared.table.itertuples():
        scores = compared.libraries[row.model].evaluate()
        assert (row.precision_at_10, row.knn_accuracy, row.map) == pytest.approx(
            (scores["precision_at_10"], scores["knn_accuracy"], scores["map"])
        )


def test_the_clusters_that_are_scored_are_as_many_as_the_labels_and_are_not_kept(compared):
    for row in compared.table.itertuples():
        library = compared.libraries[row.model]
        codes = pd.factorize(library.images["label"])[0]
        clusters = organize.cluster(np.array(library.unaveraged), 4, "kmeans", seed=0)
        assert row.acc == pytest.approx(metrics.clustering_accuracy(clusters, codes))
        assert len(library.cluster_names) == 3, "as the settings say"


def test_costs_are_those_of_the_libraries(compared):
    for row in compared.table.itertuples():
        spent = compared.libraries[row.model].seconds()
        assert row.train_seconds == spent["train"]
        assert row.seconds == pytest.approx(spent["total"] - spent["scan"] - spent["decode"], abs=0.01)
    assert compared.table["peak_megabytes"].between(50, 5000).all()


def test_again_nothing_is_built_again(compared, photos, place):
    before = headers(place)
    again = lookalike.compare(photos, models=["vae"], output=place, **SMALL).table
    assert headers(place) == before
    pd.testing.assert_frame_equal(again, compared.table[compared.table["model"] == "vae"].reset_index(drop=True))


def test_a_model_of_the_same_size_starts_with_what_is_decoded(compared, photos, place):
    told = []

    def progress(stage, done, total, note=""):
        told.append((stage, done, total, note))

    settings = SMALL | {"epochs": 500}
    found = lookalike.compare(photos, models=["ae"], minutes=0.001, output=place, progress=progress, **settings)
    decoding = [(done, total) for stage, done, total, _ in told if stage == "decode"]
    assert decoding
    assert all(done == total > 20 for done, total in decoding), "none was left to decode"
    assert {"train", "embed", "cluster", "score"} <= {stage for stage, *_, note in told if note == "ae"}
    copies = [path.joinpath("working", "pixels.u8") for path in sorted(place.glob("*.lookalike"))]
    assert len({path.read_bytes() for path in copies}) == 1
    assert len({path.stat().st_ino for path in copies}) == len(copies) == 3, "copies of their own"
    assert found.table["capped"].tolist() == [True]


def test_without_labels_the_table_has_other_scores(compared, photos, flat, place, tmp_path, in_this_process):
    asked = lookalike.compare(photos, models=["vae", "pixels"], labels=None, output=place, **SMALL)
    assert list(asked.table) == ["model", "view_agreement", "silhouette", *COSTS]
    assert list(asked.table["model"]) == ["vae", "pixels"], "as listed"
    library = asked.libraries["pixels"]
    expected = metrics.silhouette(np.array(library.unaveraged), library.clusters)
    assert asked.table["silhouette"][1] == pytest.approx(expected)
    assert asked.table["view_agreement"].between(0.1, 1).all()
    none = lookalike.compare(flat, models=["pixels"], output=tmp_path / "flat.compare", **{**SMALL, "n_clusters": 1})
    assert (none.labels, np.isnan(none.table["silhouette"][0])) == (None, True)


def test_a_model_whose_extra_is_missing_drops_out_with_the_reason(
    compared, photos, place, in_this_process, monkeypatch
):
    monkeypatch.setitem(sys.modules, "cv2", None)
    found = lookalike.compare(photos, models=["keypoints", "pixels"], output=place, **SMALL)
    assert list(found.table["model"]) == ["pixels"]
    assert list(found.skipped["model"]) == ["keypoints"]
    assert "lookalike[keypoints]" in found.skipped["reason"][0]
    with pytest.raises(ModelError, match=r"none of the models can run here; keypoints: .*lookalike\[keypoints\]"):
        lookalike.compare(photos, models=["keypoints"], output=place, **SMALL)


def test_a_process_that_dies_costs_its_model_alone(compared, photos, place, tmp_path, monkeypatch):
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\nread job\ncase $job in *vae*) kill -9 $$;; esac\nexit 3\n")
    dying.chmod(0o755)
    monkeypatch.setattr(comparing.sys, "executable", str(dying))
    with pytest.raises(ModelError, match="vae: its process was killed by signal 9, perhaps for lack of memory"):
        lookalike.compare(photos, models=["vae", "pixels"], output=place, **SMALL)


def test_default_models_are_all_but_the_slow_one():
    assert set(comparing._chosen(None)) == {*lookalike.learn.names()} - {"talk"}
    assert comparing._chosen(["talk", "ae", "talk"]) == ["talk", "ae"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"models": ["resnet"]}, SettingError, "model='resnet' is unknown"),
        ({"models": []}, SettingError, "must be a list of names"),
        ({"models": "vae"}, SettingError, "must be a list of names"),
        ({"model": "vae"}, SettingError, r"takes models=\[...\]"),
        ({"minutes": -1}, SettingError, "minutes=-1"),
        ({"labels": "missing.csv"}, SettingError, "is missing"),
        ({"models": ["pixels"], "model_settings": {"beta": 1}}, SettingError, "'pixels' does not take these settings"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(photos, tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        lookalike.compare(photos, output=tmp_path / "p.compare", **settings)
    assert not (tmp_path / "p.compare").exists()


def test_one_label_in_a_csv_is_too_few(photos, tmp_path):
    (tmp_path / "labels.csv").write_text("file_name,label\ndiscs/000.png,a\n")
    with pytest.raises(SettingError, match="gives one label for these images"):
        lookalike.compare(photos, labels=tmp_path / "labels.csv", output=tmp_path / "p.compare")


def test_places_that_are_taken_are_left_alone(compared, photos, flat, place, tmp_path):
    with pytest.raises(LibraryError, match=r"compares models on .*photos, not on"):
        lookalike.compare(flat, models=["pixels"], output=place, **SMALL)
    with pytest.raises(LibraryError, match="is no comparison"):
        lookalike.compare(photos, models=["pixels"], output=place / "pixels.lookalike", **SMALL)
    with pytest.raises(SettingError, match="never written to"):
        lookalike.compare(photos, models=["pixels"], output=photos / "inside", **SMALL)
    with pytest.raises(FolderError, match="gone"):
        lookalike.compare(tmp_path / "gone", models=["pixels"], output=tmp_path / "p.compare", **SMALL)


def test_the_memory_is_the_process_s_own_and_not_its_parent_s():
    """A child of a process that holds 400 MB more than it does not count these as its own."""
    held = np.ones(400_000_000, np.uint8)
    own = approach.peak_memory()
    program = "from lookalike.pipeline.approach import peak_memory; print(peak_memory())"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert own > held.nbytes
    assert 10e6 < int(child.stdout) < own - 0.5 * held.nbytes


def test_the_process_ends_with_its_parent(photos, tmp_path):
    command = [sys.executable, "-m", "lookalike.pipeline.approach"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    settings = lookalike.pipeline.Settings(**(SMALL | {"epochs": 100_000, "model": "vae"})).as_dict()
    job = {"folder": str(photos), "place": str(tmp_path / "a.lookalike"), "settings": settings, "labels": None}
    process.stdin.write(json.dumps(job).encode() + os.linesep.encode())
    process.stdin.flush()
    assert any(b'"train"' in line for line in process.stdout), "it trains"
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stdout.close()
