"""What every model of `lookalike.learn` must do. A new model joins the dict and is tested."""

import inspect
import pickle
from importlib import import_module

import numpy as np
import pytest
import torch

from lookalike import learn
from lookalike.errors import ModelError
from lookalike.learn import checkpoint
from lookalike.learn.model import complete, create, home

ELSEWHERE = {"hf": "hf:FOLDER", "onnx": "FILE.onnx"}
"""Encoders that were trained elsewhere keep the same promises; here nobody has trained them."""
NAMES = [*learn.names(), *ELSEWHERE]
SMALL = {"dim": 8, "size": 32, "width": 16}
OWN = {"talk": {"dim": 4, "size": 32}, "keypoints": {"dim": 8, "size": 32, "words": 8}}
"""Where a model cannot take the small settings of the others."""
OTHER = {
    "dim": {"dim": 6},
    "size": {"size": 48},
    "width": {"width": 32},
    "beta": {"beta": 20.0},
    "free_bits": {"free_bits": 3.0},
    "sparsity": {"sparsity": 200.0},
    "latent": {"latent": 5},
    "reconstruction": {"reconstruction": 0.01},
    "agreement": {"agreement": 3000.0},
    "neighbors": {"neighbors": 3.0},
    "learned": {"learned": 1.5},
    "outline": {"outline": 3.0},
    "enlarged": {"enlarged": False},
    "ignore": {"ignore": ["color"]},
    "starter": {"starter": False},
    "words": {"words": 5},
    "pooling": {"pooling": "patches"},
    "mean": {"mean": [0.9, 0.5, 0.1]},
    "std": {"std": [0.1, 0.5, 0.9]},
}
"""For each setting of any model another value than its default or its small one."""
OWN_OTHER = {("talk", "dim"): {"dim": 1, "size": 16}, ("talk", "size"): {"dim": 1, "size": 16}}


def parameters(name):
    known = inspect.signature(model_class(name).__init__).parameters
    return getattr(model_class(name), "choices", [key for key in known if key != "self"])


def model_class(name):
    place = home(ELSEWHERE.get(name, name))
    return getattr(import_module(f"lookalike.learn.{place.module}"), place.name)


def small(name):
    return OWN.get(name) or {key: value for key, value in SMALL.items() if key in parameters(name)}


def fit(name, images, *, epochs=None, settings=None, **options):
    chosen = small(name) | (settings or {})
    epochs = epochs or (3 if name == "talk" else 20)
    return learn.train(name, images, np.arange(len(images)), epochs=epochs, settings=chosen, **options)


def learns(name):
    return hasattr(model_class(name), "loss")


def equal_weights(one, other):
    first, second = one.network.state_dict(), other.network.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def total_loss(network, images):
    torch.manual_seed(0)
    network.train()
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        terms = network.loss(floats, 1.0)
    assert terms
    assert all(term.shape == () and torch.isfinite(term) for term in terms.values())
    return float(sum(terms.values()))


def error(images, decoded):
    return float(np.square(images.astype(float) - decoded).mean())


@pytest.fixture(scope="module", params=NAMES)
def name(request, tmp_path_factory):
    if request.param == "hf":
        return f"hf:{request.getfixturevalue('vit')}"
    if request.param == "onnx":
        write = request.getfixturevalue("write_onnx")
        return str(write(tmp_path_factory.mktemp("graph") / "encoder.onnx"))
    return request.param


@pytest.fixture(scope="module")
def images(name, pictures):
    """(n, 32, 32, 3), fewer for the network of the talk, which is slow."""
    return pictures(2 if name == "talk" else 16)[0]


@pytest.fixture(scope="module")
def trained(name, images):
    return fit(name, images, epochs=60 if name == "talk" else 120)


@pytest.fixture(scope="module")
def untrained(name):
    torch.manual_seed(0)
    settings = complete(name, small(name))
    return learn.Trained(name, create(name, settings), settings=settings, device=torch.device("cpu"))


@pytest.fixture
def few(images):
    return images[:8]


def test_images_become_embeddings_of_length_one(trained, images):
    embeddings = trained.encode(images)
    assert embeddings.shape == (len(images), trained.dim)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


def test_embeddings_become_images_where_there_is_a_decoder(trained, images):
    embeddings = trained.encode(images[:5])
    if not trained.decodes:
        with pytest.raises(ModelError, match="no decoder"):
            trained.decode(embeddings)
        return
    for decoded in (trained.decode(embeddings), trained.reconstruct(images[:5]), trained.sample(5)):
        assert decoded.shape == (5, trained.size, trained.size, 3)
        assert decoded.dtype == np.uint8
    assert np.array_equal(trained.sample(3, seed=1), trained.sample(3, seed=1))
    assert not np.array_equal(trained.sample(3, seed=1), trained.sample(3, seed=2))


