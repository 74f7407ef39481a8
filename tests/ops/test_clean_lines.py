import pytest
from hypothesis import given
from op_texts import CHINESE, COLUMNS, ENGLISH

from lmloop.ops.clean_lines import CleanLines

LINES = {
    "capitals": ["TOP STORIES OF THE DAY", "READ THIS First"],
    "numbers": ["12", "3.14 / 15", "2024-01-02"],
    "counter": ["3 likes", "12 条评论", "1,024 次播放", "转发 35"],
    "one-word": ["Home", "导航"],
    "navigation": [
        "Read more",
        "12 items in cart",
        "Sign in or register",
        "返回首页",
        "上一篇：关于海的故事",
        "点击查看",
    ],
    "notice": [
        "All rights reserved, 2020.",
        "This site uses cookies to work.",
        "版权所有 某某公司",
        "京ICP备12345678号",
    ],
}
TEXT = ["They signed in at noon and went on.", "这一天他们在海边走了很久。", "NASA sent two of them up.", "***"]


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in LINES.items() for line in lines])
def test_each_kind_goes_and_can_be_left(kind, line):
    text = f"{ENGLISH}\n{line}\n{CHINESE}"
    assert CleanLines(max_removed_words=1)([text]).texts == [f"{ENGLISH}\n{CHINESE}"]
    others = [other for other in LINES if other != kind]
    assert CleanLines(max_removed_words=1, remove=others)([text]).texts == [text]


@pytest.mark.parametrize("line", TEXT)
def test_text_stays(line):
    assert CleanLines()([f"{ENGLISH}\n{line}"]).texts == [f"{ENGLISH}\n{line}"]


def test_pages_of_little_else_go():
    page = "Home\nSign in\nRead more\n" + "One line of text here."
    assert CleanLines()([page, "Home\nMenu", ""]).reasons == {"many-such-lines": 2, "nothing-left": 1}
    assert CleanLines(max_removed_words=1)([page, "Home\nMenu"]).reasons == {"nothing-left": 1}


@given(COLUMNS)
def test_what_is_left_stood_there_in_this_order(texts):
    op = CleanLines(max_removed_words=1)
    outcome = op(texts)
    for before, after in zip([t for t in texts if op([t]).texts], outcome.texts, strict=True):
        lines = iter(before.split("\n"))
        assert all(line in lines for line in after.split("\n"))
