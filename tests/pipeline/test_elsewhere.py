"""Models from elsewhere in a library: hf, ONNX, and embeddings of one's own."""

import io
import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike import show
from lookalike.errors import ModelError, SettingError
from lookalike.pipeline import Settings, comparing
from lookalike.pipeline.given import embeddings_for

FAST = {"projection": "pca", "space": "embedding", "n_clusters": 4}


@pytest.fixture
def rows(library):
    return np.random.default_rng(3).normal(size=(len(library.images), 12)).astype(np.float32)


@pytest.fixture
def names(library):
    return list(library.file_names)


@pytest.fixture
def own_rows(tmp_path, rows, names):
    """A Parquet file of embeddings in another order, with a row more than there are images."""
    table = pd.DataFrame({"file_name": [*names, "gone.png"], "embedding": [*rows, rows[0]]})
    table.sample(frac=1, random_state=0).to_parquet(tmp_path / "own.parquet")
    return tmp_path / "own.parquet"


def build(photos, place, model, **settings):
    return lookalike.build(photos, place / "x.lookalike", model=str(model), **{**FAST, **settings})


@pytest.mark.parametrize("kind", ["hf", "onnx"])
def test_a_library_answers_without_the_files_that_it_came_from(kind, request, photos, tmp_path, monkeypatch):
    if kind == "hf":
        source = shutil.copytree(request.getfixturevalue("vit"), tmp_path / "encoder")
    else:
        source = request.getfixturevalue("write_onnx")(tmp_path / "encoder.onnx", side=32)
    monkeypatch.chdir(tmp_path)
    model = f"hf:{source.name}" if kind == "hf" else source.name
    built = build(photos, tmp_path, model)
    assert built.settings.model.endswith(str(source))  # the path made absolute
    told = built.info()
    assert len(told["stages"]["model"]["source_hash"]) == 24
    assert {"hf": "transformers", "onnx": "onnxruntime"}[kind] in told["versions"]
    shutil.rmtree(source) if kind == "hf" else source.unlink()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    opened = lookalike.open(built.path)
    found = opened.find(photos / "checks" / "002.png", n=3)
    assert found["file_name"][0] == "checks/002.png"
    assert found["distance"][0] < 0.02
    assert opened.evaluate()["precision_at_10"] > 0.2
    opened.cluster(n_clusters=3).map("umap")
    with pytest.raises(ModelError, match="no decoder"):
        opened.sample(1)


def test_other_weights_make_another_library(vit, photos, tmp_path):
    from safetensors.torch import load_file, save_file

    encoder = shutil.copytree(vit, tmp_path / "encoder")
    first = np.array(build(photos, tmp_path, f"hf:{encoder}").embeddings)
    same = build(photos, tmp_path, f"hf:{encoder}")
    assert np.array_equal(same.embeddings, first)
    assert same.info()["stages"]["model"]["seconds"] >= 0
    tensors = load_file(encoder / "model.safetensors")
    save_file({key: 1.5 * value for key, value in tensors.items()}, encoder / "model.safetensors", {"format": "pt"})
    assert not np.allclose(build(photos, tmp_path, f"hf:{encoder}").embeddings, first, atol=1e-2)


def test_embeddings_of_ones_own_by_name(photos, own_rows, rows, names, tmp_path):
    library = build(photos, tmp_path, own_rows)
    centred = rows - rows.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(library.unaveraged @ library.unaveraged.T, centred @ centred.T, atol=1e-4)
    own_rows.unlink()
    opened = lookalike.open(library.path)
    nearest = names[np.argsort(-(library.embeddings @ library.embeddings[5]))[1]]
    for query in (names[5], photos / names[5], str(photos / names[5])):
        assert list(opened.find(query, n=2)["file_name"]) == [names[5], nearest]
    assert list(opened.find(names[:3], n=1)["file_name"]) == names[:3]
    assert set(opened.evaluate()) > {"acc", "map"}
    opened.cluster(n_clusters=2).map("pca")