def test_the_loss_falls(name, trained, untrained, images):
    if not learns(name):
        pytest.skip("found in closed form")
    assert total_loss(trained.network, images) < total_loss(untrained.network, images)
    trained.network.eval()
    untrained.network.eval()


def test_poor_before_good_after(trained, untrained, images):
    if not trained.decodes:
        pytest.skip("has no decoder")
    after = error(images, trained.reconstruct(images))
    assert after < 0.7 * error(images, untrained.reconstruct(images))
    assert after < 0.9 * error(images, images.mean(0))


def test_neighbors_are_of_the_same_family(name, trained, images, pictures):
    if name == "talk":
        pytest.skip("of eight pictures and so short a training it hangs on rounding, from .4 to 1")
    families = pictures(len(images) // 4)[1]
    embeddings = trained.encode(images)
    distances = np.linalg.norm(embeddings[:, None] - embeddings, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (families[distances.argmin(1)] == families).mean() >= 0.6  # by chance 0.2


def test_encoding_does_not_depend_on_the_batch(trained, images):
    together = trained.encode(images)
    alone = np.concatenate([trained.encode(images[row : row + 1]) for row in range(len(images))])
    np.testing.assert_allclose(alone, together, atol=2e-2)
    slots = np.arange(len(images))[::-1]
    batched = learn.embed(trained, images, slots, batch_size=7)
    np.testing.assert_allclose(batched, together[::-1], atol=2e-2)


def test_saved_and_loaded_it_is_the_same(trained, images, tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a pickle was read or written")

    for owner, function in [(torch, "load"), (torch, "save"), (pickle, "load"), (pickle, "loads"), (pickle, "dump")]:
        monkeypatch.setattr(owner, function, forbidden)
    trained.save(tmp_path / "model")
    loaded = learn.load_model(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"model.json", "model.safetensors"}
    assert np.array_equal(loaded.encode(images), trained.encode(images))
    assert equal_weights(loaded, trained)
    assert (loaded.name, loaded.settings, loaded.facts) == (trained.name, trained.settings, trained.facts)
    assert loaded.history == trained.history
    if trained.decodes:
        assert np.array_equal(loaded.reconstruct(images[:3]), trained.reconstruct(images[:3]))


def test_the_seed_decides(name, few):
    first, again, other = fit(name, few), fit(name, few), fit(name, few, seed=1)
    assert equal_weights(first, again)
    assert np.array_equal(first.encode(few), again.encode(few))
    if learns(name):
        assert not np.allclose(first.encode(few), other.encode(few), atol=1e-3)
    else:  # nothing is random beyond rounding
        np.testing.assert_allclose(np.abs(first.codes(few)), np.abs(other.codes(few)), atol=1e-3)


def test_interrupted_and_resumed_it_is_the_same_to_the_bit(name, few, tmp_path, monkeypatch):
    if not learns(name):
        pytest.skip("found in closed form")
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    monkeypatch.setattr(learn.Trained, "batch", 4)
    whole = fit(name, few, epochs=3)

    def interrupt(stage, done, total, note=""):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(name, few, epochs=3, checkpoint=tmp_path, progress=interrupt)
    steps = []
    resumed = fit(
        name, few, epochs=3, checkpoint=tmp_path, progress=lambda stage, done, total, note="": steps.append(done)
    )
    assert [step for step in steps if step > 3] == [4, 5, 6]  # it went on from the third
    assert set(steps) <= {3, 4, 5, 6}
    assert equal_weights(resumed, whole)
    assert np.array_equal(resumed.encode(few), whole.encode(few))
    assert resumed.history == whole.history


@pytest.mark.parametrize("setting", sorted({key for name in NAMES for key in parameters(name)}))
def test_every_setting_changes_the_result(name, setting, few):
    if setting not in parameters(name):
        pytest.skip(f"{name} has no {setting}")
    assert setting in OTHER, f"give another value of {setting} in OTHER"
    change = OWN_OTHER.get((name, setting), OTHER[setting])
    base, changed = fit(name, few), fit(name, resized(few, change.get("size", 32)), settings=change)
    if base.dim == changed.dim:
        assert not np.allclose(base.encode(few), changed.encode(resized(few, changed.size)), atol=1e-4)
    else:
        assert changed.encode(resized(few, changed.size)).shape == (len(few), change["dim"])


def resized(images, size):
    if size == images.shape[1]:
        return images
    picked = np.arange(size) * images.shape[1] // size
    return np.ascontiguousarray(images[:, picked][:, :, picked])


def test_one_picture_is_enough(name, images):
    trained = fit(name, images[:1], epochs=2)
    assert np.isfinite(trained.encode(images[:3])).all()
