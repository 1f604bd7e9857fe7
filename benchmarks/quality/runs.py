"""Runs are kept one by one in results.jsonl beside this file, and become tables: mean ± standard deviation over seeds.

python benchmarks/quality/runs.py                 # every set's table, as Markdown
python benchmarks/quality/runs.py clothing        # one set's
python benchmarks/quality/runs.py --write         # into README.md, under the headings that are named like the sets
"""

import argparse
import datetime
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lookalike.learn import GENERATION

RESULTS = Path(__file__).with_name("results.jsonl")
FROM_SCRATCH = " from scratch"
"""How the names of Siamese models without the starter end."""
TEXTURE, STARTER, SHIPPED, ENLARGED, DENSE = 6, 7, 10, 15, 20
"""Generations (`GENERATION`) from which on they know texture, come with a starter, with that which ships, look for
motifs in the enlarged picture, and know motifs from scratch, too."""
SCORES = {
    "precision_at_10": "P@10",
    "knn_accuracy": "1-NN",
    "knn_accuracy_10": "10-NN",
    "map": "mAP",
    "acc": "ACC",
    "nmi": "NMI",
    "ari": "ARI",
}


def keep(folder_set: str, model: str, seed: int, run: Mapping[str, Any], **settings: Any) -> None:
    """Appends a run with what it was made by, and prints it."""
    found = {key: round(value, 4) for key, value in run.items() if isinstance(value, float)}
    made_by = {
        "date": str(datetime.date.today()),
        "commit": commit(),
        "generation": GENERATION,
        "exchanges": True,
        **settings,
    }
    line = {"set": folder_set, "model": model, "seed": seed, **made_by, **found}
    with RESULTS.open("a") as results:
        print(json.dumps(line), file=results)
    print(json.dumps(line), flush=True)


def commit() -> str:
    """The commit of the code, with a + when the package's own code differs from it."""
    git = ["git", "-C", str(RESULTS.parent)]
    known = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":/src"], check=False).returncode
    return known.stdout.strip() + "+" * changed


def table(folder_set: str) -> str:
    """A row for each model, the best precision first; a run that was repeated counts as it was the last time.

    Search with embeddings that are averaged with those around them has a row of its own.

    The default and ``siamese`` of before there was a starter were trained from scratch; those with an earlier starter
    than the one that ships do not count. P@10 with a ‡ is of those that have the starter and did not look at the
    enlarged picture, or are from scratch and knew no motifs, where there are none that do; those of still earlier
    generations do not count. ACC with a † is of clusters from before k-means went on by exchanges.
    """
    runs = pd.read_json(RESULTS, lines=True)
    of_ours = runs["model"].str.startswith("siamese")
    runs = runs[~of_ours | runs["generation"].ge(TEXTURE - 1)]
    scratch = of_ours & runs["generation"].lt(STARTER) & ~runs["model"].str.endswith(FROM_SCRATCH)
    runs["model"] += scratch.map({True: FROM_SCRATCH, False: ""})
    earlier = runs["generation"].between(STARTER, SHIPPED - 1) & ~runs["model"].str.endswith(FROM_SCRATCH)
    runs = runs[~(runs["model"].str.startswith("siamese") & earlier)].copy()
    started = of_ours & ~runs["model"].str.endswith(FROM_SCRATCH)
    enough = started.map({True: ENLARGED, False: DENSE})
    runs["old"] = of_ours & runs["generation"].lt(enough)
    runs["model"] += runs["averaged"].eq(True).map({True: ", averaged", False: ""})
    runs["new"] = of_ours & runs["generation"].ge(enough)
    runs = runs[runs["set"] == folder_set]
    renewed = runs["model"].isin(runs.loc[runs["new"], "model"])
    runs = runs[~(runs["old"] & renewed)].drop_duplicates(["model", "seed"], keep="last")
    order = runs.groupby("model")["precision_at_10"].mean().sort_values(ascending=False).index
    scores = {**SCORES, "recall_at_10": "R@10"} if folder_set == "near-duplicates" else SCORES
    heads = ["model", "runs", *scores.values(), "drawn", "train, s"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for model in order:
        of_model = runs[runs["model"] == model]
        drawn, train = (of_model[key].mean() for key in ("rmse", "train"))
        cells = [
            model,
            len(of_model),
            *(spread(of_model[key]) + mark(of_model, key) for key in scores),
            "" if drawn != drawn else f"{drawn:.1f}",
            "" if train != train else f"{train:.0f}",
        ]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


def mark(runs: pd.DataFrame, key: str) -> str:
    """What says that a mean is of runs from before a change."""
    if key == "precision_at_10":
        return "‡" * bool(runs["old"].any())
    return "†" * (key == "acc" and not runs["exchanges"].eq(True).all())


def spread(values: "pd.Series") -> str:
    """Mean ± standard deviation, without the latter for a single run; scores without their zero."""
    mean = f"{values.mean():.3f}".removeprefix("0")
    return mean if len(values) == 1 else f"{mean} ± {values.std(ddof=0):.3f}".replace("± 0", "± ")


def write(sets: list[str]) -> None:
    """Puts the tables into README.md in place of those that are there."""
    page = RESULTS.with_name("README.md")
    text = page.read_text()
    for folder_set in sets:
        old = re.compile(rf"(?<=^## {re.escape(folder_set)}\n\n)(\|.*\n)+", re.MULTILINE)
        text = old.sub(lambda _, name=folder_set: table(name) + "\n", text)
    page.write_text(text)


def main() -> None:
    """Prints the tables, or writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sets = options.sets or list(pd.read_json(RESULTS, lines=True)["set"].unique())
    if options.write:
        write(sets)
        return
    for folder_set in sets:
        print(f"## {folder_set}\n\n{table(folder_set)}\n")


if __name__ == "__main__":
    main()
