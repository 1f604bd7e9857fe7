"""Small pictures of clearly different families, in memory and in a folder."""

import os
import signal

os.environ["HF_HUB_OFFLINE"] = "1"  # a name that is not there must not be asked for
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the nets of the tests are small: threads would wait for one another

import numpy as np
import pytest

from lookalike.images import write_image

# Background jobs of a shell ignore Ctrl-C, and would hand that on to the programs under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

FAMILIES = ("discs", "stripes", "checks", "slopes")


def draw(family, rng, height=32, width=32):
    """One picture of a family, uint8 (height, width, 3): shape by family, place, scale and colours at random."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    centre = rng.uniform(0.35, 0.65, 2)
    share = {
        "discs": np.hypot(x - centre[0], y - centre[1]) < rng.uniform(0.2, 0.3),
        "stripes": np.sin(2 * np.pi * (x * rng.uniform(3, 4) + rng.uniform())) > 0,
        "checks": (np.floor(x * 4 + rng.uniform()) + np.floor(y * 4 + rng.uniform())) % 2,
        "slopes": np.clip(y + rng.uniform(-0.2, 0.2), 0, 1),
    }[family]
    dark, light = rng.uniform(0, 60, 3), rng.uniform(180, 255, 3)
    noise = rng.normal(0, 4, (height, width, 3))
    picture = dark + np.asarray(share, float)[:, :, None] * (light - dark) + noise
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def pictures():
    """Makes ``n_each`` pictures of each family: uint8 (n, size, size, 3), and the family's number (n,)."""

    def make(n_each, *, size=32, seed=0):
        rng = np.random.default_rng(seed)
        families = np.tile(np.arange(len(FAMILIES)), n_each)
        return np.stack([draw(FAMILIES[family], rng, size, size) for family in families]), families

    return make


@pytest.fixture(scope="session")
def scene():
    """Draws forty rectangles, uint8 (size, size, 3), with corners enough to be recognised; a seed, an arrangement."""

    def make(seed, size=256):
        rng = np.random.default_rng(seed)
        picture = np.full((size, size, 3), 128, np.uint8)
        for _ in range(40):
            top, left = rng.integers(0, size - 20, 2)
            height, width = rng.integers(12, 60, 2)
            picture[top : top + height, left : left + width] = rng.integers(0, 255, 3)
        return picture

    return make


@pytest.fixture(scope="session")
def draw_folder():
    """Writes ``n_each`` PNG files of each family, oblong, into ``folder``; the family is the sub-folder."""

    def make(folder, n_each=6, seed=0):
        rng = np.random.default_rng(seed)
        for family in FAMILIES:
            (folder / family).mkdir(parents=True)
            for number in range(n_each):
                write_image(draw(family, rng, 40, 52), folder / family / f"{number:03d}.png")
        return folder

    return make


@pytest.fixture(scope="session")
def vit(tmp_path_factory):
    """The folder of an encoder that nobody trained: a ViT for pictures of 32 pixels a side, 32 numbers in a code."""
    transformers = pytest.importorskip("transformers", reason="needs the extra pretrained")
    import torch

    folder = tmp_path_factory.mktemp("encoders") / "vit"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
        transformers.ViTModel(transformers.ViTConfig(**shape, image_size=32, patch_size=8)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def write_onnx():
    """Writes an ONNX graph of random weights: 16 numbers for each patch of 8 pixels, averaged or as they are."""
    onnx = pytest.importorskip("onnx", reason="needs the package onnx")
    pytest.importorskip("onnxruntime", reason="needs the extra pretrained")
    from onnx import TensorProto, helper, numpy_helper

    def write(path, *, batch="n", side="s", channels=3, output="embedding"):
        weights = np.random.default_rng(0).normal(0, 0.1, (16, channels, 8, 8)).astype(np.float32)
        nodes = [
            helper.make_node("Conv", ["image", "weights"], ["linear"], strides=[8, 8]),
            helper.make_node("Relu", ["linear"], ["maps"]),
            helper.make_node("Reshape", ["maps", "flat"], ["columns"]),
            helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
            helper.make_node("ReduceMean", ["tokens"], ["embedding"], axes=[1], keepdims=0),
        ]
        shapes = {"maps": [batch, 16, None, None], "tokens": [batch, None, 16], "embedding": [batch, 16]}
        flat = numpy_helper.from_array(np.array([0, 16, -1]), "flat")
        graph = helper.make_graph(
            nodes[: {"maps": 2, "tokens": 4, "embedding": 5}[output]],
            "encoder",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, channels, side, side])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shapes[output])],
            [numpy_helper.from_array(weights, "weights"), flat],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, path)
        return path

    return write
