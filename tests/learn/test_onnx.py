"""Encoders as ONNX graphs."""

import json
import pickle
import sys

import numpy as np
import pytest

from lookalike import learn
from lookalike.errors import MissingExtraError, ModelError, SettingError
from lookalike.learn import graph, hub

onnx = pytest.importorskip("onnx", reason="needs the package onnx")
pytest.importorskip("onnxruntime", reason="needs the extra pretrained")


@pytest.fixture(scope="module")
def images(pictures):
    return pictures(10)[0]  # (40, 32, 32, 3)


def take(path, images, **settings):
    return learn.train(str(path), images, np.arange(len(images)), settings=settings)


def refused(path, kind=ModelError, **settings):
    with pytest.raises(kind) as caught:
        learn.check_settings(str(path), settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_codes_are_what_the_graph_gives(write_onnx, images, tmp_path):
    import onnxruntime

    path = write_onnx(tmp_path / "a.onnx", side=32)
    mean, std = (np.array(values, np.float32).reshape(3, 1, 1) for values in hub.IMAGENET)
    seen = (images.transpose(0, 3, 1, 2).astype(np.float32) / 255 - mean) / std
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    trained = take(path, images)
    assert (trained.size, trained.dim) == (32, 16)
    np.testing.assert_allclose(trained.codes(images), session.run(None, {"image": seen})[0], atol=1e-4)


def test_tokens_and_maps_are_averaged_and_a_fixed_number_of_images_is_filled_up(write_onnx, images, tmp_path):
    codes = {}
    for batch in ("n", 1, 16):
        for output in ("embedding", "tokens", "maps"):
            path = write_onnx(tmp_path / f"{batch}{output}.onnx", batch=batch, output=output, side=32)
            codes[batch, output] = take(path, images).codes(images)
    for found in codes.values():
        np.testing.assert_allclose(found, codes["n", "embedding"], atol=1e-4)


def test_the_output_of_two_dimensions_is_preferred():
    tokens, pooled = np.ones((2, 5, 3), np.float16), np.zeros((2, 4), np.float32)
    assert graph._pooled([tokens, pooled]).shape == (2, 4)
    assert graph._pooled([tokens]).dtype == np.float32
    with pytest.raises(ValueError, match="neither"):
        graph._pooled([np.ones(3, np.float32)])


def test_a_row_for_each_image_or_none(write_onnx, tmp_path):
    path = write_onnx(tmp_path / "a.onnx", side=32)
    found = onnx.load(path)
    flat = next(entry for entry in found.graph.initializer if entry.name == "flat")
    flat.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 16, -1]), "flat"))  # all images become one
    onnx.save(found, path)
    assert "(1, 16) for 2 images; expected a row for each" in refused(path)


def test_images_that_the_graph_cannot_encode_later(write_onnx, images, tmp_path):
    trained = take(write_onnx(tmp_path / "a.onnx", side=32), images)
    with pytest.raises(ModelError, match="the model's ONNX graph cannot encode images of 24 pixels"):
        trained.codes(images[:, :24, :24])


def test_the_size_is_the_graphs_or_a_setting(write_onnx, tmp_path, images):
    fixed, free = write_onnx(tmp_path / "fixed.onnx", side=48), write_onnx(tmp_path / "free.onnx")
    assert learn.image_size(str(fixed)) == 48
    assert learn.image_size(str(free)) == 224
    assert take(free, images, size=32).size == 32
    assert "made for images of 48 pixels" in refused(fixed, SettingError, size=32)
    assert "cannot encode images of 4 pixels" in refused(free, size=4)


def test_an_image_processor_beside_it_is_followed(write_onnx, tmp_path):
    path = write_onnx(tmp_path / "model.onnx")
    said = {"size": 64, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 0.5]}
    before = learn.elsewhere.source(str(path))["source_hash"]
    (tmp_path / hub.PREPROCESSOR).write_text(json.dumps(said))
    found = graph.describe(path)
    assert (found.size, found.mean, found.std) == (64, [0.5] * 3, [0.25, 0.5, 0.5])
    after = learn.elsewhere.source(str(path))["source_hash"]
    assert after != before
    (tmp_path / hub.CONFIG).write_text(json.dumps({"image_size": 64}))
    assert learn.elsewhere.source(str(path))["source_hash"] != after


def test_the_model_keeps_the_file(write_onnx, images, tmp_path):
    path = write_onnx(tmp_path / "a.onnx", side=32)
    trained = take(path, images)
    trained.save(tmp_path / "kept")
    path.unlink()
    kept = learn.load_model(tmp_path / "kept")
    assert np.array_equal(kept.encode(images), trained.encode(images))
    assert np.array_equal(pickle.loads(pickle.dumps(trained)).encode(images), trained.encode(images))


@pytest.mark.parametrize("written", [b"", b"no graph at all"])
def test_a_file_that_is_no_graph(tmp_path, written):
    (tmp_path / "a.onnx").write_bytes(written)
    assert "cannot be opened as an ONNX graph" in refused(tmp_path / "a.onnx")
    assert "there is no such file" in refused(tmp_path / "b.onnx")


def test_a_graph_of_something_else(write_onnx, tmp_path):
    assert "expected one input of square images" in refused(write_onnx(tmp_path / "a.onnx", channels=1))


def test_weights_in_another_file_are_not_read(write_onnx, tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = onnx.load(write_onnx(tmp_path / "inside.onnx", side=32))
    onnx.save(inside, tmp_path / "outside.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").exists()
    assert "keeps its weights in another file; save it as one" in refused(tmp_path / "outside.onnx")


def test_without_onnxruntime_it_says_what_to_install(write_onnx, tmp_path, monkeypatch):
    path = write_onnx(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install 'lookalike[pretrained]'" in refused(path, MissingExtraError)
