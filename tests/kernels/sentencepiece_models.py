"""Models as SentencePiece itself trains them."""

import io
from typing import Any

import pytest

spm = pytest.importorskip("sentencepiece")

PLAIN = {"byte_fallback": True, "normalization_rule_name": "identity"}


def train_model(texts: list[str], size: int, kind: str, **settings: Any) -> bytes:
    """Train a model on the lines of some texts; ``kind`` is ``bpe``, ``unigram`` or ``word``."""
    made = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in texts for line in text.splitlines() if line),
        model_writer=made,
        vocab_size=size,
        model_type=kind,
        num_threads=1,
        hard_vocab_limit=False,
        minloglevel=2,
        **settings,
    )
    return made.getvalue()
