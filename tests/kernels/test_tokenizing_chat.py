"""Chat templates are rendered as transformers does, and what the assistant says is found in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.errors import DataError
from lmloop.core.record import Turn
from lmloop.kernels.tokenizing.chat import Template
from lmloop.kernels.tokenizing.folder import CHATML

LLAMA = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
    {{- '<<SYS>>' + system + '<</SYS>>' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must take turns') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {{- '[INST] ' + message['content'] | trim + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message['content'] | trim + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
"""
MARKED = """\
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|a|>' }}{% generation %}{{ message.content + '<|end|>' }}{% endgeneration %}{{ '\n' }}
    {%- else %}
        {{- '<|' + message.role + '|>' + message.content + '<|end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|a|>' }}{% endif %}
"""
FORGETS = """\
{%- for message in messages %}
    {%- set text = message.content.split('</think>')[-1] if not loop.last else message.content %}
    {{- '<' + message.role + '>' + text + '</>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<assistant>' }}{% endif %}
"""
ALL = {"chatml": CHATML, "llama": LLAMA, "marked": MARKED, "forgets": FORGETS}
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}
TALK = (Turn("user", "你好，please"), Turn("assistant", " Hi. "), Turn("user", "more\n"), Turn("assistant", "就这些"))


def spoken(rendered):
    return [rendered.text[start:stop] for start, stop in rendered.spoken]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("asks", [False, True])
def test_it_is_rendered_as_transformers_does(name, asks):
    module = pytest.importorskip("transformers.utils.chat_template_utils")
    turns = TALK[:3] if asks else TALK
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    (wanted,), _ = module.render_jinja_template(
        [messages], chat_template=ALL[name], add_generation_prompt=asks, **SPECIALS
    )
    assert Template(ALL[name], SPECIALS).render(turns, asks) == wanted


def test_marks_give_the_spans_that_transformers_finds():
    module = pytest.importorskip("transformers.utils.chat_template_utils")
    messages = [{"role": turn.role, "content": turn.text} for turn in TALK]
    texts, wanted = module.render_jinja_template(
        [messages], chat_template=MARKED, return_assistant_tokens_mask=True, **SPECIALS
    )
    found = Template(MARKED).with_spans(TALK)
    assert found.text == texts[0]
    assert [tuple(span) for span in wanted[0]] == list(found.spoken)
    assert spoken(found) == [" Hi. <|end|>", "就这些<|end|>"]


def test_without_marks_a_turn_is_what_the_text_grows_by():
    assert spoken(Template(CHATML).with_spans(TALK)) == [" Hi. <|im_end|>\n", "就这些<|im_end|>\n"]
    assert spoken(Template(LLAMA, SPECIALS).with_spans(TALK)) == [" Hi. </s>", " 就这些 </s>"]


def test_of_a_template_that_rewrites_earlier_turns_only_what_stays_is_spoken():
    turns = (Turn("user", "a"), Turn("assistant", "<think>x</think>b"), *TALK[2:])
    found = Template(FORGETS).with_spans(turns)
    assert "<think>" not in found.text
    assert spoken(found) == ["就这些</>"]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\ufdd0\ufdd1", codec="utf-8"), min_size=1), min_size=2, max_size=6
    )
)
def test_whatever_is_said_the_spans_hold_it(texts):
    turns = [Turn(("user", "assistant")[place % 2], text) for place, text in enumerate(texts)]
    for source, end in ((CHATML, "<|im_end|>\n"), (MARKED, "<|end|>")):
        found = Template(source).with_spans(turns)
        assert spoken(found) == [turn.text + end for turn in turns if turn.role == "assistant"]
        assert found.text == Template(source).render(turns)


@pytest.mark.parametrize(
    ("source", "turns", "message"),
    [
        (LLAMA, TALK[1:], "Roles must take turns"),
        ("{% for x in %}", TALK, "no Jinja template"),
        ("{{ messages[0].content.__class__.__mro__ }}", TALK, "refuses a conversation"),
        ("{{ messages.append(1) }}", TALK, "refuses a conversation"),
        ("{{ 1 / 0 }}", TALK, "refuses a conversation"),
        (CHATML, (Turn("user", "\ufdd0"),), "no text may hold"),
    ],
)
def test_what_cannot_be_rendered_is_told(source, turns, message):
    with pytest.raises(DataError, match=message):
        Template(source, SPECIALS).render(turns)


def test_it_is_read_from_a_tokenizers_folder(tmp_path):
    assert Template.load(tmp_path) is None
    config = {"chat_template": "{{ bos_token }}", "bos_token": {"content": "<b>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert Template.load(tmp_path).render(TALK) == "<b>"
    several = [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert Template.load(tmp_path).render(TALK) == "d"
    (tmp_path / "chat_template.jinja").write_text("{{ messages | tojson }}")
    assert "你好" in Template.load(tmp_path).render(TALK)
    for damage in ("{", "[]", '{"bos_token": {}}'):
        (tmp_path / "tokenizer_config.json").write_text(damage)
        with pytest.raises(DataError, match="cannot be read"):
            Template.load(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": [{"name": "default"}]}')
    with pytest.raises(DataError, match="cannot be read"):
        Template.load(tmp_path)
