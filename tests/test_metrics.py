import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, silhouette_score

from lookalike import metrics
from lookalike.errors import SettingError

LABELS = np.array([0, 0, 0, 1, 1, 2])
CLUSTER_SCORES = [
    metrics.clustering_accuracy,
    metrics.normalized_mutual_information,
    metrics.adjusted_mutual_information,
    metrics.adjusted_rand_index,
]


@pytest.fixture
def points():
    """Two dense labels and a scattered one, in such an order that no two neighbours in the array are alike."""
    rng = np.random.default_rng(3)
    labels = np.arange(60) % 3
    centres = np.array([[0, 0], [4, 0], [2, 2]])
    return (centres[labels] + rng.normal(size=(60, 2)) * np.array([0.5, 0.5, 2.0])[labels, None], labels)


def brute_neighbors(points):
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.argsort(distances, axis=1, kind="stable")


@pytest.mark.parametrize("score", CLUSTER_SCORES)
def test_names_of_clusters_do_not_matter(score):
    assert score(LABELS, LABELS) == pytest.approx(1)
    assert score(np.array([7, 7, 7, 0, 0, 3]), LABELS) == pytest.approx(1)
    assert score([0, 1, 0, 1, 0, 1], LABELS) < 0.6


@pytest.mark.parametrize("score", CLUSTER_SCORES)
def test_images_without_a_label_are_left_out(score):
    clusters = np.array([0, 0, 1, 1, 1, 2])
    longer = score([*clusters, 0, 1, 2, 0], [*LABELS, -1, -1, -1, -1])
    assert longer == score(clusters, LABELS)


def test_accuracy_is_that_of_the_best_matching():
    rng = np.random.default_rng(0)
    for _ in range(20):
        clusters, labels = rng.integers(0, 4, (2, 30))
        best = max(np.mean(np.array(names)[clusters] == labels) for names in itertools.permutations(range(4)))
        assert metrics.clustering_accuracy(clusters, labels) == pytest.approx(best)


def test_accuracy_counts_clusters_left_over_and_none_as_errors():
    assert metrics.clustering_accuracy([0, 1, 2, 3, 3, 4], LABELS) == pytest.approx((1 + 2 + 1) / 6)
    assert metrics.clustering_accuracy([0, 0, -1, 1, -1, -1], LABELS) == pytest.approx((2 + 1) / 6)
    assert metrics.clustering_accuracy([-1] * 6, LABELS) == 0


def test_mutual_information_and_rand_index_by_hand():
    clusters, labels = [0, 0, 1, 1], [0, 0, 0, 1]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    information = 0.5 * np.log(0.5 / (0.5 * 0.75)) + 0.25 * np.log(0.25 / (0.5 * 0.75)) + 0.25 * np.log(2)
    expected = information / ((entropy + np.log(2)) / 2)
    assert metrics.normalized_mutual_information(clusters, labels) == pytest.approx(expected)
    assert metrics.adjusted_rand_index(clusters, labels) == pytest.approx(0)  # 1 pair together in both, 1 by chance
    assert metrics.adjusted_rand_index([0, 0, 1, 2], labels) == pytest.approx((1 - 0.5) / (2 - 0.5))


def test_adjusted_scores_do_not_reward_many_clusters():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, 300)
    few, many = rng.integers(0, 5, 300), rng.integers(0, 100, 300)
    plain = metrics.normalized_mutual_information
    assert plain(many, labels) > plain(few, labels) + 0.1
    for adjusted in (metrics.adjusted_mutual_information, metrics.adjusted_rand_index):
        assert abs(adjusted(many, labels)) < 0.05


def test_precision_by_hand():
    neighbors = [[0, 1, 2], [1, 2, 0], [2, 3, 1], [3, 2, 0]]
    labels = [0, 0, 1, 1]
    assert metrics.precision_at(neighbors, labels, k=1) == pytest.approx((1 + 0 + 1 + 1) / 4)
    assert metrics.precision_at(neighbors, labels, k=2) == pytest.approx((0.5 + 0.5 + 0.5 + 0.5) / 4)
    assert metrics.precision_by_label(neighbors, labels, k=1) == pytest.approx({0: (1 + 0) / 2, 1: (1 + 1) / 2})
    without_own = [[1, 2], [2, 0], [3, 1], [2, 0]]
    assert metrics.precision_at(without_own, labels, k=1) == metrics.precision_at(neighbors, labels, k=1)


