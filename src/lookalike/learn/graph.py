"""An ONNX graph: what goes in, what comes out, run by onnxruntime. Loads no torch."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.errors import ModelError
from lookalike.learn.hub import IMAGENET, LARGEST_SIDE, USUAL, missing_extra, preparation, processors

OTHER_FILES = "session.model_external_initializers_file_folder_path"
"""onnxruntime's setting of where weights outside the graph lie."""
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Graph(NamedTuple):
    """What is known of a graph from its file alone."""

    size: int
    """Pixels a side of its images; where the graph takes any, what its image processor says, or 224."""
    fixed: bool
    """Whether it takes no other size."""
    mean: list[float]
    std: list[float]
    n_bytes: int


def describe(path: Path) -> Graph:
    """What a file says of its images; ModelError when it is no graph from images to numbers, or is damaged."""
    side, n_bytes = _looked_at(path, path.stat().st_mtime_ns)
    beside = preparation(path.parent) if processors(path.parent) else None
    mean, std = (beside.mean, beside.std) if beside else IMAGENET
    return Graph(side or (beside.size if beside else USUAL), side is not None, mean, std, n_bytes)


@lru_cache(maxsize=16)
def _looked_at(path: Path, _: int) -> tuple[int | None, int]:
    """Pixels a side, and bytes of the file; its time has one that changed looked at again."""
    content = path.read_bytes()
    return sides(open_graph(content, str(path)), str(path)), len(content)


def open_graph(content: bytes, name: str, threads: int = 0) -> Any:
    """A session of onnxruntime for a file's content; ``threads`` 0 leaves their number to onnxruntime.

    ModelError when it is damaged, or keeps weights in another file, which is never read: a library would lack them, and
    a stranger's could name any. MissingExtraError without the package.
    """
    try:
        import onnxruntime
    except ImportError:
        raise missing_extra(name) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    options.add_session_config_entry(OTHER_FILES, os.devnull)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own, which have no tree
        reason = " ".join(str(error).split())[:200]
        if "external" in reason.lower():
            reason = "it keeps its weights in another file; save it as one"
        raise ModelError(f"{name} cannot be opened as an ONNX graph: {reason}") from error


def sides(session: Any, name: str) -> int | None:
    """Pixels a side that the graph is made for, None for any; ModelError unless it takes images (n, 3, s, s) alone."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    spatial = {side for side in shape[2:] if isinstance(side, int)}
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3) or len(spatial) > 1:
        found = ", ".join(f"{entry.name} {entry.shape}" for entry in inputs)
        raise ModelError(f"{name} takes {found}; expected one input of square images (n, 3, size, size)")
    if spatial and not 1 <= max(spatial) <= LARGEST_SIDE:
        raise ModelError(f"{name} takes images of {max(spatial)} pixels a side; {LARGEST_SIDE} are the most")
    if inputs[0].type not in TYPES:
        raise ModelError(f"{name} takes {inputs[0].type}; expected floating-point images")
    return spatial.pop() if spatial else None


def run(session: Any, images: np.ndarray, name: str) -> np.ndarray:
    """Images (b, 3, s, s) to float32 (b, d): the first output of two dimensions, else the first one's mean.

    Tokens (b, t, d) and maps (b, d, h, w) are averaged. A graph for a fixed number of images gets as many. ModelError
    when it cannot, or does not give a row for each image.
    """
    try:
        return _run(session, images)
    except Exception as error:  # onnxruntime's own, which have no tree
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name} cannot encode images of {images.shape[-1]} pixels a side: {reason}") from error


def _run(session: Any, images: np.ndarray) -> np.ndarray:
    entry = session.get_inputs()[0]
    at_once = entry.shape[0] if isinstance(entry.shape[0], int) else len(images)
    found: list[np.ndarray] = []
    for start in range(0, len(images), at_once):
        few = images[start : start + at_once].astype(TYPES[entry.type])
        filled = np.resize(few, (at_once, *few.shape[1:]))  # the last ones repeat others, which are cut off again
        codes = _pooled(session.run(None, {entry.name: filled}))
        if len(codes) != at_once or (found and codes.shape != (at_once, found[0].shape[1])):
            raise ValueError(f"it gives {codes.shape} for {at_once} images; expected a row for each")
        found.append(codes[: len(few)])
    return np.concatenate(found)


def _pooled(outputs: list[Any]) -> np.ndarray:
    arrays = [array for array in outputs if isinstance(array, np.ndarray)]
    chosen = next((array for array in arrays if array.ndim == 2), arrays[0])
    if chosen.ndim not in (2, 3, 4):
        raise ValueError(f"its output {chosen.shape} is neither (n, d), tokens (n, t, d) nor maps (n, d, h, w)")
    over = {2: (), 3: (1,), 4: (2, 3)}[chosen.ndim]
    return np.asarray(chosen.astype(np.float32).mean(over) if over else chosen, np.float32)
