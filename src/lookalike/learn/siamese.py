"""``siamese-vae``, the default, and ``siamese``: embeddings that agree between two views of one image."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.measures import LEARNED
from lookalike.learn.nets import Decoder, Encoder
from lookalike.learn.sight import OUTLINE, Sight
from lookalike.learn.symmetry import JUDGED, differences
from lookalike.learn.vae import WARM_UP, gaussian_error, kullback_leibler
from lookalike.learn.views import IGNORABLE, IGNORED, mirrored, view
from lookalike.learn.whitening import Block

TEMPERATURE = 0.2
ENLARGED = 30_000
"""Images that are enlarged, too, at most: seeing each takes three times as long then."""
OUTLINED = 0.65
"""Weight of the outline in a folder of pictures that are built alike."""


def shrunk(images: Tensor) -> Tensor:
    """Images (b, 3, s, s) as the network sees them: averaged to `LEARNED` pixels a side where they have more."""
    return functional.adaptive_avg_pool2d(images, LEARNED) if images.shape[-1] > LEARNED else images


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent (Chen et al., *SimCLR*, 2020): each of (b, d) should be nearest to its partner among all 2b."""
    both = functional.normalize(torch.cat([first, second]).float())  # (2b, d)
    likeness = (both @ both.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    partners = torch.arange(len(both), device=both.device).roll(len(first))
    return functional.cross_entropy(likeness, partners)


class Siamese(nn.Module):
    """Two views of one image should have one code: the talk's first alternative to an autoencoder.

    The code is [sight; outline; μ]. *Sight* (`sight.py`) is the closed form of the idea: the linear map of gradients,
    patches, texture, colours and what the *starter* sees (`starter.py`) that agrees best between views of an image, and
    between neighbours; it is found in seconds and is what search lives on. The *outline*, found with it, is where
    gradients vary most: it helps clusters, which are kinds of things, not single ones, in folders of things that are
    built alike. μ, of ``latent`` numbers, is learned by a network from pixels and adds what descriptors cannot say.
    ``dim`` is the length of the embedding, in which the whitening joins the three with the weights 1, ``outline``
    (by default up to 0.65: less where neighbours' outlines differ) and ``learned``.

    ``ignore`` says what does not count as a difference between pictures, see `views.view`; a training that is not
    told takes crop, scale, and flip unless the folder's images are told from mirror images. ``neighbors`` weighs
    agreement with an image's nearest against agreement between its views: a larger one gathers kinds of things, 0
    keeps to the single picture. Without ``starter``, whose weights were learned from drawings, all is learned from the
    folder, from scratch; with it, ``enlarged`` looks for motifs in the enlarged picture, too, which finds smaller ones
    and takes three times as long: a training that is not told does so up to `ENLARGED` images. A larger
    ``width`` sees more and costs its square.
    """

    size: ClassVar[int] = 64
    few_by_few: ClassVar[bool] = True
    effort: ClassVar[float] = 0.3
    judged: ClassVar[int] = JUDGED

    def __init__(
        self,
        *,
        dim: int = 128,
        size: int = 64,
        width: int = 32,
        latent: int = 64,
        neighbors: float = 0.6,
        outline: float | None = None,
        learned: float = 0.2,
        starter: bool = True,
        enlarged: bool = True,
        ignore: Sequence[str] = IGNORED,
    ) -> None:
        super().__init__()
        if unknown := set(ignore) - set(IGNORABLE):
            raise ValueError(f"ignore={sorted(unknown)[0]!r} is unknown; there are {', '.join(IGNORABLE)}")
        for name, given in {"starter": starter, "enlarged": enlarged}.items():
            if not isinstance(given, bool):
                raise ValueError(f"{name}={given!r} must be True or False")
        if size > LEARNED and size % LEARNED:
            raise ValueError(f"size={size} must be 32, 48 or a multiple of {LEARNED}")
        self.side, self.latent, self.ignore = size, latent, tuple(ignore)
        self.sight = Sight(dim, size, self.ignore, neighbors, starter=starter, enlarged=enlarged)
        self.outline, self.learned = outline, learned
        self.encoder = Encoder(min(size, LEARNED), width)
        self.heads = nn.Linear(self.encoder.n_features, 2 * latent)
        self.project = nn.Sequential(nn.Linear(latent, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64))

    @property
    def blocks(self) -> list[Block]:
        """Of the code; the outline weighs, where nobody said it, by how much the folder's pictures are built alike."""
        outline = OUTLINED * float(self.sight.built_alike) if self.outline is None else self.outline
        learned = Block(self.latent, self.learned, 0.2)
        return [Block(self.sight.dim, 1.0, torch.inf), Block(OUTLINE, outline, 0.02), learned]

    @staticmethod
    def settle(given: dict[str, Any], pixels: np.ndarray, n_images: int) -> dict[str, Any]:
        """The settings that are the folder's to say when the user does not, from a sample uint8 (m, s, s, 3) of it."""
        asked = given.get("starter", True) and "enlarged" not in given
        enlarged = {"enlarged": n_images <= ENLARGED} if asked else {}
        return enlarged if "ignore" in given else enlarged | {"ignore": list(differences(pixels))}

    def prepare(self, images: Tensor, each: int = 0, told: Callable[[int, int], None] | None = None) -> Tensor | None:
        """Finds the sight of a sample of the folder, uint8 (m, 3, s, s); what it sees of so many ``each`` time."""
        return self.sight.prepare(images, each, told)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (b, 3, s, s) in [0, 1] to μ(x) and log Σ(x), (b, latent) each."""
        mean, log_variance = self.heads(self.encoder(2 * shrunk(images) - 1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 8)

    def encode(self, images: Tensor, known: Tensor | None = None) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to codes [sight; outline; μ], (b, dim + OUTLINE + latent).

        ``known`` is what `sight` gives of them.
        """
        return torch.cat([self.sight(images) if known is None else known, self.posterior(images)[0]], 1)

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """The disagreement of μ between two views of each image."""
        small = shrunk(images)
        first, second = (self.posterior(view(mirrored(small, self.ignore), self.ignore))[0] for _ in range(2))
        return {"disagreement": disagreement(self.project(first), self.project(second))}


class SiameseVAE(Siamese):
    """A VAE whose posterior mean must also agree between two views of one image.

    From [sight; z] of a view, z drawn from N(μ, Σ), the decoder has to give the whole image. Sight tells it the shapes,
    so the ELBO spends μ on the rest: colours, light, texture. ``reconstruction`` weighs the decoded pixels, ``beta``
    the Kullback-Leibler term, which has ``free_bits`` as in `vae`, and ``agreement`` the NT-Xent loss of the two views;
    without agreement and sight it is `vae`, without the decoder `siamese`.
    """

    def __init__(
        self,
        *,
        dim: int = 128,
        size: int = 64,
        width: int = 32,
        latent: int = 64,
        reconstruction: float = 1.0,
        beta: float = 1.0,
        free_bits: float = 0.1,
        agreement: float = 100.0,
        neighbors: float = 0.6,
        outline: float | None = None,
        learned: float = 0.2,
        starter: bool = True,
        enlarged: bool = True,
        ignore: Sequence[str] = IGNORED,
    ) -> None:
        super().__init__(
            dim=dim,
            size=size,
            width=width,
            latent=latent,
            neighbors=neighbors,
            outline=outline,
            learned=learned,
            starter=starter,
            enlarged=enlarged,
            ignore=ignore,
        )
        self.reconstruction, self.beta, self.free_bits, self.agreement = reconstruction, beta, free_bits, agreement
        self.decoder = Decoder(min(size, LEARNED), dim + OUTLINE + latent, width)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, dim + OUTLINE + latent) to images (b, 3, s, s) in [0, 1], enlarged where s is above `LEARNED`."""
        images: Tensor = self.decoder(codes)
        return functional.interpolate(images, self.side, mode="bilinear") if self.side > LEARNED else images

    @torch.no_grad()
    def known(self, images: Tensor) -> Tensor:
        """What training does not change: the sight of images (b, 3, s, s); where they are mirrored in training, that
        does not change it either."""
        return self.sight(images)  # type: ignore[no-any-return]

    def loss(
        self, images: Tensor, progress: float, known: Tensor | None = None, again: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Reconstruction of the image from a view, divergence, and the disagreement of two views.

        The second view is of ``again``, other pictures of the same things, where there are some.
        """
        whole = mirrored(shrunk(images), self.ignore)
        mean, log_variance = self.posterior(view(whole, self.ignore))
        spread = torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        seen = self.known(images) if known is None else known
        decoded = self.decoder(torch.cat([seen, mean + spread], 1))
        divergence = kullback_leibler(mean, log_variance).clamp(min=self.free_bits).sum()
        second = shrunk(images if again is None else again)
        other = self.posterior(view(mirrored(second, self.ignore), self.ignore))[0]
        return {
            "reconstruction": self.reconstruction * gaussian_error(whole, decoded),
            "divergence": self.beta * min(1.0, progress / WARM_UP) * divergence,
            "disagreement": self.agreement * disagreement(self.project(mean), self.project(other)),
        }
