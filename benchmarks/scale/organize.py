"""What comes after the embeddings, stage by stage, for as many images as you say: seconds, and memory at the most.

    python benchmarks/scale/organize.py 10000 50000 154644 1000000

Each number of images runs in a process of its own, on embeddings of `embeddings.clustered`. ``--only index,map`` runs
some of the stages; ``--searches`` times single queries by the index that the stage chose, and by the exact one;
``--whole`` fits maps on all images however many.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from embeddings import clustered

from lookalike import metrics, organize, search
from lookalike.organize import projection
from lookalike.pipeline import indexing, scoring

DIM, CLUSTERS, JUDGED = 128, 200, 1000
STAGES = ("index", "map", "umap", "manifold", "choose", "kmeans", "gmm", "ward", "hdbscan", "score")


def main():
    """Reads what is asked for, and starts a process for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=int, nargs="+")
    parser.add_argument("--only", default=",".join(STAGES), help=f"some of {', '.join(STAGES)}")
    parser.add_argument("--searches", action="store_true", help="time single queries too")
    parser.add_argument("--whole", action="store_true", help="fit maps on all images, as if there were few")
    parser.add_argument("--dim", type=int, default=DIM, help="numbers in an embedding")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        return run(arguments.images[0], arguments)
    for images in arguments.images:
        rest = ["--only", arguments.only, "--dim", str(arguments.dim), *["--searches"] * arguments.searches]
        rest += ["--whole"] * arguments.whole
        subprocess.run([sys.executable, __file__, str(images), "--here", *rest], check=True)


def run(n, arguments):
    """One number of images: a line for each stage, as it ends."""
    wanted = arguments.only.split(",")
    if arguments.whole:
        projection._SAMPLED_FROM = 1 << 60
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # in a process of its own, or drawing them would be the most memory that is ever held
        drawing = multiprocessing.get_context("spawn").Process(target=draw, args=(place, n, arguments.dim))
        drawing.start()
        drawing.join()
        embeddings = np.load(place / "embeddings.npy", mmap_mode="r")  # as a library's are
        labels, queries = np.load(place / "labels.npy"), np.load(place / "queries.npy")
        say(f"{n:,} images, {arguments.dim} numbers each", 0.0)
        bench = Bench(embeddings, labels)
        for stage in ("index", *(stage for stage in STAGES[1:] if stage in wanted)):
            start, cpu = time.perf_counter(), time.process_time()
            note = getattr(bench, stage)()
            say(stage, time.perf_counter() - start, time.process_time() - cpu, note)
        if arguments.searches:
            bench.searches(queries)


def draw(place, n, dim):
    """Writes embeddings, whose cluster each is, and as many more as are looked up."""
    points, labels = clustered(n + JUDGED, dim, clusters=CLUSTERS)
    np.save(place / "embeddings.npy", points[:n])
    np.save(place / "labels.npy", labels[:n])
    np.save(place / "queries.npy", points[n:])


def say(what, wall, cpu=0.0, note=""):
    """A row: seconds by the clock and of the processor, the most memory of the process so far, in which files mapped
    into memory count as well."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {what} | {wall:.1f} | {cpu:.1f} | {peak:.2f} | {note} |", flush=True)


class Bench:
    """The stages, as the pipeline runs them."""

    def __init__(self, embeddings, labels):
        self.embeddings, self.labels, self.n = embeddings, labels, len(embeddings)
        self.judged = np.sort(np.random.default_rng(1).permutation(self.n)[:JUDGED])

    def index(self):
        """Every image's neighbours, the averages, and how to search."""
        kept, self.facts = indexing.indexed(self.embeddings, average=True, seed=0)
        self.neighbors, self.averaged = (kept["neighbors"], kept["distances"]), kept["averaged"]
        self.cells = search.Cells(*map(kept.get, search.Cells._fields)) if "codes" in kept else None
        return json.dumps(self.facts)

    def map(self):
        """t-SNE."""
        return self.kept(organize.project(self.embeddings, "tsne", neighbors=self.neighbors))

    def umap(self):
        """UMAP in two dimensions."""
        return self.kept(organize.project(self.embeddings, "umap", neighbors=self.neighbors))

    def manifold(self):
        """UMAP in ten, which is clustered."""
        self.points = organize.manifold(self.embeddings, neighbors=self.neighbors)
        return self.kept(self.points)

    def choose(self):
        """How many clusters."""
        return f"K = {organize.choose_k(self.points, self.embeddings).n_clusters}"

    def kmeans(self):
        """k-means in the manifold, at the true number of clusters; so the three below."""
        return self.clusters("kmeans")

    def gmm(self):
        """A Gaussian mixture."""
        return self.clusters("gmm")

    def ward(self):
        """Ward's method."""
        return self.clusters("ward")

    def hdbscan(self):
        """Dense regions."""
        return self.clusters("hdbscan")

    def score(self):
        """`evaluate`: the search against the clusters that were drawn."""
        nearest, _ = search.ranked(self.averaged, self.neighbors[0])
        found = scoring.search_scores(nearest, self.averaged, self.labels)
        return ", ".join(f"{name} {value:.3f}" for name, value in found.items())

    def clusters(self, method):
        """Clusters by a method, against those that were drawn."""
        found = organize.cluster(self.points, CLUSTERS, method, neighbors=self.neighbors[0])
        return f"NMI {metrics.normalized_mutual_information(found, self.labels):.3f}"

    def kept(self, layout):
        """Share of an image's ten nearest embeddings that are among its ten nearest in the layout."""
        near = search.ExactIndex(layout).search(layout[self.judged], 11)[0]
        share = metrics.neighbor_agreement(self.neighbors[0][self.judged], near, self.judged)
        return f"kept {share:.3f} of the ten nearest"

    def searches(self, queries):
        """Single queries that are no image of the folder."""
        exact, unaveraged = search.ExactIndex(self.averaged), queries
        queries = search.averaged_queries(unaveraged, self.embeddings, exact)
        expected = exact.search(queries, 10)[0]
        indexes = {"exact": exact}
        if self.cells:
            indexes["cells"] = search.CellIndex(self.averaged, self.cells, probes=self.facts["probes"])
        for name, index in indexes.items():
            found, spent = [], []
            for query in queries[: 100 if name == "exact" else None]:
                start = time.perf_counter()
                found.append(index.search(query[None], 10)[0][0])
                spent.append(time.perf_counter() - start)
            recall = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(found, expected, strict=False)])
            p50, p99 = np.percentile(spent, [50, 99]) * 1e3
            say(f"query, {name}", sum(spent), note=f"p50 {p50:.3f} ms, p99 {p99:.3f} ms, recall@10 {recall:.4f}")
            spent = []
            for query in unaveraged[:100]:
                start = time.perf_counter()
                search.averaged_queries(query[None], self.embeddings, index)
                spent.append(time.perf_counter() - start)
            say(f"averaging it, {name}", sum(spent), note=f"p50 {np.percentile(spent, 50) * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
