"""Where OpenCV comes in, for those who look at local features: `keypoints` and `geometry`."""

from typing import Any

from lookalike.errors import MissingExtraError


def opencv(wanted_by: str) -> Any:
    """The module cv2, kept to one thread, because it is images that are looked at in parallel.

    MissingExtraError, naming who wanted it, when it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise MissingExtraError(
            f"{wanted_by} needs OpenCV, which is not installed; pip install 'lookalike[keypoints]' brings it"
        ) from None
    cv2.setNumThreads(1)
    return cv2
