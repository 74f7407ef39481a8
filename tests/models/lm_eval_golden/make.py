"""How the golden answers of lm-evaluation-harness were made; ``answers.json`` names the version.

First here, ``python tests/models/lm_eval_golden/make.py FOLDER`` writes the models; then a Python that has lm_eval
0.4.13 asks them: ``python tests/models/lm_eval_golden/make.py FOLDER answers.json``.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
ASKED = [
    ["The cat sat on the mat and the dog", " sat on the log"],
    ["The cat sat on the mat and the dog ", "sat on the log"],
    ["The cat sat on the mat and the dog", "s"],
    ["Question: where is the cat?\nAnswer:", " on the mat"],
    ["Question: where is the cat?\nAnswer:", " on the log"],
    ["Question: where is the cat?\nAnswer:\n\n", " on the log"],
    ["", "the dog sat"],
    ["", " the dog"],
    ["猫坐在", "垫子上"],
    ["猫坐在", "木头上，狗也是"],
    ["问题：猫在哪里？\n答案： ", "木头上"],
    ["<s>the cat", " sat"],
    ["the cat sat on the mat " * 12, "and the dog"],
    ["the cat sat on the mat " * 12, "and the dog sat on the log, and the cat sat on the mat again"],
]
ROLLED = ["the dog sat", "the cat sat on the mat and the dog sat on the log. 猫坐在垫子上，狗坐在木头上。" * 6]
WRITTEN = [
    ["The cat sat on", {"until": ["\n\n"], "max_gen_toks": 12, "do_sample": False}],
    ["猫坐在", {"until": ["\n\n"], "max_gen_toks": 12, "do_sample": False}],
    ["the cat sat on the mat " * 12, {"until": ["\n\n"], "max_gen_toks": 12, "do_sample": False}],
    ["The cat sat on", {"until": ["?", "o"], "max_gen_toks": 12, "do_sample": False}],
]
MODELS = ("plain", "begins")


def write_models(folder: Path) -> None:
    """Write one model twice: with a tokenizer that adds nothing, and with one that begins each text with ``<s>``."""
    from lmloop.nn.decoder import seeded
    from lmloop.nn.huggingface import write_model
    from lmloop.nn.shape import from_depth

    content = json.loads((HERE / "tokenizer.json").read_text(encoding="utf-8"))
    shape = from_depth(2, len(content["model"]["vocab"]), 64)
    weights = {name: weight * (3 if weight.ndim > 1 else 1) for name, weight in seeded(shape, 0).state_dict().items()}
    for name in MODELS:
        place = folder / name
        place.mkdir(parents=True)
        write_model(place, shape, weights, None, None)
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "bos_token": None}
        if name == "begins":
            settings["bos_token"] = "<s>"
            content["post_processor"] = {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [content["model"]["vocab"]["<s>"]], "tokens": ["<s>"]}},
            }
        (place / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
        (place / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def ask(folder: Path) -> dict[str, object]:
    """Let lm-eval answer."""
    import lm_eval
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    answers: dict[str, object] = {"lm_eval": lm_eval.__version__}
    for name in MODELS:
        peer = HFLM(pretrained=str(folder / name), device="cpu", dtype="float32", batch_size=1)
        answers[name] = {
            kind: getattr(peer, kind)(
                [Instance(kind, {}, tuple(request), 0) for request in requests], disable_tqdm=True
            )
            for kind, requests in (
                ("loglikelihood", ASKED),
                ("loglikelihood_rolling", [[text] for text in ROLLED]),
                ("generate_until", WRITTEN),
            )
        }
    return answers


def write_tokenizer() -> None:
    """Learn a small tokenizer, once: what is learnt could change with the library."""
    import tokenizers

    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"])
    core.train_from_iterator([*ROLLED, *(" ".join(pair) for pair in ASKED)] * 3, trainer)
    core.save(str(HERE / "tokenizer.json"), pretty=False)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        if not (HERE / "tokenizer.json").exists():
            write_tokenizer()
        write_models(Path(sys.argv[1]))
    else:
        (HERE / sys.argv[2]).write_text(
            json.dumps(ask(Path(sys.argv[1])), ensure_ascii=False, indent=1), encoding="utf-8"
        )
