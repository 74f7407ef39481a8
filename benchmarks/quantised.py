"""A quantised model beside its own weights in float32: how far apart what they say is.

Run it with ``python benchmarks/quantised.py FILE FOLDER``: a GGUF file, and the same model in Hugging Face's form. It
prints the Kullback-Leibler divergence of the next token's distribution, in nats, over the places of some texts (with
llama.cpp computing in small steps, and in large ones), then how far apart the two back-ends are over twenty prompts.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lmloop.core.model import Prompt, Reply, Sampling, text_prompt
from lmloop.core.record import Turn
from lmloop.models.gguf import Gguf
from lmloop.models.gguf.loaded import BATCH, SMALL, Loaded, Step
from lmloop.models.transformers import Transformers

RAW = (
    "The capital of France is",
    "Water boils at",
    "To be or not to be,",
    "The quick brown fox",
    "In the beginning",
    "Photosynthesis is the process by which",
    "The largest planet in the solar system is",
    "Once upon a time there was",
    "def add(a, b):",
    "法国的首都是",
)
ASKED = (
    "Name three colours.",
    "What is the capital of France?",
    "Write a sentence about the sea.",
    "How many legs does a spider have?",
    "Explain rain to a child.",
    "Give me a word that rhymes with cat.",
    "What is 12 plus 7?",
    "Who wrote Hamlet?",
    "Translate 'good morning' into Spanish.",
    "中国的首都在哪里？",
)
TOKENS = 12


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the GGUF file")
    parser.add_argument("folder", type=Path, help="the same model in Hugging Face's form")
    given = parser.parse_args()
    prompts: list[Prompt] = [text_prompt(text) for text in RAW] + [(Turn("user", text),) for text in ASKED]
    near = Gguf(file=str(given.file))
    written = near.generate(prompts, Sampling(max_tokens=TOKENS))
    _divergences(given.file, given.folder, prompts, written)
    _scores(near, Transformers(folder=str(given.folder), device="cpu", dtype="float32"), prompts, written)


def _divergences(file: Path, folder: Path, prompts: list[Prompt], written: list[Reply]) -> None:
    """Print the divergences over chats with their replies, and over all raw texts as one."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = Loaded(file, cells=4096, rows=2, gpu_layers=0)
    own = loaded.batch
    texts = [loaded.encode("\n".join(RAW), begins=True)]
    pairs = list(zip(prompts, written, strict=True))[len(RAW) :]
    texts += [[*loaded.prompt(prompt), *loaded.encode(reply.text)] for prompt, reply in pairs]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found: dict[int, list[NDArray[np.float64]]] = {SMALL: [], BATCH: []}
    for ids in texts:
        with torch.inference_mode():
            whole = model(torch.tensor([ids])).logits[0].double().log_softmax(-1).numpy()
        for size, divergences in found.items():
            loaded.batch = size
            loaded.clear()
            told = loaded.compute(Step(ids, list(range(len(ids))), [0] * len(ids), [True] * len(ids)))
            divergences.append((np.exp(whole) * (whole - told)).sum(axis=1))
    places = sum(map(len, texts))
    print(f"{len(texts)} texts, {places} places; opened, the file is computed in steps of {own} tokens")
    for size, divergences in found.items():
        means = [float(one.mean()) for one in divergences]
        all_places = np.concatenate(divergences)
        print(
            f"steps of {size:3}: mean KL {all_places.mean():.4f} nats a place"
            f" (texts {min(means):.4f} to {max(means):.4f}), greatest {all_places.max():.3f}"
        )


def _scores(near: Gguf, far: Transformers, prompts: list[Prompt], written: list[Reply]) -> None:
    """Print how far apart the two score what was written, and how many greedy replies are the same."""
    pairs = [(prompt, reply.text) for prompt, reply in zip(prompts, written, strict=True)]
    both = list(zip(near.score(pairs), far.score(pairs), strict=True))
    apart = sum(abs((one.logprob or 0.0) - (other.logprob or 0.0)) for one, other in both)
    tokens = sum(one.tokens for one, _ in both)
    again = far.generate(prompts, Sampling(max_tokens=TOKENS))
    same = sum(one.text == other.text for one, other in zip(written, again, strict=True))
    print(f"log-probability of what was written: {apart / tokens:.4f} nats a token apart ({tokens} tokens)")
    print(f"greedy replies of at most {TOKENS} tokens: {same} of {len(written)} the same")


if __name__ == "__main__":
    main()
