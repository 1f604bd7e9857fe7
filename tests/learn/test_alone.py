"""The encoder without PyTorch against the network it stands for."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_info, threadpool_limits

from lookalike import learn
from lookalike.errors import ModelError
from lookalike.learn import alone, device

CHOICES = [
    *[("siamese-vae", {"ignore": ignore}) for ignore in ([], ["flip"], ["color", "crop"], ["flip", "color", "scale"])],
    *[("siamese-vae", {"size": size}) for size in (48, 64, 128)],
    ("siamese-vae", {"width": 16, "latent": 5, "dim": 24}),
    ("siamese-vae", {"starter": False}),
    ("siamese", {}),
    ("siamese", {"size": 128}),
    ("vae", {}),
    ("vae", {"size": 128}),
]


@pytest.fixture
def in_32_bits(monkeypatch):
    """Networks compute in float32 on every processor, as the encoder alone does."""
    monkeypatch.setattr(device, "fast_bf16", lambda _: False)


def trained(pictures, name, settings):
    chosen = {"dim": 16, "size": 32, "width": 8, **settings}
    images = pictures(6, size=chosen["size"])[0]
    return learn.train(name, images, np.arange(len(images)), epochs=6, settings=chosen), images


@pytest.mark.parametrize(("name", "settings"), CHOICES, ids=str)
def test_it_encodes_as_the_network_does(pictures, tmp_path, in_32_bits, name, settings):
    model, images = trained(pictures, name, settings)
    model.save(tmp_path)
    found = learn.encoder_alone(tmp_path)
    assert found.size == model.size
    expected = model.encode(images)
    assert np.linalg.norm(expected, axis=1) == pytest.approx(1, abs=1e-4)
    away = np.linalg.norm(found.encode(images) - expected, axis=1)
    assert np.median(away) < 1e-3
    assert away.max() < 0.01  # where two channels' gradients are equally strong, rounding decides which is taken
    assert found.encode(images).dtype == np.float32


def test_pictures_that_are_encoded_at_once_leave_the_threads_as_they_were(pictures, tmp_path, monkeypatch):
    model, images = trained(pictures, "vae", {})
    model.save(tmp_path)
    found = learn.encoder_alone(tmp_path)
    code, inside = found._code, Event()

    def slow(image):
        inside.set()
        time.sleep(0.05)
        return code(image)

    monkeypatch.setattr(found, "_code", slow)
    with ThreadPoolExecutor(1) as other:  # a thread that has limited them and lives on is the only one that may
        limits = other.submit(threadpool_limits, 2, "blas").result()
    try:
        before = threads_of_blas()
        with ThreadPoolExecutor(2) as several:
            first = several.submit(found.encode, images[:1])
            assert inside.wait(10)
            second = several.submit(found.encode, images[:3])  # begins after the first, and would end after it
        assert (len(first.result()), len(second.result())) == (1, 3)
        assert threads_of_blas() == before
    finally:
        limits.restore_original_limits()


def threads_of_blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_neither_looks_for_motifs_where_pictures_are_built_alike(pictures, tmp_path, in_32_bits, monkeypatch):
    model, images = trained(pictures, "siamese", {})
    model.network.sight.built_alike.fill_(1)
    model.save(tmp_path)
    for motifs in model.network.sight.motifs.values():
        monkeypatch.setattr(motifs, "forward", lambda _: pytest.fail("looked for motifs"))
    monkeypatch.setattr(alone, "_summed", lambda *_: pytest.fail("looked for motifs"))
    away = np.linalg.norm(learn.encoder_alone(tmp_path).encode(images) - model.encode(images), axis=1)
    assert away.max() < 0.01


def test_it_takes_one_thread_for_they_would_wait_for_one_another(pictures, tmp_path, monkeypatch):
    model, images = trained(pictures, "siamese", {})
    model.save(tmp_path)
    found, taken = learn.encoder_alone(tmp_path), []
    coded = found._code

    def noted(image):
        taken.extend(of["num_threads"] for of in threadpool_info() if of["user_api"] == "blas")
        return coded(image)

    monkeypatch.setattr(found, "_code", noted)
    with threadpool_limits(2, user_api="blas"):
        found.encode(images[:1])
    assert set(taken) == {1}


def test_models_it_cannot_follow_are_left_to_the_network(pictures, tmp_path):
    trained(pictures, "ae", {})[0].save(tmp_path)
    assert learn.encoder_alone(tmp_path) is None


@pytest.mark.parametrize("change", [{"size": 10**9}, {"size": "64"}, {"ignore": 5}, {"dim": 8}])
def test_an_unusable_model_is_left_to_the_network_to_tell(pictures, tmp_path, change):
    trained(pictures, "siamese-vae", {})[0].save(tmp_path)
    place = tmp_path / "model.json"
    document = json.loads(place.read_text())
    document["settings"] |= change
    place.write_text(json.dumps(document))
    assert learn.encoder_alone(tmp_path) is None
    with pytest.raises(ModelError, match="no usable model"):
        learn.load_model(tmp_path)


@pytest.mark.parametrize("shape", [(1,), (3, 2, 3, 3)], ids=str)
def test_so_is_one_with_a_tensor_of_another_shape(pictures, tmp_path, shape):
    trained(pictures, "siamese-vae", {})[0].save(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(
        {**tensors, "network.encoder.layers.0.0.weight": np.ones(shape, np.float32)}, tmp_path / "model.safetensors"
    )
    assert learn.encoder_alone(tmp_path) is None


def test_a_large_tensor_that_nobody_needs_is_not_read(pictures, tmp_path, monkeypatch):
    trained(pictures, "siamese-vae", {})[0].save(tmp_path)
    monkeypatch.setattr(
        alone, "MOST", sum(tensor.size for tensor in load_file(tmp_path / "model.safetensors").values())
    )
    tensors = load_file(tmp_path / "model.safetensors")
    more = np.zeros(alone.MOST, np.float32)
    save_file({**tensors, "network.junk": more}, tmp_path / "model.safetensors")
    assert learn.encoder_alone(tmp_path) is not None
    save_file({**tensors, "network.encoder.junk": more}, tmp_path / "model.safetensors")
    assert learn.encoder_alone(tmp_path) is None


def test_so_is_a_model_without_weights(tmp_path):
    assert learn.encoder_alone(tmp_path) is None


def test_means_over_cells_and_enlarged_pictures_are_those_of_pytorch():
    import torch

    x = np.random.default_rng(0).random((2, 27, 27)).astype(np.float32)
    for cells in (1, 2, 3, 8, 27):
        expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(x), cells).numpy()
        assert np.abs(alone._averaged(x, cells) - expected).max() < 1e-6
    expected = torch.nn.functional.interpolate(torch.from_numpy(x)[None], scale_factor=2, mode="bilinear")[0].numpy()
    assert np.abs(alone._enlarged(x, 2) - expected).max() < 1e-6
