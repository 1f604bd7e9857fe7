"""Encoders of the Hugging Face hub's format, tiny and untrained: what is taken of each family, and what is refused."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch

from lookalike import learn
from lookalike.errors import MissingExtraError, ModelError, SettingError
from lookalike.learn import hub
from lookalike.learn.device import to_floats

transformers = pytest.importorskip("transformers", reason="needs the extra pretrained")

VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
VIT |= {"image_size": 32, "patch_size": 8}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 20, "vocab_size": 50}
TEXT |= {"max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
MAPS = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
MAE = {"decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2}
IMAGENET = {"image_mean": hub.IMAGENET[0], "image_std": hub.IMAGENET[1]}


def clip(**options):
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VIT, projection_dim=24, **options)
    return transformers.CLIPModel(config)


def first(model, images):
    return model(pixel_values=images).last_hidden_state[:, 0]


def pooled(model, images):
    return model(pixel_values=images).pooler_output.flatten(1)


def unmasked(model, images):
    """What MAE's encoder makes of all patches, in an order of its own."""
    model.config.mask_ratio = 0.0
    return model.vit(pixel_values=images).last_hidden_state[:, 1:].mean(1)


def projected(model, images):
    return model.visual_projection(pooled(model.vision_model, images))


FAMILIES = {
    "vit with a head": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**VIT)),
        lambda model, images: first(model.vit, images),
    ),
    "dinov2": (lambda: transformers.Dinov2Model(transformers.Dinov2Config(**VIT)), first),
    "dinov3": (lambda: transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**VIT)), first),
    "mae": (lambda: transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**VIT, **MAE)), unmasked),
    "clip": (clip, projected),
    "clip's image side": (lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**VIT)), pooled),
    "siglip": (
        lambda: transformers.SiglipModel(transformers.SiglipConfig(text_config=TEXT, vision_config=VIT)),
        lambda model, images: pooled(model.vision_model, images),
    ),
    "convnext": (lambda: transformers.ConvNextModel(transformers.ConvNextConfig(**MAPS, image_size=32)), pooled),
    "resnet": (lambda: transformers.ResNetModel(transformers.ResNetConfig(embedding_size=8, **MAPS)), pooled),
}
"""How each is made, and what its authors take of it."""


@pytest.fixture(scope="module")
def images(pictures):
    return pictures(4)[0]


@pytest.fixture
def save(tmp_path):
    """Saves a model to a folder, with the image processor's JSON; ``hf:FOLDER``."""

    def to(model, **said):
        model.save_pretrained(tmp_path / "encoder")
        said = {"size": {"height": 32, "width": 32}, **IMAGENET, **said}
        (tmp_path / "encoder" / hub.PREPROCESSOR).write_text(json.dumps(said))
        return f"hf:{tmp_path / 'encoder'}"

    return to


def take(name, images, **settings):
    return learn.train(name, images, np.arange(len(images)), settings=settings, device="cpu")


def rewrite(name, file, **entries):
    path = learn.elsewhere.place(name) / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def normalised(images):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in hub.IMAGENET)
    return (to_floats(images, torch.device("cpu")) - mean) / std