@pytest.mark.parametrize("kind", ["hf", "onnx", "npy"])
def test_a_finished_library_is_arranged_anew_without_the_files(kind, vit, write_onnx, rows, names, photos, tmp_path):
    place = tmp_path / "source"
    shutil.copytree(vit, place / "encoder")
    write_onnx(place / "encoder.onnx", side=32)
    np.save(place / "encoder.npy", rows)
    (place / "encoder.txt").write_text("\n".join(names))
    model = f"hf:{place / 'encoder'}" if kind == "hf" else str(place / f"encoder.{kind}")
    folder = shutil.copytree(photos, tmp_path / "photos")
    built = build(folder, tmp_path, model)
    before = np.array(built.embeddings)
    shutil.rmtree(place)
    again = build(folder, tmp_path, model, n_clusters=3)
    assert np.array_equal(again.embeddings, before)
    assert len(again.cluster_names) == 3
    shutil.copy(folder / names[0], folder / "new.png")
    for other in ({}, {"random_state": 7}):
        with pytest.raises(ModelError, match=r"does not exist|no such file"):
            build(folder, tmp_path, model, **other)
    kept = lookalike.open(built.path)
    assert kept.info()["finished"]
    assert kept.settings.random_state == 0


def test_a_table_of_other_names_is_said_before_anything_is_decoded(photos, rows, names, tmp_path):
    np.save(tmp_path / "own.npy", rows)
    (tmp_path / "own.txt").write_text("\n".join(f"/else/{name}" for name in names))
    stages = []
    with pytest.raises(ModelError, match="names are relative"):
        build(photos, tmp_path, tmp_path / "own.npy", progress=lambda stage, *_, **__: stages.append(stage))
    assert "decode" not in stages


def test_pictures_outside_it_have_none(photos, own_rows, names, tmp_path):
    library = build(photos, tmp_path, own_rows)
    picture = photos / names[0]
    other = shutil.copy(picture, tmp_path / "other.png")
    for query in (other, str(other), picture.read_bytes(), np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(ModelError, match=r"no image of .*has no encoder"):
            library.find(query)
    with pytest.raises(ModelError, match="holds embeddings and no encoder"):
        library.reconstruct(picture)
    with pytest.raises(SettingError, match="empty list"):
        library.find([])
    with pytest.raises(SettingError, match="cannot encode pictures"):
        lookalike.ImageEncoder(str(own_rows)).fit([picture])


def test_a_picture_without_a_row_is_named(photos, rows, names, tmp_path):
    np.save(tmp_path / "own.npy", rows[2:])
    (tmp_path / "own.txt").write_text("\n".join(names[2:]))
    with pytest.raises(ModelError, match=f"no row for '{names[0]}', '{names[1]}'; names are relative"):
        build(photos, tmp_path, tmp_path / "own.npy")


def test_npy_parquet_and_columns_say_the_same(rows, names, tmp_path):
    np.save(tmp_path / "a.npy", rows.astype(np.float64))
    (tmp_path / "a.txt").write_bytes("\r\n".join([*names, ""]).encode())
    columns = {f"x{number}": rows[:, number] for number in range(rows.shape[1])}
    pd.DataFrame({"file_name": names, "note": "x", **columns}).to_parquet(tmp_path / "b.parquet")
    lists = {"other": list(rows[:, :2]), "embedding": list(rows), "width": 3}
    pd.DataFrame({"file_name": names, **lists}).to_parquet(tmp_path / "c.parquet")
    for file in ("a.npy", "b.parquet", "c.parquet"):
        assert np.array_equal(embeddings_for(names[::-1], tmp_path / file), rows[::-1]), file


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda table: table.drop(columns="file_name"), "no column file_name; it has embedding"),
        (lambda table: pd.concat([table, table[:1]]), "several rows for "),
        (
            lambda table: table.assign(more=table["embedding"]).rename(columns={"embedding": "e"}),
            "several columns of lists",
        ),
        (lambda table: table.assign(embedding=[row * np.inf for row in table["embedding"]]), "not finite for .*more"),
        (
            lambda table: table.assign(embedding=[row[: 1 + n % 2] for n, row in enumerate(table["embedding"])]),
            "equally",
        ),
        (lambda table: table.assign(embedding="text"), "expected a row of numbers"),
        (lambda table: table.drop(columns="embedding").assign(x=1.0, width=3), "has width and no column of lists"),
    ],
)
def test_tables_that_cannot_be_used(rows, names, tmp_path, change, complaint):
    change(pd.DataFrame({"file_name": names, "embedding": list(rows)})).to_parquet(tmp_path / "own.parquet")
    with pytest.raises(ModelError, match=complaint) as caught:
        embeddings_for(names, tmp_path / "own.parquet")
    assert "\n" not in str(caught.value)


