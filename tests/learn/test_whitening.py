import numpy as np
import pytest

from lookalike.learn.whitening import Block, Whitening


@pytest.fixture
def codes():
    """Codes (500, 6) of very different spread in correlated directions, away from zero."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((500, 6)) * [5, 3, 1, 1, 0.5, 0.2] @ rng.standard_normal((6, 6)) + 7).astype(np.float32)


def fit(codes, *, dim=None, shrinkage=0.02):
    n = codes.shape[1]
    return Whitening.fit(codes, dim or n, [Block(n, 1.0, shrinkage)])


def white(whitening, codes):
    return (codes - whitening.mean) @ whitening.matrices[0]


def test_every_direction_gets_the_same_spread(codes):
    whitened = white(fit(codes, shrinkage=0), codes)
    np.testing.assert_allclose(np.cov(whitened.T, ddof=0), np.eye(6), atol=2e-3)
    np.testing.assert_allclose(whitened.mean(0), 0, atol=1e-3)


def test_shrinkage_keeps_weak_directions_weak(codes):
    spread = np.cov(white(fit(codes), codes).T, ddof=0)
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=2e-3)
    assert np.all(np.diff(np.diag(spread)) < 0)  # widest first
    assert 0.9 < spread[0, 0] <= 1
    assert spread[-1, -1] < 0.5


def test_embeddings_have_length_one(codes):
    embeddings = fit(codes).apply(codes)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


def test_undo_gives_the_codes_back_up_to_their_length(codes):
    whitening = fit(codes)
    back = whitening.undo(whitening.apply(codes))
    assert back.dtype == np.float32
    np.testing.assert_allclose(whitening.apply(back), whitening.apply(codes), atol=1e-4)
    lengths = np.linalg.norm(white(whitening, codes), axis=1)
    nearest = np.abs(lengths - whitening.scales[0, 1]).argsort()[:20]
    np.testing.assert_allclose(back[nearest], codes[nearest], atol=0.05 * codes.std())


def test_axes_do_not_flip(codes):
    one, other = fit(codes), fit(codes[::-1].copy())
    np.testing.assert_allclose(one.matrices[0], other.matrices[0], atol=1e-3 * np.abs(one.matrices[0]).max())


@pytest.mark.parametrize("n_codes", [1, 5])
def test_equal_codes_stay_finite(n_codes):
    codes = np.full((n_codes, 3), 2.5, np.float32)
    whitening = fit(codes)
    assert np.isfinite(whitening.apply(codes)).all()
    assert np.isfinite(whitening.undo(np.zeros((1, 3), np.float32))).all()
    assert whitening.scales.min() > 0


def test_fewer_codes_than_numbers():
    codes = np.random.default_rng(0).standard_normal((3, 10)).astype(np.float32)
    embeddings = fit(codes).apply(codes)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-4)


def test_a_code_at_the_mean_is_zero_and_not_nan(codes):
    whitening = fit(codes)
    assert np.array_equal(whitening.apply(whitening.mean[None]), np.zeros((1, 6)))


def test_kept_as_tensors(codes):
    whitening = fit(codes)
    again = Whitening.from_arrays({name: tensor.numpy() for name, tensor in whitening.tensors().items()})
    assert np.array_equal(again.apply(codes), whitening.apply(codes))
    assert again.length == whitening.length


@pytest.fixture
def two(codes):
    """Codes of two parts, the second a hundred times larger."""
    rng = np.random.default_rng(1)
    return np.concatenate([codes, 100 * rng.standard_normal((500, 4))], 1).astype(np.float32)


def neighbors(embeddings):
    return np.linalg.norm(embeddings[:, None] - embeddings, axis=2).argsort(1)[:, 1:6]


def agreement(one, other):
    return np.mean([len(set(a) & set(b)) / 5 for a, b in zip(neighbors(one), neighbors(other), strict=True)])


@pytest.mark.parametrize(("weights", "winner"), [((1.0, 0.05), 0), ((0.05, 1.0), 1)])
def test_the_weight_of_a_part_decides_not_its_size(two, weights, winner):
    whitening = Whitening.fit(two, 10, [Block(6, weights[0]), Block(4, weights[1])])
    alone = [fit(two[:, :6], shrinkage=0.2).apply(two[:, :6]), fit(two[:, 6:], shrinkage=0.2).apply(two[:, 6:])]
    shares = [agreement(whitening.apply(two), one) for one in alone]
    assert shares[winner] > 0.9
    assert shares[1 - winner] < 0.3


def test_an_infinite_shrinkage_only_turns(codes):
    whitened = white(fit(codes, shrinkage=np.inf), codes)
    centred = codes - codes.mean(0)
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), np.linalg.norm(centred, axis=1), rtol=1e-4)


def test_fewer_numbers_keep_most_of_the_neighbours(two):
    blocks = [Block(6), Block(4)]
    whole, cut = (Whitening.fit(two, dim, blocks).apply(two) for dim in (10, 7))
    assert cut.shape == (500, 7)
    assert agreement(whole, cut) > agreement(whole, whole[:, :3]) > 0.05


def test_undo_gives_both_parts_back(two):
    whitening = Whitening.fit(two, 10, [Block(6), Block(4)])
    back = whitening.undo(whitening.apply(two))
    assert np.corrcoef(back[:, 0], two[:, 0])[0, 1] > 0.8
    assert np.corrcoef(back[:, 8], two[:, 8])[0, 1] > 0.8
