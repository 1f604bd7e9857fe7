"""Colours of clusters and of the paper they are drawn on."""

RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)
PAPER: RGB = (253, 252, 250)
INK: RGB = (32, 34, 38)
FAINT_INK: RGB = (104, 108, 116)
NO_CLUSTER = "#8d9299"

# Each is the colour farthest (in OKLab) from all before it, as seen with normal sight and with protanopia,
# deuteranopia and tritanopia (Machado et al., 2009), among those that stand out from a white and from a black page.
CLUSTER_COLOURS = (
    *("#2d6cb4", "#e1a200", "#bd1212", "#aba2fc", "#00a299", "#cf6c3f", "#87486c", "#8775fc", "#2dc687", "#f36cc6"),
    *("#a26363", "#006c2d", "#ab3699", "#755ae1", "#cf9051", "#5148c6", "#ea5a87", "#2dabcf", "#a26ccf", "#8790f3"),
    *("#5a9000", "#8775ab", "#b45187", "#fc907e", "#ab3648", "#759063", "#c67eab", "#9951c6", "#75b4a2", "#e199b4"),
    *("#3fb463", "#906c3f", "#ab9900", "#4887e1", "#992499", "#7eb4e1", "#905a6c", "#904824", "#90bd3f", "#7e5187"),
    *("#0063a2", "#51997e", "#fc7ed8", "#7e7500", "#3f6c48", "#7ebd6c", "#6c6cf3", "#ab2d7e", "#c6756c", "#6399bd"),
)


def colour(cluster: int) -> str:
    """The colour of a cluster as ``#rrggbb``: of 50, from the 51st on again; grey for −1, none."""
    return NO_CLUSTER if cluster < 0 else CLUSTER_COLOURS[cluster % len(CLUSTER_COLOURS)]


def rgb(cluster: int) -> RGB:
    """The colour of a cluster as red, green, blue from 0 to 255."""
    digits = colour(cluster)
    return int(digits[1:3], 16), int(digits[3:5], 16), int(digits[5:7], 16)