@pytest.mark.parametrize("family", FAMILIES)
def test_the_codes_are_what_the_authors_take(family, images, save, tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.learn.device.fast_bf16", lambda device: False)
    make, expected = FAMILIES[family]
    torch.manual_seed(1)
    model = make().eval()
    trained = take(save(model), images, dim=6)
    with torch.no_grad():
        wanted = expected(model, normalised(images)).numpy()
    np.testing.assert_allclose(trained.codes(images), wanted, atol=1e-4)
    trained.save(tmp_path / "kept")
    shutil.rmtree(tmp_path / "encoder")  # the kept model needs it no more
    kept = learn.load_model(tmp_path / "kept", device="cpu")
    assert np.array_equal(kept.encode(images), trained.encode(images))
    assert not any(parameter.is_meta for parameter in kept.network.state_dict().values())


def test_neighbours_are_those_of_the_centred_codes(vit, images):
    trained = take(f"hf:{vit}", images, dim=32)
    codes = trained.codes(images)
    centred = codes - codes.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    embeddings = trained.encode(images)
    np.testing.assert_allclose(embeddings @ embeddings.T, centred @ centred.T, atol=1e-3)


def test_few_images_are_enough_to_learn_the_directions_from(vit, pictures, monkeypatch):
    many = pictures(20)[0]
    whole = take(f"hf:{vit}", many, dim=4)
    monkeypatch.setattr("lookalike.learn.pretrained.Pretrained.whitened", 40)
    told = []
    few = learn.train(
        f"hf:{vit}", many, np.arange(80), settings={"dim": 4}, progress=lambda *said, note="": told.append(said)
    )
    assert told[-1] == ("whiten", 40, 40)
    assert not np.array_equal(few.whitening.mean, whole.whitening.mean)
    np.testing.assert_allclose(np.linalg.norm(few.encode(many), axis=1), 1, rtol=1e-5)


def test_a_larger_size_than_it_was_trained_for(vit, pictures):
    large = pictures(2, size=64)[0]
    trained = take(f"hf:{vit}", large, size=64, pooling="patches")
    assert (trained.size, trained.dim) == (64, 32)
    with torch.no_grad():
        seen = trained.network.encoder(pixel_values=torch.zeros(1, 3, 64, 64), interpolate_pos_encoding=True)
    assert seen.last_hidden_state.shape[1] == 65


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"size": {"shortest_edge": 36}, "crop_size": {"height": 24, "width": 24}}, 24),
        ({"size": {"shortest_edge": 36}, "crop_size": 24, "do_center_crop": False}, 36),
        ({"size": 40}, 40),
        ({"size": [40, 40]}, 40),
        ({"size": None}, 32),
    ],
)
def test_the_size_is_the_image_processors(save, said, wanted):
    name = save(transformers.ViTModel(transformers.ViTConfig(**VIT)), **said)
    assert learn.image_size(name) == wanted


@pytest.mark.parametrize(
    ("said", "pixel", "wanted"),
    [
        ({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}, 1.0, 2.0),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 127.5}, 1.0, 3.0),
        ({"do_normalize": False, "do_rescale": False}, 1.0, 255.0),
        ({"do_normalize": False}, 1.0, 1.0),
    ],
)
def test_values_are_brought_to_the_range_that_it_wants(save, said, pixel, wanted):
    name = save(transformers.ViTModel(transformers.ViTConfig(**VIT)), **said)
    _, mean, std = hub.preparation(learn.elsewhere.place(name))
    np.testing.assert_allclose((pixel - np.array(mean)) / std, wanted, rtol=1e-3)


def test_a_processor_within_the_json_of_several(save, tmp_path):
    name = save(transformers.ViTModel(transformers.ViTConfig(**VIT)), size=8)
    inside = {"image_processor": {"size": 16, **IMAGENET}}
    (tmp_path / "encoder" / hub.PROCESSOR).write_text(json.dumps(inside))
    assert learn.image_size(name) == 16


def test_without_a_processor_imagenets_values(vit):
    assert not (vit / hub.PREPROCESSOR).exists()
    assert hub.preparation(vit) == (32, *hub.IMAGENET)


def test_the_size_takes_no_torch(vit):
    import subprocess

    program = f"import sys, lookalike.learn as l; print(l.image_size({f'hf:{vit}'!r}), 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert told.split() == ["32", "False"]


