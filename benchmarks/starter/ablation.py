"""Which families of drawings help: an encoder for each that is left out, for each that is alone, and for all of them.

    python benchmarks/starter/ablation.py train build/ablation --lanes 5       # a graphics card, five minutes
    python benchmarks/starter/ablation.py score build/ablation ../shared/data/clothing build/textures

Each is trained by `train.py` on equally many pairs, those with all families with three seeds: by how far these lie
apart the others are to be judged. They are scored as in `trial.py`: *cells*, alone, on pictures that they never saw.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from families import FAMILIES

HERE = Path(__file__).parent
LEARNER = "strong-32"
SEEDS, AGAIN = 3, 24


def main() -> None:
    """Trains or scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "score"))
    parser.add_argument("output", type=Path, help="a folder with one of each encoder")
    parser.add_argument("folders", type=Path, nargs="*", help="labelled pictures, to score with")
    parser.add_argument("--lanes", type=int, default=1, help="trainings side by side")
    parser.add_argument("--showings", type=int, default=768_000)
    parser.add_argument("--pool", type=int, default=16_384)
    parser.add_argument("--images", type=int, default=2000, help="of each folder, at most")
    options = parser.parse_args()
    if options.what == "train":
        with ThreadPoolExecutor(options.lanes) as lanes:
            list(lanes.map(lambda run: trained(*run, options), runs().items()))
    else:
        scored(options.output, options.folders, options.images)


def runs() -> dict[str, list[str]]:
    """What each encoder is called and what `train.py` is told, the most wanted first."""
    whole = {f"all, seed {seed}": ["--seed", str(seed)] for seed in range(SEEDS)}
    alone = {f"{name} alone": ["--families", name] for name in FAMILIES}
    return whole | {f"without {name}": ["--without", name] for name in FAMILIES} | alone


def trained(name: str, told: list[str], options: argparse.Namespace) -> None:
    """One training."""
    sizes = {"--showings": options.showings, "--pool": options.pool, "--again": AGAIN, "--learners": LEARNER}
    told = told + [str(part) for pair in sizes.items() for part in pair]
    subprocess.run([sys.executable, str(HERE / "train.py"), str(options.output / name), *told], check=True)


def scored(output: Path, folders: list[Path], images: int) -> None:
    """A table: P@10 of each encoder on each folder, and the mean over the folders beside that of all families."""
    from trial import features, reduced, scores, some
    from trial import trained as encoder_of

    sets = [some(folder, images) for folder in folders]
    found = {}
    for name in runs():
        file = output / name / f"{LEARNER}.safetensors"
        if not file.exists():
            continue
        encoder = encoder_of(file).eval()
        rows = [scores(reduced(features(encoder, pictures)[0]), labels) for pictures, labels in sets]
        found[name] = np.array([float(row.split(" / ")[0]) for row in rows])
    usual = np.mean([found[f"all, seed {seed}"] for seed in range(SEEDS)])
    print("| drawings | " + " | ".join(folder.name for folder in folders) + " | mean | beside all |")
    print("|---" * (len(folders) + 3) + "|")
    for name, row in found.items():
        cells = [*(f"{value:.3f}" for value in row), f"{row.mean():.3f}", f"{row.mean() - usual:+.3f}"]
        print(f"| {name} | " + " | ".join(cells).replace("0.", ".") + " |")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
