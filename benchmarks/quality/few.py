"""What small folders are worth: so many pictures drawn from labelled ones, searched, and asked for duplicates.

python benchmarks/quality/few.py ../shared/data/clothing build/flowers --images 36,72,150,300
python benchmarks/quality/few.py ../shared/data/near-duplicates --images 72,200 --seeds 0,1

Of a labelled folder six labels are drawn, then the pictures among theirs: P@5 and 1-NN, not averaged, and how many
pairs `duplicates` puts together. Of a folder that holds truth.csv (file_name, group, edit) a sixth as many originals as
pictures, two copies of each, and pictures that are copies of none: the share of copies among the two nearest, and of
the pairs that `duplicates` puts together, by its default, the right ones and the wrong. Libraries are of the default
model, trained a moment: search lives on what it sees. Results: README.md beside this file.
"""

import argparse
import shutil
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import lookalike
from lookalike.images import scan

LABELS, COPIES, SHARE = 6, 2, 6
"""Labels that are drawn, copies of an original, and of how many pictures one is such an original."""


def main() -> None:
    """A row for each folder and number of pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", default="36,72,150,300")
    parser.add_argument("--seeds", default="0,1")
    options = parser.parse_args()
    for folder in options.folders:
        draw = copied if (folder / "truth.csv").exists() else labelled
        for n_images in map(int, options.images.split(",")):
            drawn = [draw(folder, n_images, int(seed)) for seed in options.seeds.split(",")]
            found = [scored(*some, copies=draw is copied) for some in drawn]
            means = pd.DataFrame(found).mean()
            told = ", ".join(f"{name} {mean:.3f}" if mean < 1 else f"{name} {mean:.1f}" for name, mean in means.items())
            print(f"{folder.name}, {n_images}: {told}", flush=True)


def labelled(folder: Path, n_images: int, seed: int) -> tuple[list[Path], np.ndarray]:
    """Pictures of a few labels, and these."""
    rng = np.random.default_rng(seed)
    files = np.array(scan(folder).candidates["file_name"], object)
    labels = np.array([name.split("/")[0] for name in files])
    chosen = rng.permutation(np.unique(labels))[:LABELS]
    there = np.flatnonzero(np.isin(labels, chosen))
    rows = rng.choice(there, min(n_images, len(there)), replace=False)
    return [folder / name for name in files[rows]], labels[rows]


def copied(folder: Path, n_images: int, seed: int) -> tuple[list[Path], np.ndarray]:
    """Originals, copies, and others: the files, and of each the group, the other's own name."""
    rng = np.random.default_rng(seed)
    truth = pd.read_csv(folder / "truth.csv")
    of_group = dict(list(truth.dropna(subset="group").groupby("group")))
    chosen = rng.choice(sorted(of_group), n_images // SHARE, replace=False)
    rows = []
    for group in chosen:
        edits = of_group[group]
        copies = edits[edits["edit"] != "orig"]
        rows += [edits[edits["edit"] == "orig"], copies.iloc[rng.choice(len(copies), COPIES, replace=False)]]
    others = truth[truth["group"].isna()]
    left = n_images - sum(map(len, rows))
    rows.append(others.iloc[rng.choice(len(others), left, replace=False)])
    table = pd.concat(rows)
    return [folder / name for name in table["file_name"]], table["group"].fillna(table["file_name"]).to_numpy(str)


def scored(files: list[Path], labels: np.ndarray, *, copies: bool) -> dict[str, float]:
    """What the library of these files is worth."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        for number, file in enumerate(files):
            shutil.copyfile(file, folder / f"{number:05d}{file.suffix}")
        settings = {"minutes": 0.01, "n_clusters": 2, "space": "embedding", "projection": "pca"}
        library = lookalike.build(folder, Path(place) / "few.lookalike", **settings)
        labels = labels[[int(name.split(".")[0]) for name in library.file_names]]
        same = labels[library.neighbors[0][:, 1:]] == labels[:, None]
        of_name = dict(zip(library.file_names, labels, strict=True))
        groups = [list(of["file_name"]) for _, of in library.duplicates().groupby("group")]
    pairs = [of_name[one] == of_name[other] for names in groups for one, other in combinations(names, 2)]
    grouped = {"right pairs": sum(pairs), "wrong pairs": len(pairs) - sum(pairs)}
    if copies:
        with_copies = pd.Series(labels).duplicated(keep=False).to_numpy()
        true = len(labels[with_copies]) * COPIES // 2
        return {"copies": same[with_copies, :COPIES].mean(), "grouped": sum(pairs) / true, **grouped}
    return {"P@5": same[:, :5].mean(), "1-NN": same[:, 0].mean(), "pairs": len(pairs)}


if __name__ == "__main__":
    main()
