"""A tiny model in a GGUF file: bytes for tokens, and weights drawn at random."""

from functools import cache
from pathlib import Path

import numpy as np

from lmloop.core.extras import need
from lmloop.core.scratch import scratch_folder
from lmloop.kernels.tokenizing.letters import letters

WIDTH, HEADS, INNER = 64, 2, 128


@cache
def tiny_file() -> Path:
    """Write it into a folder that is removed when the process ends."""
    need("gguf", "gguf")
    import gguf

    path = scratch_folder() / "tiny.gguf"
    words = [*letters(), "<end>"]
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(256)
    file.add_embedding_length(WIDTH)
    file.add_block_count(1)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(len(words))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list(words)
    file.add_token_merges(["a b"])
    file.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL])
    file.add_eos_token_id(256)
    file.add_add_bos_token(False)
    chance = np.random.default_rng(0)
    squares = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
    shapes = squares | {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
    for name, shape in shapes.items():
        file.add_tensor(f"blk.0.{name}.weight", chance.normal(0, 0.1, shape).astype(np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        file.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    for name in ("token_embd", "output"):
        file.add_tensor(f"{name}.weight", chance.normal(0, 1, (len(words), WIDTH)).astype(np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path