def test_unlabelled_images_are_neither_queries_nor_matches(points):
    features, labels = points
    hidden = labels.copy()
    hidden[::4] = -1
    shown = hidden >= 0
    alone = brute_neighbors(features[shown])
    among = brute_neighbors(features)
    for score in (metrics.precision_at, metrics.knn_accuracy):
        assert score(among, hidden, 5) == pytest.approx(score(alone, labels[shown], 5))
    expected = metrics.mean_average_precision(features[shown], labels[shown])
    assert metrics.mean_average_precision(features, hidden) == pytest.approx(expected)


def test_knn_accuracy_against_a_slow_vote(points):
    features, labels = points
    neighbors = brute_neighbors(features)
    for k in (1, 3, 6):
        right = 0
        for row, ranked in enumerate(neighbors):
            near = [labels[other] for other in ranked if other != row][:k]
            right += max(near, key=lambda label, near=near: (near.count(label), -near.index(label))) == labels[row]
        assert metrics.knn_accuracy(neighbors, labels, k) == pytest.approx(right / len(labels))


def test_recall_counts_images_without_a_label_as_wrong():
    """Images 0, 1, 2 are of one group, 3 and 4 of another, 5 and 6 of none, 7 alone in its group: no query."""
    labels = [0, 0, 0, 1, 1, -1, -1, 2]
    neighbors = [[0, 1, 5], [1, 5, 6], [2, 0, 1], [3, 4, 5], [4, 5, 6], [5, 6, 0], [6, 5, 0], [7, 0, 1]]
    assert metrics.recall_at(neighbors, labels, 2) == pytest.approx((1 / 2 + 0 + 1 + 1 + 0) / 5)
    assert metrics.recall_at(neighbors, labels, 1) == pytest.approx((1 / 2 + 0 + 1 / 2 + 1 + 0) / 5)
    assert metrics.precision_at(neighbors[:7], labels[:7], 2) == pytest.approx((1 + 1 + 1) / 3)  # passes over them


def test_an_image_is_no_find_of_its_own():
    for own in ([[0, 1], [1, 2], [2, 0]], [[1, 0], [2, 1], [0, 2]]):
        assert metrics.recall_at(own, [0, 0, 0], 2) == pytest.approx(1 / 2)


def test_recall_against_a_slow_count(points):
    features, labels = points
    hidden = np.where(np.arange(len(labels)) % 4 == 1, -1, labels)
    neighbors = brute_neighbors(features)
    found = []
    for row in np.flatnonzero(hidden >= 0):
        group = set(np.flatnonzero(hidden == hidden[row])) - {row}
        found.append(len(group & set([other for other in neighbors[row] if other != row][:10])) / len(group))
    assert metrics.recall_at(neighbors[:, :11], hidden, 10) == pytest.approx(np.mean(found))


def test_agreement_of_neighbors_by_hand():
    before = [[4, 1, 2, 3], [5, 2, 3, 9]]
    after = [[1, 4, 3, 2], [7, 8, 9, 6]]
    rows = [4, 5]
    assert metrics.neighbor_agreement(before, before, rows, 3) == 1
    assert metrics.neighbor_agreement(before, after, rows, 3) == pytest.approx((3 / 3 + 1 / 3) / 2)
    assert metrics.neighbor_agreement(before, after, rows, 1) == pytest.approx((1 + 0) / 2)
    assert metrics.neighbor_agreement(before, after, [4, 0], 2) == pytest.approx((1 / 2 + 0) / 2)


def test_silhouette_leaves_out_images_in_no_cluster(points):
    features, labels = points
    some = np.where(np.arange(len(labels)) % 5 == 0, -1, labels)
    expected = silhouette_score(features[some >= 0], some[some >= 0])
    assert metrics.silhouette(features, some) == pytest.approx(expected)
    assert metrics.silhouette(features, labels) > metrics.silhouette(features, np.sort(labels))
    assert 0 < abs(metrics.silhouette(features, labels, n_judged=40) - metrics.silhouette(features, labels)) < 0.2
    assert np.isnan(metrics.silhouette(features, np.zeros(len(labels), int)))
    assert np.isnan(metrics.silhouette(features, np.arange(len(labels))))


