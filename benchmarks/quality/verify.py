"""What the geometric check does to search: recall of near duplicates with and without it, and what it costs.

python benchmarks/quality/verify.py ../shared/data/near-duplicates --models siamese-vae,keypoints
python benchmarks/quality/verify.py FOLDER --library x.lookalike --groups 10
python benchmarks/quality/verify.py FOLDER --pairs 256 --groups 8     # no search: originals against copies and others

FOLDER holds truth.csv: file_name, group (copies of one picture; empty: of none) and edit. Every picture of a group is a
query; recall@10 is the share of its copies among its ten nearest, 1-NN how often the nearest is one; itself does not
count. Also the inliers of copies and of others. Results: README.md beside this file.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

import lookalike
from lookalike.images import load_whole
from lookalike.learn.geometry import LocalFeatures, local_features, n_inliers
from lookalike.pipeline.verifying import ENOUGH

FOUND = 11  # the query itself, and ten


def main() -> None:
    """Prints a table for each library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="siamese-vae")
    parser.add_argument("--minutes", type=float, default=0.3)
    parser.add_argument("--library", type=Path, help="one that is there, instead of building")
    parser.add_argument("--groups", type=int, help="so many groups only, evenly chosen")
    parser.add_argument("--pairs", type=int, help="inliers of pairs of pictures of so many pixels instead")
    options = parser.parse_args()
    truth = pd.read_csv(options.folder / "truth.csv").set_index("file_name")
    if options.pairs:
        pairs(truth, options)
        return
    for name, library in libraries(options):
        report(name, library, truth, options)


def libraries(options: argparse.Namespace) -> Iterator[tuple[str, lookalike.Library]]:
    """The one that is there, or one of each model, in a temporary place."""
    if options.library:
        yield options.library.name, lookalike.open(options.library)
        return
    for model in options.models.split(","):
        with tempfile.TemporaryDirectory() as place:
            settings = {"model": model, "minutes": options.minutes, "n_clusters": 2, "space": "embedding"}
            yield model, lookalike.build(options.folder, Path(place) / "x.lookalike", projection="pca", **settings)


def report(name: str, library: lookalike.Library, truth: pd.DataFrame, options: argparse.Namespace) -> None:
    """A row for each edit of the query, and milliseconds a query."""
    paths = dict(zip(library.file_names, library.paths, strict=True))
    truth = truth.rename(lambda file: file if file in paths else Path(file).name)  # the library may be of a sub-folder
    queries = truth[truth["group"].isin(some_groups(truth, options.groups))]
    library.find(paths[queries.index[0]])  # opens what is opened once
    rows, inliers, seconds = [], {True: [], False: []}, {False: np.zeros(2), True: np.zeros(2)}
    for query, (group, edit) in queries[["group", "edit"]].iterrows():
        for verify in (False, True):
            start, worked = time.perf_counter(), time.process_time()
            found = library.find(paths[query], FOUND if not verify else 50, verify=verify)
            seconds[verify] += time.perf_counter() - start, time.process_time() - worked
            found = found[found["file_name"] != query]
            right = (truth.loc[found["file_name"], "group"] == group).to_numpy()
            copies = (truth["group"] == group).sum() - 1
            rows.append({"query": edit, "verify": verify, "recall": right[:10].sum() / copies, "first": right[0]})
            if verify:
                for is_copy in (True, False):
                    inliers[is_copy].append(found["inliers"].to_numpy()[right == is_copy])
    print(f"\n{name}: {len(queries)} queries\n", flush=True)
    print(table(pd.DataFrame(rows)))
    for verify, spent in seconds.items():
        passed, worked = 1000 * spent / len(queries)
        print(f"verify={verify}: {passed:.0f} ms a query, {worked:.0f} of a core")
    for is_copy, counts in inliers.items():
        print("inliers of", "copies" if is_copy else "others", quantiles(np.concatenate(counts)), flush=True)


def pairs(truth: pd.DataFrame, options: argparse.Namespace) -> None:
    """Inliers of each original and its copies, a row for each edit, and of it and forty pictures that are no copies."""

    @lru_cache(1000)
    def features(file: str, mirrored: bool = False) -> LocalFeatures:
        picture = load_whole(options.folder / file, longest=options.pairs)
        return local_features(np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture)

    rng, others, rows = np.random.default_rng(0), truth.index[truth["group"].isna()], []
    for group in some_groups(truth, options.groups):
        copies = truth[truth["group"] == group]
        (original,) = copies.index[copies["edit"] == "orig"]
        compared = {**copies["edit"].drop(original), **dict.fromkeys(rng.choice(others, 40, False), "another picture")}
        views = features(original), features(original, mirrored=True)
        rows += [(edit, max(n_inliers(view, features(file)) for view in views)) for file, edit in compared.items()]
    print("| copy | pairs | least | median | most | 8 and more |\n|---|---|---|---|---|---|")
    for edit, of in pd.DataFrame(rows, columns=["edit", "inliers"]).groupby("edit")["inliers"]:
        print(f"| {edit} | {len(of)} | {of.min()} | {of.median():.0f} | {of.max()} | {(of >= ENOUGH).mean():.3f} |")


def some_groups(truth: pd.DataFrame, most: int | None) -> list[str]:
    """The groups, or so many of them, evenly chosen."""
    groups = sorted(set(truth["group"].dropna()))
    return groups[:: max(1, len(groups) // most)][:most] if most else groups


def quantiles(counts: np.ndarray) -> dict[float, float]:
    """Of numbers of inliers."""
    return {share: round(float(np.quantile(counts, share)), 1) for share in (0.01, 0.05, 0.5, 0.95, 0.99, 0.999, 1.0)}


def table(rows: pd.DataFrame) -> str:
    """Markdown: recall@10 and 1-NN without and with the check, by the edit of the query, and in all."""
    lines = ["| query | recall@10 | checked | 1-NN | checked |", "|---|---|---|---|---|"]
    for edit, of in [*rows.groupby("query"), ("all", rows)]:
        means = of.groupby("verify")[["recall", "first"]].mean()
        cells = [f"{means.loc[verify, key]:.3f}" for key in ("recall", "first") for verify in (False, True)]
        lines.append(f"| {edit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
