"""How good is what was not learned from the folder: hand-made features, an untrained network, the starter alone.

python benchmarks/quality/handmade.py ../shared/data/clothing
python benchmarks/quality/handmade.py ../shared/data/near-duplicates --labels ../shared/data/near-duplicates/truth.csv

The baselines that the models have to beat, scored as the models are (`models.py`): search over all images, clusters by
k-means in the manifold at the true K, as `build` makes them, and search with averages of the neighbours, too. Every
feature is centred and normalised. Pictures have 64 pixels a side; the starter looks as closely as the default. Runs
are appended to results.jsonl; `runs.py` makes the tables.
"""

import argparse
import os
import tempfile
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from runs import keep
from sklearn.decomposition import PCA

from lookalike import organize, search
from lookalike.images import Pixels, decode_folder, scan, typical_side
from lookalike.learn import DEFAULT, image_size
from lookalike.learn.descriptor import oriented_gradients
from lookalike.learn.nets import Encoder
from lookalike.learn.starter import Starter
from lookalike.pipeline.labels import labels_from
from lookalike.pipeline.scoring import cluster_scores, search_scores


def main() -> None:
    """Describes and scores, one feature after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--name", help="what the set is called; default: the folder's name")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--features", default=",".join(FEATURES))
    options = parser.parse_args()
    seen = cache(partial(decoded, options))
    for name in options.features.split(","):
        images, labels = seen(name == STARTER)
        described = None
        for seed in map(int, options.seeds.split(",")):
            if described is None or name in DRAWN:
                described = normalised(FEATURES[name](images, seed))
                neighbors = search.ExactIndex(described).neighbors(min(91, len(described)))
                averaged = search.averaged(described, *neighbors, described)
                nearest, _ = search.ranked(averaged, neighbors[0])
                searched = {
                    False: search_scores(neighbors[0], described, labels),
                    True: search_scores(nearest, averaged, labels),
                }
            points = organize.manifold(described, seed=seed, neighbors=neighbors)
            clusters = organize.cluster(points, int(labels.max()) + 1, seed=seed, neighbors=neighbors[0])
            for average, scores in searched.items():
                run = {**scores, **cluster_scores(clusters, labels)}
                keep(options.name or options.folder.name, name, seed, run, averaged=average)


def decoded(options: argparse.Namespace, closely: bool) -> tuple[np.ndarray, np.ndarray]:
    """The folder's images uint8 (n, size, size, 3), and numbers of their labels, -1 for none."""
    found, size = scan(options.folder).candidates, 64
    if closely:
        paths = [options.folder / os.fsdecode(path) for path in found["path"]]
        size = image_size(DEFAULT, len(paths), lambda: typical_side(paths))
    with tempfile.TemporaryDirectory() as place:
        rows, _ = decode_folder(options.folder, found, place, size=size, fit="squash")
        pixels = Pixels(place)[rows["slot"].to_numpy()]
    return pixels, pd.factorize(labels_from(options.labels, rows["file_name"]))[0]


def normalised(features: np.ndarray) -> np.ndarray:
    """Centred, each of length 1."""
    centred = features - features.mean(0)
    return (centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def pixels(images: np.ndarray, seed: int) -> np.ndarray:
    """Pictures of 32x32 pixels."""
    shrunk = [cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA) for image in images]
    return np.stack(shrunk).reshape(len(images), -1).astype(np.float32) / 255


def hog(images: np.ndarray, seed: int) -> np.ndarray:
    """Histograms of oriented gradients (Dalal & Triggs, 2005): 8x8 cells, 18 directions."""
    few_by_few = torch.split(torch.from_numpy(images).permute(0, 3, 1, 2), 256)
    return np.concatenate([oriented_gradients(few.float() / 255, 8, mirrored=False).numpy() for few in few_by_few])


def hsv(images: np.ndarray, seed: int) -> np.ndarray:
    """Square roots of a histogram of 16 hues, 4 saturations, 4 values."""
    histograms = []
    for image in images:
        colours = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        histograms.append(cv2.calcHist([colours], [0, 1, 2], None, [16, 4, 4], [0, 180, 0, 256, 0, 256]).ravel())
    return np.sqrt(np.stack(histograms) / 64**2)


def untrained(images: np.ndarray, seed: int) -> np.ndarray:
    """The models' encoder with random weights."""
    torch.manual_seed(seed)
    network = Encoder(64, 32).eval()
    with torch.inference_mode():
        floats = (torch.from_numpy(few).permute(0, 3, 1, 2).float() / 127.5 - 1 for few in np.array_split(images, 100))
        return np.concatenate([network(few).numpy() for few in floats if len(few)])


def started(images: np.ndarray, seed: int) -> np.ndarray:
    """What the starter sees, which never saw a photograph."""
    starter = Starter(mirrored=False)
    starter.prepare()
    few_by_few = torch.split(torch.from_numpy(images).permute(0, 3, 1, 2), 256)
    return np.concatenate([starter(few.float() / 255).numpy() for few in few_by_few])


def reduced(features: np.ndarray, *, whiten: bool) -> np.ndarray:
    """64 principal components."""
    return PCA(64, whiten=whiten, random_state=0).fit_transform(features)


def joined(images: np.ndarray, seed: int) -> np.ndarray:
    """Whitened HOG, pixels and HSV, each normalised, side by side."""
    parts = [reduced(feature(images, seed), whiten=True) for feature in (hog, pixels, hsv)]
    return np.concatenate([normalised(part) for part in parts], 1)


STARTER = "starter PCA-64 whitened"
FEATURES = {
    "pixels": pixels,
    "pixels PCA-64": lambda images, seed: reduced(pixels(images, seed), whiten=False),
    "pixels PCA-64 whitened": lambda images, seed: reduced(pixels(images, seed), whiten=True),
    "HOG": hog,
    "HOG PCA-64 whitened": lambda images, seed: reduced(hog(images, seed), whiten=True),
    "HSV histogram": hsv,
    "HOG + pixels + HSV whitened": joined,
    STARTER: lambda images, seed: reduced(started(images, seed), whiten=True),
    "untrained encoder PCA-64 whitened": lambda images, seed: reduced(untrained(images, seed), whiten=True),
}
DRAWN = {"untrained encoder PCA-64 whitened"}
"""Features that the seed is part of; the others differ in their clusters only."""

if __name__ == "__main__":
    main()
