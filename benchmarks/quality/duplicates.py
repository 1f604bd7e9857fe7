"""How far apart near duplicates are: precision and recall of `duplicates` by the distance, and false groups elsewhere.

python benchmarks/quality/duplicates.py ../shared/data/near-duplicates ../shared/data/clothing build/digits
python benchmarks/quality/duplicates.py FOLDER --rules           # other rules to make groups of pairs

Of a folder that holds truth.csv (file_name, group: copies of one picture, empty: of none; edit) a row gives the share
of right pairs among those grouped together (precision), the share of the true pairs that were grouped together
(recall), and which copies were found with their original. Of others, whose near duplicates nobody counted: how many
images are in groups, and how many of their pairs have different sub-folders, so are surely wrong. Results: README.md
beside this file.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import lookalike
from lookalike.pipeline.labels import labels_from

WITHIN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def main() -> None:
    """Prints a table for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--model", default="siamese-vae")
    parser.add_argument("--minutes", type=float, default=0.01)
    parser.add_argument("--libraries", type=Path, help="a folder where libraries are kept, and taken from")
    parser.add_argument("--verify", action="store_true", help="confirm by local features")
    parser.add_argument("--rules", action="store_true", help="compare rules too")
    options = parser.parse_args()
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as place:
            report(folder, built(folder, options.libraries or Path(place), options), options)


def built(folder: Path, place: Path, options: argparse.Namespace) -> lookalike.Library:
    """The folder's library; the layout and the clusters, which do not matter here, are quick ones."""
    settings = {"minutes": options.minutes, "n_clusters": 2, "space": "embedding", "projection": "pca"}
    return lookalike.build(folder, place / f"{folder.name}.lookalike", model=options.model, **settings)


def report(folder: Path, library: lookalike.Library, options: argparse.Namespace) -> None:
    """A row for each distance, the default last; with ``rules`` for each rule at each."""
    print(f"\n{folder.name}: {len(library.file_names):,} images\n", flush=True)
    ours = partial(around_one, verify=options.verify)
    for rule, group in {"around one": ours, **(RULES if options.rules else {})}.items():
        limits = (*WITHIN, None) if group is ours else WITHIN
        rows = []
        for within in limits:
            codes = group(library, within)
            rows.append({"rule": rule, "within": within or "default", **scored(folder, library, codes)})
        table = pd.DataFrame(rows)
        print("| " + " | ".join(table) + " |\n" + "|---" * table.shape[1] + "|")
        for row in table.astype(str).itertuples(index=False):
            print("| " + " | ".join(row) + " |", flush=True)


def scored(folder: Path, library: lookalike.Library, codes: np.ndarray) -> dict[str, object]:
    """What the groups, a code for each image (n,), are worth."""
    names = pd.Index(library.file_names)
    sizes = np.bincount(codes)
    grouped = {"groups": (sizes > 1).sum(), "images": sizes[sizes > 1].sum(), "largest": sizes.max()}
    if not (folder / "truth.csv").exists():
        labels = pd.factorize(labels_from("folders", names))[0]
        together, right = pairs(codes), pairs(pd.factorize(pd.Series(codes).astype(str) + "/" + labels.astype(str))[0])
        return {**grouped, "pairs": together, "of two labels": together - right}
    truth = pd.read_csv(folder / "truth.csv").set_index("file_name").loc[names]
    labels = truth["group"].fillna(pd.Series(names, names)).to_numpy()
    both = pairs(pd.factorize(pd.Series(codes).astype(str) + "/" + labels)[0])
    together, true = pairs(codes), pairs(pd.factorize(labels)[0])
    by_edit = of_original(truth, codes)
    shares = {"precision": both / together if together else 1, "recall": both / true, **by_edit}
    return {**grouped, "wrong pairs": together - both, **{name: f"{share:.3f}" for name, share in shares.items()}}


def pairs(codes: np.ndarray) -> int:
    """How many pairs of images have the same code."""
    sizes = np.bincount(codes)
    return int((sizes * (sizes - 1) // 2).sum())


def of_original(truth: pd.DataFrame, codes: np.ndarray) -> dict[str, float]:
    """The share of the originals' copies that are in one group with it, by edit."""
    known = truth.assign(code=codes)[truth["group"].notna().to_numpy()]
    original = known[known["edit"] == "orig"].set_index("group")["code"]
    found = known["code"] == known["group"].map(original)
    return found[known["edit"] != "orig"].groupby(known["edit"]).mean().to_dict()


def around_one(library: lookalike.Library, within: float | None, *, verify: bool) -> np.ndarray:
    """As `duplicates` does."""
    found, codes = library.duplicates(within, verify=verify), np.arange(len(library.file_names))
    rows = pd.Series(codes, library.file_names)
    codes[rows[found["file_name"]]] = rows[found.groupby("group")["file_name"].transform("first")]
    return codes


def linked(method: str) -> Callable[[lookalike.Library, float], np.ndarray]:
    """Agglomerative clustering of all images, which takes n² distances."""

    def group(library: lookalike.Library, within: float) -> np.ndarray:
        from scipy.cluster.hierarchy import fcluster, linkage

        return fcluster(linkage(np.array(library.unaveraged, float), method), within, "distance")

    return group


RULES = {method: linked(method) for method in ("single", "complete", "average")}


if __name__ == "__main__":
    main()
