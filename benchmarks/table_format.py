"""Lance against Parquet and .npy for a library's tables; the table of docs/design/library-format.md.

python -m venv /tmp/v && /tmp/v/bin/pip install pylance pyarrow numpy && /tmp/v/bin/python benchmarks/table_format.py

Prints seconds for one million images with 64 numbers each, for writing, reading, and giving every image a new cluster.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

IMAGES = 1_000_000


def timed(name: str, action: Callable[[], object]) -> None:
    """Prints how long the action takes."""
    start = time.monotonic()
    action()
    print(f"{name:<45} {time.monotonic() - start:8.3f} s")


def tables() -> tuple[pa.Table, np.ndarray]:
    """The columns of a library's images, and embeddings."""
    random = np.random.default_rng(0)
    columns = {
        "file_name": [f"folder{i % 997}/img_{i:07d}.jpg" for i in range(IMAGES)],
        "width": np.full(IMAGES, 640, np.int32),
        "content": random.integers(0, 2**62, IMAGES),
        "cluster": random.integers(0, 20, IMAGES).astype(np.int32),
    }
    return pa.table(columns), random.standard_normal((IMAGES, 64)).astype(np.float32)


def main() -> None:
    """Runs everything in a temporary folder."""
    plain, embeddings = tables()
    whole = plain.append_column("embedding", pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), 64))
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        timed("lance: write all", lambda: lance.write_dataset(whole, at / "x.lance"))
        timed("parquet: write the table", lambda: pq.write_table(plain, at / "x.parquet", compression="zstd"))
        timed("npy: write embeddings", lambda: np.save(at / "x.npy", embeddings))
        timed("lance: read all", lambda: lance.dataset(at / "x.lance").to_table())
        timed("parquet: read the table", lambda: pq.read_table(at / "x.parquet"))
        timed("npy: map and sum embeddings", lambda: np.load(at / "x.npy", mmap_mode="r").sum())
        timed("lance: new clusters", lambda: lance.dataset(at / "x.lance").update({"cluster": "cluster + 1"}))
        timed("npy: new clusters", lambda: np.save(at / "clusters.npy", np.zeros(IMAGES, np.int32)))
        print(subprocess.run(["du", "-sh", *map(str, at.iterdir())], capture_output=True, text=True).stdout)
    for module in ("lance", "pyarrow.parquet"):
        timed(f"import {module}", lambda module=module: subprocess.run([sys.executable, "-c", f"import {module}"]))


if __name__ == "__main__":
    main()
