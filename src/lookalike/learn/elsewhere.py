"""Models that were made elsewhere: what their names mean, and where their files are. Loads no torch.

``hf:NAME_OR_FOLDER`` is an encoder in the format of the Hugging Face hub, ``FILE.onnx`` one as an ONNX graph;
``FILE.parquet`` and ``FILE.npy`` hold embeddings that somebody has made already.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from lookalike.errors import ModelError
from lookalike.learn import graph, hub

HUB = "hf"
KINDS = {".onnx": "onnx", ".parquet": "table", ".npy": "table"}
"""By the ending of a file."""
SHOWN = "hf:NAME_OR_FOLDER, FILE.onnx, FILE.parquet, FILE.npy"
"""How such names look, for messages."""


def kind(name: str) -> str | None:
    """``hf``, ``onnx`` or ``table``; None for a model of one's own."""
    if name.startswith(f"{HUB}:"):
        return HUB
    return KINDS.get(Path(name).suffix.lower())


def located(name: str) -> str:
    """The name with its path made absolute, so that it means the same from everywhere."""
    if kind(name) == HUB:
        place = name.removeprefix(f"{HUB}:")
        return f"{HUB}:{hub.absolute(place)}"
    return str(Path(name).expanduser().absolute()) if kind(name) else name


def without_place(name: str) -> str:
    """The name without where its file or folder lies: for who has another machine."""
    if not kind(name):
        return name
    given = name.removeprefix(f"{HUB}:")
    local = kind(name) != HUB or Path(given).is_absolute()
    return name.removesuffix(given) + (Path(given).name if local else given)


def place(name: str) -> Path:
    """The file, or the folder of an encoder, which is fetched when it is a name of the hub that is not here yet.

    ModelError when there is none.
    """
    return hub.folder(name.removeprefix(f"{HUB}:")) if kind(name) == HUB else _file(name)


def image_size(name: str) -> int:
    """Pixels a side of the images that it wants; ModelError when its files do not tell."""
    found = place(name)
    return hub.preparation(found).size if kind(name) == HUB else graph.describe(found).size


def source(name: str) -> dict[str, str]:
    """What to keep of where it came from: ``source_hash``, of all that is read of it; from the hub the ``revision``."""
    found = place(name)
    files = hub.files(found) if kind(name) == HUB else [found, *sidecars(found)]
    digest = _hash(tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))
    revision = {"revision": found.name} if kind(name) == HUB and found.parent.name == hub.SNAPSHOTS else {}
    return {"source_hash": digest, **revision}


def sidecars(file: Path) -> list[Path]:
    """Files that belong to it, where there are any: the names of a ``.npy``, how an ONNX graph wants its images."""
    if file.suffix.lower() == ".onnx":
        said = hub.processors(file.parent)
        beside = [*said, file.with_name(hub.CONFIG)] if said else []
    else:
        beside = [file.with_suffix(".txt")] if file.suffix.lower() == ".npy" else []
    return [path for path in beside if path.is_file()]


@lru_cache(maxsize=16)
def _hash(files: tuple[tuple[str, int, int], ...]) -> str:
    """Of the files' content; the times and sizes among the arguments have a file that changed read again."""
    digests = []
    for path, _, _ in files:
        with open(path, "rb") as file:
            digests.append(hashlib.file_digest(file, "blake2b").hexdigest())
    return hashlib.blake2b("".join(digests).encode(), digest_size=12).hexdigest()


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise ModelError(f"model={name!r}: there is no such file; name one of {SHOWN}")
    return path