def rows_of_a_lying_header():
    header = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10**6)}
    np.lib.format.write_array_header_1_0(header, shape)
    return header.getvalue()


def test_arrays_that_cannot_be_used(rows, names, tmp_path):
    path = tmp_path / "own.npy"
    np.save(path, rows)
    with pytest.raises(ModelError, match=r"needs own\.txt beside it"):
        embeddings_for(names, path)
    (tmp_path / "own.txt").write_text("\n".join(names[1:]))
    with pytest.raises(ModelError, match=f"{len(rows)} rows and {len(rows) - 1} names"):
        embeddings_for(names, path)
    np.save(path, np.array([{"a": "pickle"}]), allow_pickle=True)
    with pytest.raises(ModelError, match="cannot be read as an array of numbers"):
        embeddings_for(names, path)
    np.save(path, rows.astype(complex))
    with pytest.raises(ModelError, match="it holds complex128"):
        embeddings_for(names, path)
    for damaged in (b"PK\x03\x04 no zip", rows_of_a_lying_header(), b""):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match="cannot be read as an array of numbers"):
            embeddings_for(names, path)
    (tmp_path / "own.parquet").write_text("no table")
    with pytest.raises(ModelError, match="cannot be read as Parquet"):
        embeddings_for(names, tmp_path / "own.parquet")


def test_dim_keeps_fewer_directions(photos, own_rows, tmp_path):
    assert build(photos, tmp_path, own_rows, model_settings={"dim": 5}).embeddings.shape[1] == 5
    with pytest.raises(SettingError, match="dim=13 is more than the 12 numbers of a row"):
        build(photos, tmp_path, own_rows, model_settings={"dim": 13})


def test_names_mean_the_same_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for given, kept in [
        ("hf:folder", f"hf:{tmp_path / 'folder'}"),
        ("hf:./missing", f"hf:{tmp_path / 'missing'}"),
        ("hf:ada/tiny", "hf:ada/tiny"),
        ("a.ONNX", str(tmp_path / "a.ONNX")),
        ("vae", "vae"),
    ]:
        assert Settings.merged({}, {"model": given}).model == kept
    with pytest.raises(SettingError, match=r"one of siamese-vae, .*hf:NAME_OR_FOLDER, FILE\.onnx"):
        Settings.merged({}, {"model": "resnet"})


def test_they_stand_in_one_comparison(vit, write_onnx, own_rows, photos, tmp_path):
    onnx = write_onnx(tmp_path / "encoder.onnx", side=32)
    models = ["pixels", f"hf:{vit}", str(onnx), str(own_rows), "hf:nobody/nothing", f"hf:{tmp_path / 'missing'}"]
    np.save(tmp_path / "few.npy", np.ones((1, 3)))
    (tmp_path / "few.txt").write_text("gone.png")
    models += [str(tmp_path / "missing.onnx"), str(tmp_path / "few.npy")]
    found = lookalike.compare(photos, models=models, output=tmp_path / "c", **FAST)
    assert set(found.table["model"]) == set(models[:4])
    assert list(found.skipped["model"]) == models[4:]
    assert {path.name for path in (tmp_path / "c").iterdir()} >= {comparing.library_name(name) for name in models[:4]}
    assert found.libraries[str(onnx)].settings.model == str(onnx)
    assert show.draw_approaches(found, tmp_path / "maps.png").stat().st_size > 10_000
    without = lookalike.compare(photos, models=models[:4], labels=None, output=tmp_path / "c", **FAST).table
    agreement = dict(zip(without["model"], without["view_agreement"], strict=True))
    assert np.isnan(agreement.pop(str(own_rows)))
    assert np.isfinite(list(agreement.values())).all()


def test_the_names_of_libraries_differ_when_the_models_do():
    one, other = comparing.library_name("hf:/a/encoder"), comparing.library_name("hf:/b/encoder")
    assert one != other
    assert one.startswith("encoder-")
    assert comparing.library_name("vae") == "vae.lookalike"
    assert "/" not in comparing.library_name("hf:ada/ti ny")


def test_an_estimator_of_an_encoder_from_elsewhere(vit, pictures):
    images = pictures(4)[0]
    encoder = lookalike.ImageEncoder(f"hf:{vit}", n_components=8).fit(images)
    assert encoder.transform(images).shape == (16, 8)
    assert json.dumps(encoder.model_.settings)
