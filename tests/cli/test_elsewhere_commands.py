"""Models from elsewhere on the command line."""

import numpy as np
import pandas as pd
import pytest

import lookalike

FAST = ["--projection", "pca", "--space", "embedding", "-k", "4"]


@pytest.fixture(scope="module")
def own_rows(library, tmp_path_factory):
    """Embeddings of one's own for the folder's pictures."""
    names = lookalike.open(library).file_names
    rows = np.random.default_rng(1).normal(size=(len(names), 6))
    path = tmp_path_factory.mktemp("own") / "own.parquet"
    pd.DataFrame({"file_name": names, "embedding": list(rows)}).to_parquet(path)
    return path


def test_an_encoder_from_a_folder_in_every_command(run, vit, folder, tmp_path):
    place = tmp_path / "x.lookalike"
    built = run("build", folder, "-o", place, "--model", f"hf:{vit}", *FAST, "--json")
    assert (built.code, built.err) == (0, "")
    assert built.json["model"] == f"hf:{vit}"
    found = run("find", place, folder / "checks" / "003.png", "--json")
    assert found.json[0]["matches"][0]["file_name"] == "checks/003.png"
    for command in (
        ["cluster", place, "-k", "3"],
        ["map", place, "-o", tmp_path / "map.png"],
        ["evaluate", place],
        ["report", place, "-o", tmp_path / "report.html"],
        ["export", place, tmp_path / "table.parquet"],
        ["info", place],
    ):
        assert run(*command).code == 0, command
    drawn = run("reconstruct", place, "-o", tmp_path / "drawn.png")
    assert (drawn.code, len(drawn.err.splitlines())) == (1, 1)
    assert "has no decoder" in drawn.err


def test_embeddings_of_ones_own(run, own_rows, folder, tmp_path):
    place = tmp_path / "x.lookalike"
    assert run("build", folder, "-o", place, "--model", own_rows, *FAST).code == 0
    inside = run("find", place, "checks/003.png", "--sheet", tmp_path / "sheet.jpg", "--json")
    assert inside.json[0]["matches"][0] == {"rank": 1, "file_name": "checks/003.png", "distance": 0.0, "cluster": 0} | {
        "cluster": inside.json[0]["matches"][0]["cluster"]
    }
    (tmp_path / "other.png").write_bytes((folder / "checks" / "003.png").read_bytes())
    outside = run("find", place, tmp_path / "other.png")
    assert (outside.code, outside.out) == (1, "")
    assert outside.err.startswith("error: ")
    assert outside.err.count("\n") == 1
    assert "has no encoder for others" in outside.err
    assert run("report", place, "-o", tmp_path / "report.html").code == 0
    exported = run("export", place, tmp_path / "table.parquet")
    assert exported.code == 0
    again = run("build", folder, "-o", tmp_path / "y.lookalike", "--model", tmp_path / "table.parquet", *FAST)
    assert again.code == 0  # what was exported can be taken in


@pytest.mark.parametrize("model", ["resnet", "encoder.pt", "onnx"])
def test_what_is_no_models_name_is_wrong_usage(run, folder, model):
    for line in (["build", folder, "--model", model], ["compare", folder, "--models", f"vae,{model}"]):
        ended = run(*line)
        assert ended.code == 2
        assert "hf:NAME_OR_FOLDER" in " ".join(ended.err.replace("│", " ").split())


@pytest.mark.parametrize("model", ["hf:nobody/nothing", "hf:./missing", "missing.onnx", "missing.npy"])
def test_what_is_not_there_is_one_line_and_nothing_is_written(run, folder, tmp_path, model):
    ended = run("build", folder, "-o", tmp_path / "x.lookalike", "--model", model)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "x.lookalike").exists()
