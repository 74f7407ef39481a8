import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import COLUMNS
from pydantic import ValidationError

from lmloop.ops.regex import Regex
from lmloop.ops.replace import Replace


@given(COLUMNS)
def test_regex_is_python_s_where_patterns_mean_the_same(texts):
    pattern = "[aeo的]"
    kept = [text for text in texts if not re.search(pattern, text)]
    assert Regex(patterns=[pattern])(texts).texts == kept
    assert Regex(patterns=[pattern], action="keep")(texts).texts == [t for t in texts if re.search(pattern, t)]
    assert Regex(patterns=[pattern], matches=3)(texts).texts == [t for t in texts if len(re.findall(pattern, t)) < 3]


@given(COLUMNS, st.sampled_from([("[0-9]+", ""), ("(a)", "<\\1>"), ("的", "之")]))
def test_replace_is_python_s(texts, rule):
    assert Replace(patterns=dict([rule]))(texts).texts == [re.sub(*rule, text) for text in texts]


def test_patterns_of_the_docs():
    patterns = {r"https?://\S+": "", r"[^\p{Han}\s\p{P}]+": "", r"(?m)^\s*%.*\n": ""}
    assert Replace(patterns=patterns)(["看 http://a.b/c 这里，abc", "% remark\n正文"]).texts == ["看  这里，", "正文"]
    tex = "\\documentclass{x}\n\\begin{document}文\\begin{thebibliography}{9} a"
    head, tail = r"(?s)\A.*\\begin\{document\}", r"(?s)\\begin\{thebibliography\}.*\z"
    assert Replace(patterns={head: "", tail: ""})([tex]).texts == ["文"]


@pytest.mark.parametrize(
    ("part", "patterns"), [(Regex, ["(a"]), (Regex, []), (Replace, {"(a": ""}), (Replace, {"a": "\\7"})]
)
def test_a_broken_pattern_is_told_before_anything_runs(part, patterns):
    with pytest.raises(ValidationError):
        part(patterns=patterns)