def refused(name, kind=ModelError):
    with pytest.raises(kind) as caught:
        learn.check_settings(name, {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_folder_of_an_encoder(tmp_path, vit):
    assert "does not exist" in refused(f"hf:{tmp_path / 'missing'}")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(f"hf:{tmp_path / 'file'}")
    assert "has no config.json" in refused(f"hf:{tmp_path}")
    shutil.copy(vit / "config.json", tmp_path)
    assert "has no model.safetensors; only that format is read" in refused(f"hf:{tmp_path}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    assert "has no model.safetensors" in refused(f"hf:{tmp_path}")


def test_a_name_that_is_not_here_without_network():
    assert "bring it as a folder: hf:FOLDER" in refused("hf:nobody/nothing-at-all")


def test_text_alone_and_what_transformers_does_not_know(save):
    config = transformers.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=50)
    name = save(transformers.BertModel(config))
    assert "BertModel takes input_ids, not images" in refused(name)
    rewrite(name, hub.CONFIG, model_type="of-tomorrow")
    assert "'of-tomorrow'; export it as ONNX" in refused(name)
    rewrite(name, hub.CONFIG, model_type="timm_wrapper")
    assert "timm's, which reads other files than these; export it as ONNX" in refused(name)
    rewrite(name, hub.CONFIG, backbone="resnet50")
    assert "built upon an encoder" in refused(name)
    (learn.elsewhere.place(name) / hub.CONFIG).write_text("{")
    assert "config.json cannot be read" in refused(name)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"size": {"height": 32, "width": 64}}, "not square"),
        ({"image_std": [0.5, 0.5, 0.0]}, "std above 0"),
        ({"image_mean": [float("nan")] * 3}, "finite"),
        ({"image_mean": 0.5}, "does not say how"),
        ({"rescale_factor": 0}, "does not say how"),
        ({"size": float("inf")}, "does not say how"),
        ({"size": 100_000}, "1024 pixels a side are the most"),
        ({"do_flip_channel_order": True}, "blue before red"),
    ],
)
def test_image_processors_that_cannot_be_followed(save, said, complaint):
    assert complaint in refused(save(transformers.ViTModel(transformers.ViTConfig(**VIT)), **said))


def test_weights_that_are_damaged_or_not_all_there(save, images):
    from safetensors.torch import load_file, save_file

    name = save(transformers.Dinov2Model(transformers.Dinov2Config(**VIT)))
    weights = learn.elsewhere.place(name) / hub.WEIGHTS
    tensors = load_file(weights)
    save_file(
        {key: value for key, value in tensors.items() if "layernorm.weight" not in key}, weights, {"format": "pt"}
    )
    with pytest.raises(ModelError, match=r"lack layernorm\.weight"):
        take(name, images)
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ModelError, match="cannot be used"):
        take(name, images)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"dim": 33}, "more than the 32 numbers"),
        ({"dim": 0}, "dim=0"),
        ({"pooling": "last"}, "pooling='last'"),
        ({"std": [1.0, 0.0, 1.0]}, "std above 0"),
        ({"size": 4}, "does not take these settings"),
        ({"width": 32}, "no setting 'width'; there are dim, size, pooling, mean, std"),
        ({"config": {}}, "no setting 'config'"),
    ],
)
def test_settings_that_cannot_be(vit, settings, complaint):
    with pytest.raises(SettingError, match=complaint):
        learn.check_settings(f"hf:{vit}", settings)


def test_a_strangers_model_makes_nothing_but_encoders_of_transformers(vit, images, tmp_path):
    take(f"hf:{vit}", images).save(tmp_path)
    document = json.loads((tmp_path / "model.json").read_text())

    def loaded(**changes):
        (tmp_path / "model.json").write_text(json.dumps({**document, "settings": {**document["settings"], **changes}}))
        return learn.load_model(tmp_path, device="cpu")

    for name in ("TimmWrapperModel", "pipeline", "AutoModel", "BertModel", "os", "__name__"):
        with pytest.raises(ModelError):
            loaded(architecture=name)
    config = document["settings"]["config"]
    with pytest.raises(ModelError, match="1000 are the most"):
        loaded(config={**config, "num_hidden_layers": 10**9})
    with pytest.raises(ModelError, match="built upon"):
        loaded(config={**config, "backbone": "resnet50"})
    odd = {"auto_map": {"AutoModel": "evil--code.Model"}, "attn_implementation": "evil/kernel", "_attn": "evil"}
    kept = loaded(config={**config, **odd}).network.encoder.config
    assert "evil" not in json.dumps(kept.to_dict())
    assert "evil" not in str(kept._attn_implementation)


