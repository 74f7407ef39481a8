import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, COLUMNS

from lmloop.core.outside import OutsideFile
from lmloop.ops.boilerplate import LIST, Boilerplate

GONE = [
    *("版权所有 © 2020 某某网络有限公司", "京ICP备12345678号-1  京公网安备 11010802012345号", "备案号：沪B2-20200001"),
    *(
        "责任编辑：张三",
        "责 任 编 辑：李四",
        "（责任编辑：王五）",
        "上一篇：关于海的故事",
        "下一頁",
        "您现在的位置：首页 > 新闻",
    ),
    *(
        "来源：新华社",
        "分享到：微信 微博",
        "未经授权，不得转载",
        "本文地址：http://a.cn/b",
        "未經許可不得轉載",
        "点击查看",
    ),
    *("发布时间：2020-01-01 浏览次数：35", "ALL RIGHTS RESERVED", "扫一扫关注我们", "关于我们 | 联系我们 | 广告服务"),
]
STAYS = [
    *("保存所有设置并关闭窗口。", "未经授权使用他人的著作权作品的行为属于以下哪项？", "返回上一页以查看所作选择。"),
    *("上一条记录：移动到上一条记录。", "登录后系统显示桌面。", "他向编辑部寄出了稿件。", "所有的来源都查过了。"),
    "这部作品的版权所有者是谁，法院在长达三年的审理之后才给出了最终的答案，而双方当事人对此都没有再提出任何异议，案件就此结束，再也没有人提起过。",
]


@pytest.mark.parametrize("line", GONE)
def test_lines_of_pages_go(line):
    outcome = Boilerplate()([f"{CHINESE}\n{line}\n{CHINESE}"])
    assert outcome.texts == [f"{CHINESE}\n{CHINESE}"]
    assert outcome.batch.column("stats.boilerplate.removed_lines").to_pylist() == [1]


@pytest.mark.parametrize("line", STAYS)
def test_text_stays(line):
    assert Boilerplate()([line]).texts == [line]


def test_documents_of_little_else_go():
    outcome = Boilerplate()(["上一篇\n下一篇", f"版权所有 某某公司保留一切权利\n{CHINESE[:10]}", CHINESE, ""])
    assert outcome.dropped.column("drop.reason").to_pylist() == ["nothing-left", "much-boilerplate"]
    assert outcome.texts == [CHINESE, ""]


def test_sentences_go_where_lines_were_lost():
    text = f"{CHINESE}版权所有，不得转载。{CHINESE}"
    assert Boilerplate(max_line=20)([text]).texts == [text]
    assert Boilerplate(unit="sentences")([text]).texts == [CHINESE + CHINESE]


def test_own_phrases_with_anchors(tmp_path):
    (tmp_path / "mine.txt").write_text("# mine\n^Subscribe\nthe end$\n本报讯\n", encoding="utf-8")
    op = Boilerplate(files=[str(tmp_path / "mine.txt")], own_list=False, max_removed=1)
    lines = ["subscribe now", "do subscribe", "That is THE END", "the end is near", "【本报讯】今天", "责任编辑：张三"]
    assert op(["\n".join(lines)]).texts == ["do subscribe\nthe end is near\n责任编辑：张三"]
    assert Boilerplate(own_list=False)(["责任编辑：张三"]).texts == ["责任编辑：张三"]


def test_no_phrase_stands_in_the_list_twice():
    lines = OutsideFile(LIST).lines()
    assert len(lines) == len(set(lines)) > 200


@given(COLUMNS, st.sampled_from(["lines", "sentences"]))
def test_what_is_left_stood_there(texts, unit):
    op = Boilerplate(unit=unit, max_removed=1)
    for text in texts:
        for left in op([text]).texts:
            characters = iter(text)
            assert all(character in characters for character in left)
