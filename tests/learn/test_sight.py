"""Descriptors, views, and the linear map that makes them agree."""

import colorsys

import numpy as np
import pytest
import torch
from torch.nn import functional

from lookalike.learn import sight as sight_module
from lookalike.learn.descriptor import colour_layout, oriented_gradients, palette
from lookalike.learn.measures import OF_MOTIFS
from lookalike.learn.model import load_model
from lookalike.learn.siamese import ENLARGED, OUTLINED, Siamese
from lookalike.learn.sight import ENOUGH, FEWEST, HEAVIER, OF_FEW, OUTLINE, UNTOLD, Sight, mutual_neighbors
from lookalike.learn.texture import N_BANDS, texture
from lookalike.learn.training import train
from lookalike.learn.views import IGNORABLE, IGNORED, mirrored, view


@pytest.fixture(scope="module")
def images(pictures):
    return torch.from_numpy(pictures(24)[0]).permute(0, 3, 1, 2).float() / 255  # (n, 3, 32, 32)


def edge(angle, size=32):
    """A picture that gets lighter in one direction, given in degrees."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    slope = np.cos(np.radians(angle)) * x + np.sin(np.radians(angle)) * y
    return torch.from_numpy(np.repeat(slope[None, None] + 0.5, 3, 1)).float()


@pytest.mark.parametrize("angle", [0, 60, 180, 240])
def test_gradients_say_which_way_it_gets_lighter(angle):
    blocks = oriented_gradients(edge(angle), 4, mirrored=False).view(4, 18, -1)
    assert int(blocks.mean((0, 2)).argmax()) == angle // 20


def test_mirrored_pictures_are_the_same_only_when_asked(images):
    for describe in (oriented_gradients, colour_layout):
        argument = 4 if describe is oriented_gradients else 8
        same = describe(images, argument, mirrored=True) - describe(images.flip(-1), argument, mirrored=True)
        other = describe(images, argument, mirrored=False) - describe(images.flip(-1), argument, mirrored=False)
        assert same.abs().max() < 1e-4 < other.abs().max()


def test_light_does_not_change_gradients_but_colours(images):
    darker = images * 0.7
    shapes = oriented_gradients(images, 4, mirrored=True), oriented_gradients(darker, 4, mirrored=True)
    assert torch.cosine_similarity(*shapes).mean() > 0.97
    assert (colour_layout(images, 8, mirrored=True) - colour_layout(darker, 8, mirrored=True)).abs().max() > 0.05


def test_the_palette_counts_colours_wherever_they_are(images):
    shares = palette(images)
    assert torch.equal(shares, palette(images.flip(-1).flip(-2)))
    assert shares.square().sum(1).numpy() == pytest.approx(1, abs=1e-5)
    counts = np.zeros((16, 4, 4))
    for pixel in images[0].flatten(1).T.tolist():
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        counts[min(int(hue * 16), 15), min(int(saturation * 4), 3), min(int(value * 4), 3)] += 1
    found = shares[0].square().numpy()
    assert np.abs(counts.ravel() / counts.sum() - found).sum() < 0.05  # a pixel on an edge may fall on either side


@pytest.mark.parametrize(("orientation", "wave", "level"), [(0, 2.6, 0), (1, 2.6, 0), (4, 5.2, 1), (3, 10.4, 2)])
def test_texture_says_which_way_stripes_run_and_how_wide_they_are(orientation, wave, level):
    y, x = np.mgrid[0:64, 0:64]
    angle = orientation * np.pi / 6
    stripes = np.cos(2 * np.pi / wave * (np.cos(angle) * x + np.sin(angle) * y)) / 2 + 0.5
    picture = torch.from_numpy(np.repeat(stripes[None, None], 3, 1)).float()
    bands = texture(picture, mirrored=False)[0, :N_BANDS]
    assert int(bands.argmax()) == level * 6 + orientation


def test_texture_is_the_same_in_a_mirror_only_when_asked(images):
    same = texture(images, mirrored=True) - texture(images.flip(-1), mirrored=True)
    other = texture(images, mirrored=False) - texture(images.flip(-1), mirrored=False)
    assert same.abs().max() < 1e-3 < 0.1 < other.abs().max()


def test_mutual_neighbors_against_the_obvious_way():
    points = torch.from_numpy(np.random.default_rng(0).standard_normal((60, 5))).float()
    nearest = [set(np.argsort(row)[1:4].tolist()) for row in torch.cdist(points, points).numpy()]
    wanted = {(i, j) for i in range(60) for j in nearest[i] if i < j and i in nearest[j]}
    first, second = mutual_neighbors(points, 3)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("n_images", [1, 2, 5])
def test_few_images_are_enough(images, n_images):
    sight = Sight(16, 32, ("flip",), 0.5)
    sight.prepare(images[:n_images])
    assert torch.isfinite(sight(images)).all()


def test_two_views_agree_better_than_in_principal_components(images):
    """Distance between two views of an image against that between two images: the ratio that sight makes small."""
    torch.manual_seed(0)
    ignore = ("flip", "crop", "scale")
    sight = Sight(8, 32, ignore, 0.0)
    sight.prepare(images)
    described = sight._describe(images)
    components = torch.svd_lowrank(described - described.mean(0), 8)[2]

    def ratio(encode):
        one, two = encode(view(images, ignore)), encode(view(images, ignore))
        return float((one - two).square().sum(1).mean() / (one - two.roll(1, 0)).square().sum(1).mean())

    assert ratio(lambda few: sight(few)[:, :8]) < 0.8 * ratio(lambda few: sight._describe(few) @ components)


def test_the_outline_is_where_fine_gradients_vary_most(images):
    few = images[::3]
    sight = Sight(8, 32, (), 0.5)
    sight.prepare(few)
    gradients = oriented_gradients(few, 4, mirrored=False)
    variances = torch.linalg.svdvals(gradients - gradients.mean(0)).square()
    found = sight(few)[:, 8:].square().sum(0)
    assert len(found) == OUTLINE > len(few)
    assert torch.allclose(found[:12] / found[0], variances[:12] / variances[0], rtol=0.05)
    assert torch.equal(found[len(few) :], torch.zeros(OUTLINE - len(few)))


def test_a_heavier_outline_brings_images_of_one_outline_together(pictures):
    """Nearest by gradients alone, whatever colours and patches say."""
    seen = pictures(24)[0]

    def kept(outline):
        trained = train("siamese", seen, np.arange(96), epochs=0, settings={"size": 32, "outline": outline})
        alone = trained.codes(seen)[:, 128 : 128 + OUTLINE]
        wanted = nearest(torch.nn.functional.normalize(torch.from_numpy(alone / (alone.std(0) + 1e-9))))
        return float((nearest(torch.from_numpy(trained.encode(seen))) == wanted).float().mean())

    def nearest(points):
        return torch.cdist(points, points).fill_diagonal_(9).argmin(1)

    assert kept(0.0) + 0.1 < kept(5.0)


@pytest.mark.parametrize("what", IGNORABLE)
def test_each_thing_to_ignore_changes_the_views(images, what):
    def moved(ignore):
        torch.manual_seed(0)
        return view(mirrored(images, ignore), ignore)

    plain, more = moved(()), moved((what,))
    assert plain.shape == more.shape == images.shape
    assert 0 <= float(more.min()) <= float(more.max()) <= 1
    assert (more - images).abs().mean() > 1.2 * (plain - images).abs().mean()
    assert (plain - images).abs().mean() < 0.15


def test_without_colour_only_shapes_count(images):
    sight = Sight(8, 32, ("color",), 0.5)
    sight.prepare(images)
    grey = images.mean(1, keepdim=True).expand_as(images)
    coloured = Sight(8, 32, (), 0.5)
    coloured.prepare(images)

    def change(sight):
        seen, seen_in_grey = sight(images)[:, :8], sight(grey)[:, :8]
        return float((seen_in_grey - seen).square().sum() / seen.square().sum())

    assert change(sight) < change(coloured)


def test_without_colour_the_starter_sees_none(images):
    recoloured = images[:, [2, 0, 1]]
    apart = {}
    for ignore in (("color",), ()):
        sight = Sight(8, 32, ignore, 0.5)
        sight.prepare(images)
        at = list(sight.parts).index("starter")
        first, second = (torch.split(sight._describe(of), sight._lengths(), 1)[at] for of in (images, recoloured))
        apart[ignore] = float((first - second).abs().max())
    assert apart[("color",)] < 1e-5 < apart[()]


def arranged(n, generator):
    """Pictures of ten arrangements of 4x4 fields of grey, a little moved."""
    kinds = torch.rand(10, 1, 4, 4, generator=generator).expand(-1, 3, -1, -1)
    fields = kinds[torch.arange(n) % 10] + 0.1 * torch.rand(n, 3, 4, 4, generator=generator)
    moves = torch.randint(-4, 5, (n, 2), generator=generator).tolist()
    enlarged = torch.nn.functional.interpolate(fields, (64, 64)).clamp(0, 1)
    return torch.stack([picture.roll(move, (1, 2)) for picture, move in zip(enlarged, moves, strict=True)])


def woven(n, generator):
    """Noise of ten directions and four finenesses: alike in texture, with nothing in its place."""
    kind = torch.arange(n) % 10
    angle, finesse = kind * torch.pi / 10, 6 + 1.5 * (kind % 4)
    along, down = (finesse * angle.cos())[:, None, None], (finesse * angle.sin())[:, None, None]
    fy, fx = torch.meshgrid(torch.fft.fftfreq(64) * 64, torch.fft.rfftfreq(64) * 64, indexing="ij")
    gain = sum(torch.exp(-((fx - sign * along) ** 2 + (fy - sign * down) ** 2) / 8) for sign in (-1, 1))
    noise = torch.fft.irfft2(torch.fft.rfft2(torch.randn(n, 64, 64, generator=generator)) * gain, s=(64, 64))
    return (0.5 + 0.2 * noise / noise.std((1, 2), keepdim=True)).clamp(0, 1)[:, None].expand(-1, 3, -1, -1)


@pytest.fixture
def as_of_many(monkeypatch):
    """A few pictures in which neighbours count as they do among many, seen in one view each."""
    for name, value in {"ENOUGH": FEWEST, "PER_NEIGHBOR": 10, "VIEWS": 1}.items():
        monkeypatch.setattr(sight_module, name, value)


@pytest.mark.parametrize(("draw", "share"), [(arranged, 1.0), (woven, 0.0)])
def test_the_outline_counts_where_pictures_are_built_alike(draw, share, as_of_many):
    pictures = draw(200, torch.Generator().manual_seed(0))
    sight = Sight(32, 64, IGNORED, 0.6, enlarged=False)
    sight.prepare(pictures)
    assert float(sight.built_alike) == share
    sight.prepare(pictures[: FEWEST - 1])  # too few to tell
    assert float(sight.built_alike) == pytest.approx(OF_FEW)
    scratch = Sight(32, 64, IGNORED, 0.6, starter=False)
    scratch.prepare(pictures)
    assert float(scratch.built_alike) == pytest.approx(UNTOLD)


def test_few_pictures_are_viewed_more_often_and_have_fewer_directions(monkeypatch):
    viewed = []
    monkeypatch.setattr(sight_module, "view", lambda images, _: viewed.append(len(images)) or images)
    sight = Sight(32, 64, IGNORED, 0.6, enlarged=False)
    for n, times, directions in ((3, 8, 3), (20, 8, 16), (60, 7, 30)):
        viewed.clear()
        sight.prepare(arranged(n, torch.Generator().manual_seed(0)))
        assert sum(viewed) == 2 * times * n
        assert int(sight.matrix.any(0).sum()) == 2 * directions  # of what agrees, and of the outline


def test_of_few_pictures_neighbours_count_for_less(monkeypatch):
    pictures = arranged(50, torch.Generator().manual_seed(0))

    def map_of(neighbors, enough=ENOUGH):
        monkeypatch.setattr(sight_module, "ENOUGH", enough)
        sight = Sight(32, 64, IGNORED, neighbors, starter=False)
        torch.manual_seed(0)
        sight.prepare(pictures)
        return sight.matrix

    assert torch.allclose(map_of(0.6), map_of(0.6 * (50 / ENOUGH) ** 0.5, enough=50))
    assert not torch.allclose(map_of(0.6), map_of(0.6, enough=50))


def painted(n, generator, *, by_kind, draw=arranged):
    """Arrangements, say, in one of ten colours: of their kind, or any."""
    kinds = torch.arange(n) % 10
    colours = kinds if by_kind else torch.randint(10, (n,), generator=generator)
    hues = torch.tensor([colorsys.hsv_to_rgb(hue / 10, 0.7, 1) for hue in range(10)])
    return draw(n, generator) * hues[colours][:, :, None, None]


def told_by_colour(pictures, **settings):
    """How much a picture changes in another colour, beside how far two pictures are from each other."""
    torch.manual_seed(0)
    sight = Sight(32, 64, IGNORED, 0.6, enlarged=False, **settings)
    sight.prepare(pictures)
    seen, recoloured = (sight(of)[:, :32] for of in (pictures, pictures[:, [2, 0, 1]]))
    return float((recoloured - seen).square().sum() / (seen - seen.roll(1, 0)).square().sum())


@pytest.mark.parametrize("starter", [True, False])
def test_colours_count_more_where_neighbours_without_them_have_them_in_common(starter, monkeypatch, as_of_many):
    def far(by_kind, heavier):
        monkeypatch.setattr(sight_module, "HEAVIER", heavier)
        monkeypatch.setattr(sight_module, "BESIDE_EDGES", 2 if heavier == HEAVIER else heavier)
        return told_by_colour(painted(200, torch.Generator().manual_seed(0), by_kind=by_kind), starter=starter)

    assert far(True, 7) > 1.05 * far(True, 1)
    assert far(True, HEAVIER) > far(True, 1)
    assert far(False, 7) == far(False, 1)


@pytest.mark.parametrize(("draw", "counts"), [(arranged, False), (woven, True)])
def test_colours_count_more_beside_motifs(draw, counts, monkeypatch, as_of_many):
    pictures = painted(120, torch.Generator().manual_seed(0), by_kind=False, draw=draw)

    def far(times, **settings):
        monkeypatch.setattr(sight_module, "BESIDE_MOTIFS", times)
        return told_by_colour(pictures, **settings)

    assert far(4) > 1.05 * far(1) if counts else far(4) == far(1)
    assert far(4, starter=False) == far(1, starter=False)


def test_of_pictures_that_are_all_the_same_nothing_tells_them_apart():
    pictures = woven(1, torch.Generator().manual_seed(0)).expand(10, -1, -1, -1).contiguous()
    seen = Sight(32, 64, IGNORED, 0.6)
    seen.prepare(pictures)
    assert not seen(pictures).any()
    pictures[3, :, 5, 5] += 0.5
    seen.prepare(pictures)
    apart = torch.cdist(seen(pictures), seen(pictures))
    assert apart[3, 4] > 100 * apart[0, 1]


@pytest.mark.parametrize(("n_images", "nearest"), [(60, 3), (200, 5), (600, 10)])
def test_of_few_pictures_fewer_neighbors_are_looked_for(n_images, nearest, monkeypatch):
    pictures = woven(60, torch.Generator().manual_seed(0)).repeat(n_images // 60 + 1, 1, 1, 1)[:n_images]
    asked = set()
    found = sight_module.mutual_neighbors
    monkeypatch.setattr(sight_module, "mutual_neighbors", lambda points, k: asked.add(k) or found(points, k))
    Sight(32, 64, IGNORED, 0.6, starter=False).prepare(pictures)
    assert asked == {nearest}


def test_of_grey_pictures_the_palette_counts_as_always(monkeypatch):
    pictures = arranged(100, torch.Generator().manual_seed(0)).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    asked = []
    monkeypatch.setattr(Sight, "_share", lambda _, part, *__: asked.append(part) or torch.tensor(1.0))
    Sight(32, 64, IGNORED, 0.6, enlarged=False).prepare(pictures)
    assert asked == ["fine"]
    Sight(32, 64, IGNORED, 0.6, starter=False).prepare(pictures)
    assert asked == ["fine"]


@pytest.mark.parametrize(("draw", "counts"), [(arranged, False), (woven, True)])
def test_motifs_count_where_pictures_are_not_built_alike(draw, counts, monkeypatch):
    pictures = draw(120, torch.Generator().manual_seed(0))

    def directions(weight):
        for name in OF_MOTIFS:
            monkeypatch.setitem(sight_module.PARTS, name, (256, weight))
        torch.manual_seed(0)
        sight = Sight(32, 64, IGNORED, 0.6)
        sight.prepare(pictures)
        return sight(pictures)[:, :32]

    with_and_without = (functional.normalize(directions(weight)) for weight in (3.1, 0.01))
    one, other = (points @ points.T for points in with_and_without)
    assert ((one - other).abs().max() > 0.1) == counts


def test_that_views_are_blurred_is_nothing_that_motifs_differ_by(monkeypatch):
    pictures = woven(120, torch.Generator().manual_seed(0))
    sight = Sight(32, 64, IGNORED, 0.6)
    sight.prepare(pictures)
    monkeypatch.setattr(sight_module, "view", lambda images, _: functional.avg_pool2d(images, 3, 1, 1))
    length = sum(sight._ranks(len(pictures)))
    points, reduction = torch.zeros(len(pictures), length), torch.rand(len(sight.mean), length)
    changes = sight._changes(pictures, points, reduction, torch.arange(len(pictures)), None)
    own = sight._columns(OF_MOTIFS, len(pictures))
    assert not changes[:, own].any()
    assert changes[:, ~own].any(0).all()


def test_the_enlarged_picture_is_looked_at_where_there_are_few_or_somebody_says_so():
    some = np.zeros((3, 64, 64, 3), np.uint8)
    assert Siamese.settle({"ignore": []}, some, ENLARGED) == {"enlarged": True}
    assert Siamese.settle({"ignore": []}, some, ENLARGED + 1) == {"enlarged": False}
    for given in ({"enlarged": True}, {"enlarged": False}, {"starter": False}):
        assert Siamese.settle({"ignore": [], **given}, some, 5) == {}
    assert set(Siamese.settle({}, some, 5)) == {"enlarged", "ignore"}
    assert "enlarged" not in Sight(8, 64, IGNORED, 0.6, enlarged=False).motifs


def test_the_outlines_weight_is_the_folders_or_the_users_and_kept(tmp_path, as_of_many):
    seen = (woven(200, torch.Generator().manual_seed(0)) * 255).byte().permute(0, 2, 3, 1).numpy()

    def made(**settings):
        small = {"width": 8, "latent": 8, "enlarged": False, **settings}
        return train("siamese", seen, np.arange(len(seen)), epochs=0, settings=small)

    found, given = made(), made(outline=0.5)
    assert (found.network.blocks[1].weight, given.network.blocks[1].weight) == (0, 0.5)
    assert np.abs(found.encode(seen) @ found.encode(seen).T - given.encode(seen) @ given.encode(seen).T).max() > 0.05
    found.save(tmp_path)
    assert load_model(tmp_path).network.blocks[1].weight == 0


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.5, 0.1)])
@pytest.mark.parametrize("n_images", [60, 120])
@pytest.mark.parametrize("settings", [{}, {"neighbors": 0.0}, {"ignore": ["color"]}, {"starter": False}])
def test_pictures_of_one_colour_have_embeddings_too(settings, n_images, tint):
    greys = np.repeat(np.arange(n_images), 32 * 32).reshape(n_images, 32, 32, 1) * 2
    seen = (greys * np.array(tint)).astype(np.uint8)
    small = {"size": 32, "width": 8, "latent": 8, **settings}
    trained = train("siamese", seen, np.arange(n_images), epochs=0, settings=small)
    if n_images < FEWEST:
        alike = OF_FEW if settings.get("starter", True) else UNTOLD
        assert trained.network.blocks[1].weight == pytest.approx(alike * OUTLINED)
    assert np.isfinite(trained.encode(seen)).all()
