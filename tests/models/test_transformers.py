import json
from pathlib import Path
from shutil import copytree

import pytest

from lmloop.core.errors import DataError
from lmloop.core.model import Fingerprinted, Sampling, Writes, Writing, text_prompt
from lmloop.core.record import Turn
from lmloop.core.weights import model as named
from lmloop.models.lmloop import Lmloop
from lmloop.models.transformers import Transformers

pytest.importorskip("transformers")
CHAT = (Turn("system", "Be kind."), Turn("user", "你好"))
CHATML = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML


@pytest.fixture(scope="module")
def plain():
    return Transformers.example()


@pytest.mark.parametrize(
    ("use", "template", "text"),
    [
        ("transformers", "", "Be kind.你好"),
        ("lmloop", "", "Be kind.你好"),
        ("transformers", CHATML, "<|system|>Be kind.<|user|>你好<|assistant|>"),
        ("lmloop", CHATML, "<|system|>Be kind.<|user|>你好<|assistant|>"),
        ("lmloop", NO_SYSTEM, "<|user|>Be kind.\n\n你好<|assistant|>"),
        ("transformers", NO_SYSTEM, "<|user|>Be kind.\n\n你好<|assistant|>"),
    ],
)
def test_a_conversation_is_put_into_the_template_and_raw_text_is_not(use, template, text, plain, tmp_path):
    copytree(plain.folder, tmp_path, dirs_exist_ok=True)
    if template:
        (tmp_path / "chat_template.jinja").write_text(template)
    model = named(f"{use}:{tmp_path}")
    chat, raw = model.score([(CHAT, "!"), (text_prompt(text), "!")])
    assert chat == raw
    assert model.generate([CHAT], Sampling(4)) == model.generate([text_prompt(text)], Sampling(4))


def test_both_back_ends_say_the_same_of_the_same_folder(plain):
    own = Lmloop(folder=plain.folder)
    assert isinstance(plain, Writes)
    assert isinstance(own, Fingerprinted)
    requests = [
        Writing(text_prompt(text), Sampling(6, temperature=heat, seed=seed))
        for text in ("the cat", "猫", "")
        for heat, seed in ((0.0, 0), (1.5, 0), (1.5, 1))
    ]
    replies = plain.write(requests)
    assert [reply.text for reply in replies] == [reply.text for reply in own.write(requests)]
    assert replies[1].text != replies[2].text
    heard = {}
    again = plain.write(requests[::-1], heard.__setitem__)
    assert [reply.text for reply in again] == [reply.text for reply in replies[::-1]]
    assert [reply.logprob for reply in again] == pytest.approx([reply.logprob for reply in replies[::-1]], abs=1e-4)
    assert again == [heard[place] for place in range(9)]
    assert plain.embed(["the cat", ""]) == [pytest.approx(one, abs=1e-5) for one in own.embed(["the cat", ""])]


def test_prompts_that_are_too_long_lose_their_beginning_or_middle(plain):
    prompt = "".join(chr(65 + place % 58) for place in range(300))
    whole = plain.score([(text_prompt(prompt), "!?")])[0]
    assert (whole.prompt_tokens, whole.left_out) == (127, 173)
    assert whole.logprob == plain.score([(text_prompt(prompt[-127:]), "!?")])[0].logprob
    middle = Transformers(folder=plain.folder, truncate="middle").score([(text_prompt(prompt), "!?")])[0]
    assert middle.logprob == plain.score([(text_prompt(prompt[:64] + prompt[-63:]), "!?")])[0].logprob
    assert middle.left_out == 173
    written = plain.generate([text_prompt(prompt)], Sampling(8))[0]
    assert (written.prompt_tokens, written.left_out) == (120, 180)
    endless = plain.score([(text_prompt("a"), prompt)])[0]
    assert endless.logprob is None
    assert "300 tokens" in endless.error


def test_a_fingerprint_hangs_on_what_a_folder_holds_and_not_on_where_it_lies(plain, tmp_path):
    copy = Transformers(folder=str(copytree(plain.folder, tmp_path / "copy")))
    assert copy.fingerprint() == plain.fingerprint()
    assert Transformers(folder=copy.folder, dtype="bfloat16").fingerprint() != plain.fingerprint()
    config = Path(copy.folder, "config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rms_norm_eps": 1e-3}))
    assert copy.fingerprint() != plain.fingerprint()


def test_what_is_no_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr("lmloop.nn.inference.opening.getproxies", dict)
    for name in ("./nowhere", str(tmp_path), "nobody/nothing"):
        with pytest.raises(DataError) as told:
            named({"use": "transformers", "folder": name}).score([(text_prompt("a"), "b")])
        assert "folder" in told.value.hint
