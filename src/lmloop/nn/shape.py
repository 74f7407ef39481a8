"""The shape of a decoder: all the numbers that its weights hang on, and the one dial that sets them. No torch here."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Activation: TypeAlias = Literal["silu", "relu"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """How rotary frequencies are stretched for long contexts, as Llama 3.1 does (``kind`` ``llama3``) or ``linear``."""

    kind: str
    factor: float
    low: float = 1.0
    high: float = 4.0
    original_context: int = 8192


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder-only transformer in the form of Llama, Qwen2 (``qkv_bias``) or Qwen3 (``qk_norm``).

    ``kv_heads`` < ``heads`` is grouped-query attention (Ainslie et al. 2023, section 2.2); ``hidden`` is the inner
    width of SwiGLU (Shazeer 2020), or of ReGLU where the ``activation`` is ``relu``; ``tied`` uses the embedding as the
    output matrix, too.
    """

    vocabulary: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    hidden: int
    context: int
    rope_base: float = 10_000.0
    stretch: Stretch | None = None
    norm_epsilon: float = 1e-6
    tied: bool = True
    qk_norm: bool = True
    qkv_bias: bool = False
    activation: Activation = "silu"

    @property
    def matrix_weights(self) -> int:
        """Count the weights that a token is multiplied with: all matrices of the layers, and the output matrix."""
        attention = 2 * self.width * self.head_width * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.hidden) + self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """Count all weights; a tied matrix once."""
        norms = self.layers * (2 * self.width + 2 * self.head_width * self.qk_norm) + self.width
        bias = self.layers * self.qkv_bias * self.head_width * (self.heads + 2 * self.kv_heads)
        embedding = 0 if self.tied else self.vocabulary * self.width
        return self.matrix_weights + norms + bias + embedding

    def flops_per_token(self, context: int) -> int:
        """Count floating-point operations of one trained token, forward and backward.

        Six for each matrix weight and 12 x layers x width x context for attention (Chowdhery et al. 2022, PaLM,
        appendix B), which is also how others count; masks that leave pairs out are not subtracted.
        """
        return 6 * self.matrix_weights + 12 * self.layers * self.heads * self.head_width * context


def from_depth(depth: int, vocabulary: int, context: int) -> Shape:
    """Work out a whole shape from the number of layers.

    Width is ``depth * (32 + 4 * max(0, depth - 4))``, at most ``64 * depth``, rounded to a multiple of 64 (from 512
    on, of 128): narrow while the model is small (4: 128, 8: 384), 64 a layer from 12 on (768). Heads are 32 wide below
    width 256, then 64, then 128 from width 1,536. Four query heads share a key head where their number allows (else
    three, two, or none). SwiGLU's hidden width is 8/3 of the width, rounded to a multiple of 64, which gives it the
    cost of a plain feed-forward of four widths. The embedding is tied below width 1,024, where it would be most of the
    model.
    """
    exact = depth * min(64, 32 + 4 * max(0, depth - 4))
    unit = 64 if exact < 512 else 128
    width = max(64, unit * round(exact / unit))
    head_width = 32 if width < 256 else 64 if width < 1536 else 128
    heads = width // head_width
    share = next(share for share in (4, 3, 2, 1) if heads % share == 0)
    return Shape(
        vocabulary=vocabulary,
        layers=depth,
        width=width,
        heads=heads,
        kv_heads=heads // share,
        head_width=head_width,
        hidden=64 * round(width * 8 / 3 / 64),
        context=context,
        tied=width < 1024,
    )