def test_average_precision_against_scikit_learn(points):
    features, labels = points
    features = np.round(features)  # many ties
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)
    each = []
    for row in range(len(labels)):
        others = np.arange(len(labels)) != row
        each.append(average_precision_score(labels[others] == labels[row], -distances[row, others]))
    assert metrics.mean_average_precision(features, labels) == pytest.approx(np.mean(each))


def test_average_precision_of_a_perfect_and_of_a_random_ranking():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    assert metrics.mean_average_precision(labels[:, None] * 9 + rng.normal(size=(200, 1)) * 0.1, labels) == 1
    assert metrics.mean_average_precision(rng.normal(size=(200, 1)), labels) == pytest.approx(0.5, abs=0.05)


def test_average_precision_of_drawn_queries_is_close_and_repeatable(points):
    features, labels = points
    everything = metrics.mean_average_precision(features, labels)
    drawn = [metrics.mean_average_precision(features, labels, n_queries=40, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn == pytest.approx([everything] * 3, abs=0.1)


def test_average_precision_in_blocks_is_the_same(points, monkeypatch):
    expected = metrics.mean_average_precision(*points)
    monkeypatch.setattr(metrics, "_BLOCK_BYTES", 1)
    assert metrics.mean_average_precision(*points) == pytest.approx(expected, rel=1e-12)


def test_a_label_of_one_image_is_no_query():
    features = np.array([[0.0], [0.1], [5.0], [0.2]])
    assert metrics.mean_average_precision(features, [0, 0, 1, 0]) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.clustering_accuracy([0, 1], [0]), "do not fit"),
        (lambda: metrics.adjusted_rand_index([0, 1], [-1, -1]), "no image has a label"),
        (lambda: metrics.precision_at([[0, 1], [1, 0]], [0, 0], k=3), "k is 3"),
        (lambda: metrics.precision_at([[0, 1], [1, 0]], [0, 0], k=0), "k is 0"),
        (lambda: metrics.knn_accuracy([[0, 1], [1, 0]], [0, 0, 0]), "do not fit"),
        (lambda: metrics.knn_accuracy([[0, 1], [1, 0]], [-1, -1]), "no image has a label"),
        (lambda: metrics.recall_at([[0, 1], [1, 0]], [0, 1], 1), "no two images"),
        (lambda: metrics.recall_at([[0, 1], [1, 0]], [0, 0], 3), "k is 3"),
        (lambda: metrics.recall_at([], [], 1), "do not fit"),
        (lambda: metrics.neighbor_agreement([[0, 1]], [[0, 1]], [0], 3), "k is 3"),
        (lambda: metrics.neighbor_agreement([[0, 1]], [[0, 1], [1, 0]], [0], 1), "do not fit"),
        (lambda: metrics.neighbor_agreement(np.empty((0, 2)), np.empty((0, 2)), [], 1), "no lists"),
        (lambda: metrics.silhouette([[0.0], [1.0]], [0]), "do not fit"),
        (lambda: metrics.mean_average_precision([[0.0], [1.0]], [0, 1]), "no two images"),
        (lambda: metrics.mean_average_precision([[0.0], [1.0]], [0, 0], n_queries=0), "n_queries is 0"),
        (lambda: metrics.mean_average_precision([[0.0], [1.0]], [0]), "do not fit"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(SettingError, match=message):
        call()


def test_parts_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    points, labels = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(-1, 4, 60)
    points[10:20] = points[:10]  # ties
    neighbors = np.argsort(np.linalg.norm(points[:, None] - points, axis=2), axis=1, kind="stable")[:, :12]

    def scores():
        by_lists = [
            score(neighbors, labels, 5) for score in (metrics.precision_at, metrics.recall_at, metrics.knn_accuracy)
        ]
        return [*by_lists, metrics.mean_average_precision(points, labels)]

    whole = scores()
    monkeypatch.setattr(metrics, "_BLOCK_ROWS", 7)
    np.testing.assert_allclose(scores(), whole, rtol=1e-12)


def test_progress_of_a_ranking_counts_the_queries(points):
    calls = []
    metrics.mean_average_precision(*points, n_queries=20, progress=lambda *call: calls.append(call))
    assert calls == [("score", done, 20) for done in range(1, 21)]
