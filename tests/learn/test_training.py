"""The loop, its checkpoints, its settings; what holds for every model is in tests/test_contract.py."""

import json
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lookalike import learn
from lookalike.errors import ModelError, SettingError
from lookalike.learn import checkpoint, device, training
from lookalike.learn.siamese import SiameseVAE
from lookalike.learn.sight import Sight, _viewed
from lookalike.learn.training import MOST_EPOCHS, default_epochs

SETTINGS = {"dim": 4, "size": 32, "width": 8}


@pytest.fixture
def images(pictures):
    return pictures(3)[0]


def fit(images, name="ae", *, slots=None, settings=None, **options):
    slots = np.arange(len(images)) if slots is None else slots
    options = {"epochs": 4, **options}
    return learn.train(name, images, slots, settings=SETTINGS | (settings or {}), **options)


def same(one, other):
    first, second = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def interrupted(images, tmp_path, monkeypatch):
    """A folder with the checkpoint of a training that was interrupted after 2 of 4 steps."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)

    def stop(stage, done, total, note=""):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(images, checkpoint=tmp_path, progress=stop)
    return tmp_path


def steps_taken(images, folder, **options):
    steps = []
    trained = fit(images, checkpoint=folder, progress=lambda stage, done, *_, **__: steps.append(done), **options)
    return trained, steps


def test_a_checkpoint_goes_on(images, interrupted):
    trained, steps = steps_taken(images, interrupted)
    assert steps == [3, 4]
    assert same(trained, fit(images))


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"epochs": 5}, {"name": "sparse-ae"}, {"settings": {"dim": 5}}, {"slots": np.arange(11)}],
    ids=["seed", "epochs", "model", "settings", "images"],
)
def test_the_checkpoint_of_another_training_is_not_taken(images, interrupted, other):
    trained, steps = steps_taken(images, interrupted, **other)
    assert steps[0] == 1
    assert same(trained, fit(images, **other))


def test_no_checkpoint_ahead_of_its_time(images, tmp_path):
    def look(stage, done, total, note=""):
        assert not (tmp_path / "checkpoint.safetensors").exists()

    fit(images, checkpoint=tmp_path, progress=look)
    assert (tmp_path / "checkpoint.safetensors").exists()  # a training that has ended is not done again


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 100], ids=["empty", "text", "noise"])
def test_a_file_that_is_no_checkpoint_is_a_fresh_start(images, tmp_path, content):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    trained, steps = steps_taken(images, tmp_path)
    assert steps[0] == 1
    assert same(trained, fit(images))


def test_a_checkpoint_cut_off_is_a_fresh_start(images, interrupted):
    file = interrupted / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert steps_taken(images, interrupted)[1][0] == 1


def test_a_checkpoint_without_its_tensors_is_named(images, interrupted):
    file = interrupted / "checkpoint.safetensors"
    with checkpoint.safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    save_file({"network.code.weight": torch.zeros(2, 2)}, file, metadata)
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors is damaged.*delete it"):
        fit(images, checkpoint=interrupted)


def test_a_longer_training_sees_more(images):
    steps = [fit(images, epochs=epochs).facts["steps"] for epochs in (1, 2.5, 4)]
    assert steps == [1, 3, 4]
    assert not same(fit(images, epochs=2), fit(images, epochs=4))


def test_every_image_is_seen_once_an_epoch(images, monkeypatch):
    monkeypatch.setattr(learn.Trained, "batch", 4)

    class Watched:
        def __init__(self):
            self.asked = []

        def __getitem__(self, slots):
            self.asked.append(list(slots))
            return images[slots]

    watched = Watched()
    learn.train("ae", watched, np.arange(12), epochs=2, settings=SETTINGS)
    first, second = np.concatenate(watched.asked[:3]), np.concatenate(watched.asked[3:6])
    assert sorted(first) == sorted(second) == list(range(12))
    assert watched.asked[:3] != watched.asked[3:6]


def test_only_the_slots_asked_for_are_seen(images):
    other = images.copy()
    other[[0, 5]] = 255
    slots = np.setdiff1d(np.arange(len(images)), [0, 5])
    assert same(fit(images, slots=slots), fit(other, slots=slots))


def test_minutes_end_it_and_it_says_so(images):
    start = time.monotonic()
    trained = fit(images, epochs=10**6, minutes=0.02)
    assert trained.facts["capped"]
    assert 1 <= trained.facts["steps"] < 10**6
    assert time.monotonic() - start < 60
    assert not fit(images, epochs=2, minutes=100).facts["capped"]


def test_what_is_found_beforehand_counts_for_the_minutes_and_is_not_cut_short(images):
    told = []
    trained = fit(
        images,
        "siamese-vae",
        minutes=1e-9,
        epochs=50,
        progress=lambda stage, *numbers, **_: told.append((stage, numbers)),
    )
    assert (trained.facts["steps"], trained.facts["capped"]) == (1, True)
    assert 0 < trained.facts["prepared"] <= trained.facts["seconds"]
    of_it = [numbers[:2] for stage, numbers in told if stage == "prepare"]
    total = len(images) + 2 * len(_viewed(len(images)))
    assert {whole for _, whole in of_it} == {total}
    assert [done for done, _ in of_it] == sorted(done for done, _ in of_it)
    assert of_it[-1][0] == total
    assert np.isfinite(trained.encode(images)).all()


def test_seconds_before_an_interruption_are_kept(images, interrupted):
    file = interrupted / "checkpoint.safetensors"
    with checkpoint.safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    position = json.loads(metadata["position"]) | {"prepared": 1000.0, "seconds": 200.0}
    save_file(load_file(file), file, {**metadata, "position": json.dumps(position)})
    facts = fit(images, checkpoint=interrupted).facts
    assert 1000 <= facts["prepared"] < 1100
    assert 1200 <= facts["seconds"] < 1300


def test_the_default_length_grows_slower_than_the_folder():
    assert default_epochs(5000) == pytest.approx(40)
    assert default_epochs(3) == default_epochs(50) == MOST_EPOCHS
    shown = [n * default_epochs(n) for n in (500, 5000, 150_000)]
    assert shown[0] < shown[1] < shown[2]
    assert shown[2] / shown[1] == pytest.approx(2.8, abs=0.05)


def test_history_holds_every_term(images):
    history = fit(images, "vae", epochs=45).history
    assert history["step"] == [20, 40, 45]
    assert {"step", "reconstruction", "divergence"} == set(history)
    assert all(len(values) == 3 and np.isfinite(values).all() for values in history.values())


def test_the_weight_of_the_divergence_grows_from_nothing(images):
    network = fit(images, "vae").network
    floats = device.to_floats(images, torch.device("cpu"))
    terms = [float(network.loss(floats, progress)["divergence"].detach()) for progress in (0, 0.1, 0.2, 1)]
    assert terms[0] == 0
    assert 0 < terms[1] < terms[2]
    assert terms[2] == pytest.approx(terms[3], rel=0.01)


def test_a_sparser_code_has_more_zeros(images):
    def zeros(sparsity):
        trained = fit(images, "sparse-ae", epochs=40, settings={"sparsity": sparsity, "dim": 16})
        return (trained.codes(images) == 0).mean()

    assert zeros(0.0) < zeros(200.0)


@pytest.mark.parametrize("name", ["ae", "vae"])
def test_bf16_and_fp32_agree(images, name, monkeypatch):
    trained = fit(images, name, epochs=30)
    results = []
    for fast in (False, True):
        monkeypatch.setattr(device, "fast_bf16", lambda _device, fast=fast: fast)
        results.append(trained.encode(images))
    assert not np.array_equal(*results)
    np.testing.assert_allclose((results[0] * results[1]).sum(1), 1, atol=0.02)  # cosine


def test_the_processor_decides_on_bf16(monkeypatch):
    for abilities, fast in [({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda abilities=abilities: abilities)
        assert device.fast_bf16(torch.device("cpu")) is fast


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "resnet"}, "model='resnet' is unknown; it must be one of siamese-vae"),
        ({"epochs": -1}, "epochs=-1"),
        ({"epochs": float("nan")}, "epochs=nan"),
        ({"minutes": 0}, "minutes=0"),
        ({"settings": {"dim": 0}}, "dim=0"),
        ({"settings": {"dim": "many"}}, "dim='many'"),
        ({"settings": {"colour": 1}}, "colour"),
        ({"settings": {"size": 40}}, "size=40"),
        ({"settings": {"width": 0}}, "width=0"),
        ({"device": "tpu"}, "device='tpu' is not available here; use one of auto, cpu"),
    ],
    ids=str,
)
def test_wrong_settings_are_named(images, wrong, message):
    with pytest.raises(SettingError, match=message):
        fit(images, **wrong)


@pytest.fixture
def kept(images, tmp_path):
    fit(images).save(tmp_path / "model")
    return tmp_path / "model"


def rewrite(kept, **changes):
    document = json.loads((kept / "model.json").read_text())
    (kept / "model.json").write_text(json.dumps({**document, **changes}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: (kept / "model.json").unlink(),
        lambda kept: (kept / "model.safetensors").unlink(),
        lambda kept: (kept / "model.json").write_text("{"),
        lambda kept: (kept / "model.json").write_text("[]"),
        lambda kept: (kept / "model.json").write_text("{}"),
        lambda kept: (kept / "model.safetensors").write_bytes(b"\x80\x04pickle"),
        lambda kept: (kept / "model.safetensors").write_bytes((kept / "model.safetensors").read_bytes()[:-8]),
        lambda kept: rewrite(kept, name="unknown"),
        lambda kept: rewrite(kept, name=["ae"]),
        lambda kept: rewrite(kept, settings={"dim": 4}),
        lambda kept: rewrite(kept, settings={**SETTINGS, "dim": 5}),
        lambda kept: rewrite(kept, settings={**SETTINGS, "width": 2**20}),
        lambda kept: rewrite(kept, settings=None),
    ],
    ids=[
        "no-json", "no-tensors", "half-json", "list", "empty", "pickle", "cut-off", "unknown", "name-list",
        "other-network", "other-dim", "huge", "no-settings",
    ],
)  # fmt: skip
def test_damaged_models_are_named(kept, damage):
    damage(kept)
    with pytest.raises(ModelError, match=r"no usable model in .*model") as raised:
        learn.load_model(kept)
    assert "\n" not in str(raised.value)


def test_a_model_without_its_whitening_is_damaged(kept):
    tensors = load_file(kept / "model.safetensors")
    save_file({key: value for key, value in tensors.items() if "whitening" not in key}, kept / "model.safetensors")
    with pytest.raises(ModelError, match="no usable model"):
        learn.load_model(kept)


def test_a_missing_device_is_not_blamed_on_the_model(kept):
    with pytest.raises(SettingError, match="device="):
        learn.load_model(kept, device="tpu")


def test_embedding_reports_how_far_it_is(images):
    told = []
    learn.embed(fit(images), images, np.arange(12), batch_size=5, progress=lambda *report: told.append(report))
    assert told == [("embed", 5, 12), ("embed", 10, 12), ("embed", 12, 12)]


@pytest.mark.parametrize("name", ["pixels", "ae"])
def test_one_image_is_enough(images, name):
    settings = {"dim": 4, "size": 32}
    trained = learn.train(name, images, np.array([3]), epochs=1, settings=settings)
    assert np.isfinite(trained.encode(images)).all()


def test_pixels_are_principal_components(images):
    trained = learn.train("pixels", images, np.arange(12), settings={"dim": 4, "size": 32})
    flat = images.transpose(0, 3, 1, 2).reshape(12, -1) / 255
    centred = flat - flat.mean(0)
    expected = np.linalg.svd(centred, full_matrices=False)
    codes = trained.codes(images)
    np.testing.assert_allclose(np.abs(codes), np.abs(expected[0] * expected[1])[:, :4], rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("minutes", "prepared", "again"), [(None, 12, 0), (None, 11, 12), (100, 12, 12)])
def test_what_training_does_not_change_is_found_out_once(images, monkeypatch, minutes, prepared, again):
    seen = []
    monkeypatch.setattr(training, "PREPARED", prepared)
    known = SiameseVAE.known
    monkeypatch.setattr(SiameseVAE, "known", lambda self, few: seen.append(len(few)) or known(self, few))
    fit(images, "siamese-vae", epochs=3, minutes=minutes)
    assert sum(seen) == again  # of all that it was prepared by it knows already


def test_what_was_seen_while_preparing_is_to_the_last_bit_what_is_seen_later(monkeypatch):
    monkeypatch.setattr(training, "TOGETHER", 64)
    images = np.random.default_rng(0).integers(0, 256, (150, 32, 32, 3), np.uint8)
    slots = np.random.default_rng(1).permutation(150)
    trained = fit(images, "siamese-vae", slots=slots, epochs=2)
    seen = [trained.network.known(device.to_floats(images[some], "cpu")) for some in np.split(slots, (64, 128))]
    assert torch.equal(trained.known_of(slots), torch.cat(seen))


def test_images_that_were_trained_on_are_embedded_without_a_second_look(images, monkeypatch, tmp_path):
    slots = np.array([2, 3, 5, 7])  # as many as are looked at at once: in another order they round alike
    trained = fit(images, "siamese-vae", slots=slots)
    trained.save(tmp_path)
    expected = learn.embed(learn.load_model(tmp_path), images, slots[::-1])
    others = learn.embed(trained, images[::-1], slots)
    monkeypatch.setattr(Sight, "forward", None)
    np.testing.assert_array_equal(learn.embed(trained, images, slots[::-1], trained_on=True), expected)
    assert not np.array_equal(others, expected[::-1])
    for new in ([2, 3, 4], [12]):
        assert trained.known_of(np.array(new)) is None