def test_without_transformers_it_says_what_to_install(vit, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'lookalike[pretrained]'" in refused(f"hf:{vit}", MissingExtraError)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'lookalike[pretrained]'" in refused("hf:somebody/something", MissingExtraError)


def test_nothing_of_it_needs_torchvision(vit, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert take(f"hf:{vit}", images).encode(images).shape == (len(images), 32)


@pytest.mark.parametrize(
    "odd",
    [
        {"num_attention_heads": 0},
        {"patch_size": 0},
        {"hidden_size": 1e400},
        {"hidden_size": "wide"},
        {"hidden_act": "evil"},
        {"patch_size": None},
        {"image_size": [[]]},
        {"architectures": 3},
    ],
)
def test_odd_configs_are_one_line(odd, vit, tmp_path):
    name = f"hf:{shutil.copytree(vit, tmp_path / 'odd')}"
    rewrite(name, hub.CONFIG, **odd)
    if "architectures" in odd:
        learn.check_settings(name, {})
    else:
        refused(name)


def test_a_family_of_another_mean_must_say_which(save, tmp_path):
    name = save(clip())
    (tmp_path / "encoder" / hub.PREPROCESSOR).unlink()
    assert "has no preprocessor_config.json" in refused(name)
    learn.check_settings(name, {"mean": [0.5] * 3, "std": [0.5] * 3})


def test_all_that_the_index_names_must_be_there(vit, tmp_path, images):
    whole = transformers.ViTModel.from_pretrained(vit)
    whole.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    name, index = f"hf:{tmp_path / 'shards'}", tmp_path / "shards" / hub.INDEX
    assert np.array_equal(take(name, images).encode(images), take(f"hf:{vit}", images).encode(images))
    before = learn.elsewhere.source(name)["source_hash"]
    kept = index.read_text()
    document = json.loads(kept)
    shard = sorted(document["weight_map"].values())[0]
    index.write_text(json.dumps({"weight_map": {**document["weight_map"], "a": "../shards/" + shard}}))
    assert "which is not in this folder" in refused(name)
    index.write_text(kept)
    assert learn.elsewhere.source(name)["source_hash"] == before
    (tmp_path / "shards" / shard).unlink()
    assert f"names {shard!r}, which is not in this folder; fetch the encoder again" in refused(name)


def test_a_name_of_the_hub_is_taken_from_its_cache(vit, images, tmp_path, monkeypatch):
    from huggingface_hub import constants

    snapshot = tmp_path / "models--ada--tiny" / hub.SNAPSHOTS / ("c" * 40)
    shutil.copytree(vit, snapshot)
    (tmp_path / "models--ada--tiny" / "refs").mkdir()
    (tmp_path / "models--ada--tiny" / "refs" / "main").write_text("c" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert "has no preprocessor_config.json in the cache" in refused("hf:ada/tiny")
    for file in (hub.PREPROCESSOR, hub.PROCESSOR):  # how the cache remembers that the hub has none
        known = tmp_path / "models--ada--tiny" / ".no_exist" / ("c" * 40) / file
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
    assert learn.image_size("hf:ada/tiny") == 32
    assert learn.elsewhere.source("hf:ada/tiny")["revision"] == "c" * 40
    assert learn.elsewhere.source("hf:ada/tiny")["source_hash"] == learn.elsewhere.source(f"hf:{vit}")["source_hash"]
    assert np.array_equal(take("hf:ada/tiny", images).encode(images), take(f"hf:{vit}", images).encode(images))
