"""`ImageEncoder`: scikit-learn's own checks, the kinds of images it takes, and that its settings count."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike import ImageEncoder
from lookalike.errors import ImageError, ModelError, SettingError
from lookalike.images import load, write_image

SMALL = {"size": 32, "width": 8}


@parametrize_with_checks(
    [
        ImageEncoder("pixels", 4),
        ImageEncoder("vae", 4, epochs=1, model_settings=SMALL),
    ]
)
def test_scikit_learn_agrees(estimator, check):
    check(estimator)


@pytest.fixture
def images(pictures):
    return pictures(4)[0]


@pytest.fixture
def paths(images, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        write_image(image, path)
    return paths


@pytest.fixture
def encoder(images):
    return ImageEncoder("pixels", 6).fit(images)


def test_images_become_vectors_and_images_again(images):
    encoder = ImageEncoder("vae", 5, epochs=2, model_settings=SMALL)
    assert encoder.fit(images) is encoder
    H = encoder.transform(images)
    assert H.shape == (16, 5)
    assert H.dtype == np.float32
    decoded = encoder.inverse_transform(H)
    assert decoded.shape == (16, 32, 32, 3)
    assert decoded.dtype == np.uint8
    assert encoder.history_["step"] == [2]
    assert not hasattr(encoder, "n_features_in_")


def test_what_is_decoded_looks_like_the_image(images):
    encoder = ImageEncoder("pixels", 15, model_settings={"size": 32}).fit(images)
    decoded = encoder.inverse_transform(encoder.transform(images))
    # an embedding has lost its length, so contrast may differ; what is light and what is dark may not
    agreement = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(images, decoded, strict=True)]
    assert np.median(agreement) > 0.95


def test_every_way_to_give_images_is_the_same(encoder, images, paths):
    H = encoder.transform(images)
    for same in (list(images), paths, [str(path) for path in paths], np.array(paths, str), pd.Series(paths)):
        assert np.array_equal(encoder.transform(same), H)


def test_grey_images(encoder, images):
    grey = images[..., 0]
    H = encoder.transform(grey)
    for same in (grey[..., None], np.repeat(grey[..., None], 3, axis=3), list(grey)):
        assert np.array_equal(encoder.transform(same), H)


def test_images_of_different_sizes(encoder, images):
    mixed = [images[0], images[1][:20, :30], images[2][:, :, 0]]
    H = encoder.transform(mixed)
    assert H.shape == (3, 6)
    assert np.allclose(H[0], encoder.transform(images[:1])[0], atol=1e-5)  # batches round differently
    square = load(images[1][:20, :30], size=32)
    assert np.allclose(H[1], encoder.transform(square[None])[0], atol=1e-5)


def test_a_fit_to_paths_is_a_fit_to_their_pixels(images, paths):
    one, other = ImageEncoder("pixels", 4).fit(paths), ImageEncoder("pixels", 4).fit(images)
    assert np.array_equal(one.transform(paths), other.transform(images))


@pytest.mark.parametrize("factor", [1.0, 1 / 255, 40.0])
def test_numbers_are_scaled_as_learned(images, factor):
    floats = images * factor - 3
    encoder = ImageEncoder("pixels", 4).fit(floats)
    assert encoder.pixel_range_ == pytest.approx((images.min() * factor - 3, images.max() * factor - 3))
    H = encoder.transform(floats)
    np.testing.assert_allclose(encoder.transform(floats[:5]), H[:5], atol=1e-5)
    darker = encoder.transform(floats[:5] * 0.5)
    assert not np.allclose(darker, H[:5], atol=1e-3)


def test_rows_are_read_as_squares(images):
    colour, grey = images.reshape(16, -1), images[..., 0].reshape(16, -1)
    encoder = ImageEncoder("pixels", 4).fit(colour)
    assert encoder.n_features_in_ == 3 * 32 * 32
    assert np.array_equal(encoder.transform(colour), ImageEncoder("pixels", 4).fit(images).transform(images))
    as_rows = ImageEncoder("pixels", 4).fit_transform(grey)
    assert np.array_equal(as_rows, ImageEncoder("pixels", 4).fit_transform(images[..., 0]))


def test_digits():
    digits = load_digits()
    H = ImageEncoder("pixels", 16).fit_transform(digits.data)
    assert H.shape == (1797, 16)
    right = KNeighborsClassifier(1).fit(H[:1000], digits.target[:1000]).score(H[1000:], digits.target[1000:])
    assert right > 0.9


def test_it_is_part_of_a_pipeline(pictures):
    images, families = pictures(8)
    pipeline = make_pipeline(ImageEncoder("pixels", 8), KMeans(4, random_state=0, n_init=4))
    assert set(pipeline.fit_predict(images)) == {0, 1, 2, 3}
    search = GridSearchCV(
        make_pipeline(ImageEncoder("pixels"), KNeighborsClassifier(1)),
        {"imageencoder__n_components": np.array([1, 8])},
        cv=2,
    ).fit(images, families)
    assert search.best_params_ == {"imageencoder__n_components": 8}


def test_tables_with_names(images):
    encoder = ImageEncoder("pixels", 3).set_output(transform="pandas")
    table = encoder.fit_transform(images)
    assert list(table.columns) == list(encoder.get_feature_names_out())
    assert list(table.columns) == ["imageencoder0", "imageencoder1", "imageencoder2"]


def test_the_constructor_keeps_what_it_is_given(images):
    settings = {"size": 32}
    encoder = ImageEncoder("pixels", np.int64(3), model_settings=settings, random_state=7)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    copy.fit(images)
    assert copy.model_settings == {"size": 32}
    assert settings == {"size": 32}
    assert not hasattr(encoder, "model_")


@pytest.mark.parametrize("n_components", [1, 6, 40])
@pytest.mark.parametrize("model", ["pixels", "vae", "ae", "sparse-ae"])
def test_the_number_of_components_is_exact(images, model, n_components):
    settings = {"size": 32} if model == "pixels" else SMALL
    encoder = ImageEncoder(model, n_components, epochs=1, model_settings=settings)
    assert encoder.fit_transform(images).shape == (16, n_components)


def test_equal_random_state_equal_result(images):
    def encoded(random_state):
        return ImageEncoder("vae", 4, epochs=3, model_settings=SMALL, random_state=random_state).fit_transform(images)

    assert np.array_equal(encoded(0), encoded(0))
    assert not np.allclose(encoded(0), encoded(1), atol=1e-3)
    drawn = [encoded(np.random.RandomState(5)) for _ in range(2)]
    assert np.array_equal(*drawn)
    assert not np.allclose(encoded(None), encoded(None), atol=1e-3)


BASE = {"model": "vae", "n_components": 4, "epochs": 4, "model_settings": SMALL, "random_state": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "ae"},
        {"n_components": 3},
        {"epochs": 8},
        {"minutes": 1e-9},
        {"model_settings": {**SMALL, "beta": 30.0}},
        {"random_state": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_result(images, change):
    base, changed = (ImageEncoder(**BASE | more).fit_transform(images) for more in ({}, change))
    assert base.shape != changed.shape or not np.allclose(base, changed, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "resnet"}, "model='resnet' is unknown"),
        ({"model": "talk", "model_settings": None, "n_components": 64}, "16x16 = 256 numbers, not 64"),
        ({"n_components": 0}, "n_components=0 must be a whole number from 1 up"),
        ({"n_components": 2.5}, r"n_components=2\.5 must be a whole number"),
        ({"epochs": -1}, "epochs=-1"),
        ({"minutes": 0}, "minutes=0"),
        ({"device": "tpu"}, "device='tpu'"),
        ({"random_state": -1}, "random_state=-1"),
        ({"model_settings": {"dim": 3}}, "give it as n_components"),
        ({"model_settings": {"colour": 3}}, "colour"),
    ],
    ids=str,
)
def test_wrong_settings_are_named_at_fit(images, change, message):
    encoder = ImageEncoder(**BASE | change)
    with pytest.raises(SettingError, match=message):
        encoder.fit(images)


def test_not_fitted(images):
    for method in ("transform", "inverse_transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(ImageEncoder(), method)(images)


def test_what_is_no_image(encoder, images, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageError, match=r"broken\.png"):
        encoder.transform([tmp_path / "broken.png"])
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        encoder.transform(["missing.jpg"])
    with pytest.raises(SettingError, match=r"one path 'a\.jpg'; expected a list of paths"):
        encoder.transform("a.jpg")
    with pytest.raises(SettingError, match="expected uint8"):
        encoder.transform(np.zeros((2, 8, 8, 5), np.uint8))
    for wrong in ([], np.zeros((0, 8, 8, 3), np.uint8), np.full((2, 8, 8), np.nan), np.array(["a", 3], object)):
        with pytest.raises(ValueError, match=r"."):
            encoder.transform(wrong)


def test_embeddings_of_the_wrong_shape(encoder):
    with pytest.raises(ValueError, match="H has 5 columns; expected n_components=6"):
        encoder.inverse_transform(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="NaN"):
        encoder.inverse_transform(np.full((2, 6), np.nan))


def test_a_model_without_a_decoder_says_so(encoder, images, monkeypatch):
    monkeypatch.delattr(type(encoder.model_.network), "decode")
    with pytest.raises(ModelError, match="no decoder"):
        encoder.inverse_transform(encoder.transform(images))
