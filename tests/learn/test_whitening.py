import numpy as np
import pytest

from lookalike.learn.whitening import Whitening


@pytest.fixture
def codes():
    """Codes (500, 6) of very different spread in correlated directions, away from zero."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((500, 6)) * [5, 3, 1, 1, 0.5, 0.2] @ rng.standard_normal((6, 6)) + 7).astype(np.float32)


def white(whitening, codes):
    return (codes - whitening.mean) @ whitening.matrix


def test_every_direction_gets_the_same_spread(codes, monkeypatch):
    monkeypatch.setattr("lookalike.learn.whitening.SHRINKAGE", 0)
    whitened = white(Whitening.fit(codes), codes)
    np.testing.assert_allclose(np.cov(whitened.T, ddof=0), np.eye(6), atol=2e-3)
    np.testing.assert_allclose(whitened.mean(0), 0, atol=1e-3)


def test_shrinkage_keeps_weak_directions_weak(codes):
    spread = np.cov(white(Whitening.fit(codes), codes).T, ddof=0)
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=2e-3)
    assert np.all(np.diff(np.diag(spread)) < 0)  # widest first
    assert 0.9 < spread[0, 0] <= 1
    assert spread[-1, -1] < 0.5


def test_embeddings_have_length_one(codes):
    embeddings = Whitening.fit(codes).apply(codes)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


def test_undo_gives_the_codes_back_up_to_their_length(codes):
    whitening = Whitening.fit(codes)
    back = whitening.undo(whitening.apply(codes))
    assert back.dtype == np.float32
    np.testing.assert_allclose(whitening.apply(back), whitening.apply(codes), atol=1e-4)
    lengths = np.linalg.norm(white(whitening, codes), axis=1)
    nearest = np.abs(lengths - whitening.length).argsort()[:20]
    np.testing.assert_allclose(back[nearest], codes[nearest], atol=0.05 * codes.std())


def test_axes_do_not_flip(codes):
    one, other = Whitening.fit(codes), Whitening.fit(codes[::-1].copy())
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-3 * np.abs(one.matrix).max())


@pytest.mark.parametrize("n_codes", [1, 5])
def test_equal_codes_stay_finite(n_codes):
    codes = np.full((n_codes, 3), 2.5, np.float32)
    whitening = Whitening.fit(codes)
    assert np.isfinite(whitening.apply(codes)).all()
    assert np.isfinite(whitening.undo(np.zeros((1, 3), np.float32))).all()
    assert whitening.length > 0


def test_fewer_codes_than_numbers():
    codes = np.random.default_rng(0).standard_normal((3, 10)).astype(np.float32)
    embeddings = Whitening.fit(codes).apply(codes)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-4)


def test_a_code_at_the_mean_is_zero_and_not_nan(codes):
    whitening = Whitening.fit(codes)
    assert np.array_equal(whitening.apply(whitening.mean[None]), np.zeros((1, 6)))


def test_kept_as_tensors(codes):
    whitening = Whitening.fit(codes)
    again = Whitening.from_tensors(whitening.tensors())
    assert np.array_equal(again.apply(codes), whitening.apply(codes))
    assert again.length == whitening.length
