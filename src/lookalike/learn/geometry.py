"""Do two pictures show the same thing from another place? Spatial verification, without any model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.learn.opencv import opencv

WANTED_BY = "verify"
"""Who needs OpenCV here."""
STRONGEST = 500
"""Local features of a picture that are looked at, at most; more find smaller parts, and cost their square."""
CONTRAST = 0.02
"""Below which SIFT finds nothing; half of the usual, so that dark and pale pictures have features too."""
RATIO = 0.8
"""A feature's nearest must be this much nearer than its second, or it may be any of several (Lowe, 2004)."""
TOLERANCE = 3.0
"""Pixels that a feature may lie beside where the transformation puts it."""
TRIALS = 1000
"""Of RANSAC, at most; it ends earlier when it is sure."""
SCALES = (0.2, 5.0)
"""Between which the transformation may shrink or enlarge; beyond, it throws many features onto one."""


@dataclass(frozen=True)
class LocalFeatures:
    """Where a picture has something to be recognised by, and what is there.

    places float32 (n, 2), x and y in pixels; descriptors float32 (n, 128) of length 1; n may be 0.
    """

    places: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.places)


def opencv_is_there() -> None:
    """MissingExtraError when OpenCV is not installed."""
    opencv(WANTED_BY)


def local_features(image: NDArray[np.uint8]) -> LocalFeatures:
    """The strongest SIFT features (Lowe, 2004; RootSIFT, Arandjelović & Zisserman, 2012) of an image uint8 (h, w, 3).

    At most 500, none of a flat picture. MissingExtraError when OpenCV is not installed.
    """
    cv2 = opencv(WANTED_BY)
    sift = cv2.SIFT_create(nfeatures=STRONGEST, contrastThreshold=CONTRAST)
    keypoints, gradients = sift.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
    places = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)[:STRONGEST]
    if gradients is None:
        return LocalFeatures(places, np.zeros((0, 128), np.float32))
    shares = gradients[:STRONGEST] / np.maximum(gradients[:STRONGEST].sum(1, keepdims=True), 1e-12)
    return LocalFeatures(places, np.sqrt(shares).astype(np.float32))


def n_inliers(one: LocalFeatures, other: LocalFeatures) -> int:
    """How many features of one picture lie in the other where a single transformation puts them.

    Features are matched by Lowe's ratio test, and a turn, shift and change of scale that most of the matches agree on
    is sought by RANSAC (Fischler & Bolles, 1981), as in Philbin et al., *Object retrieval with large vocabularies and
    fast spatial matching*, 2007. Always the same for the same features; 0 when there are too few. MissingExtraError
    when OpenCV is not installed.
    """
    cv2 = opencv(WANTED_BY)
    here, there = _matches(one, other)
    if len(here) < 3:
        return 0
    cv2.setRNGSeed(0)
    found, agree = cv2.estimateAffinePartial2D(
        one.places[here], other.places[there], method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE, maxIters=TRIALS
    )
    if found is None or not SCALES[0] <= np.hypot(*found[:, 0]) <= SCALES[1]:
        return 0
    agreeing = agree.ravel().astype(bool)
    return min(_different(one.places[here[agreeing]]), _different(other.places[there[agreeing]]))


def _different(places: NDArray[np.float32]) -> int:
    """How many places are more than about a pixel apart: one corner may have features of several sizes and turns."""
    return len(np.unique(places.round(), axis=0))


def _matches(one: LocalFeatures, other: LocalFeatures) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of features of one picture, and those of the other that each stands for, none twice."""
    if len(one) < 2 or len(other) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    likeness = one.descriptors @ other.descriptors.T  # (n, m)
    rows, nearest = np.arange(len(one)), likeness.argmax(1)
    mutual = likeness.argmax(0)[nearest] == rows
    squared = np.maximum(2 - 2 * np.partition(likeness, -2, axis=1)[:, -2:], 0)  # of the second and the first, (n, 2)
    here = np.flatnonzero(mutual & (squared[:, 1] < RATIO**2 * squared[:, 0]))
    return here, nearest[here]
