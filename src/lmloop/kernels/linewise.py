"""What a line is that does not belong to a document's text: navigation, counters, notices, headings in capitals.

Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", appendix G.2 ("Line-wise filters"). The paper gives
one example for each list of patterns; the lists here are ours, in English and in Chinese of both scripts. Where the
rules count words, 1.5 CJK characters are one.
"""

# ruff: noqa: PLR1714, SIM109  (a chain of comparisons is what compiles well; a set is not)

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.kernels.characters import CJK, LETTER, NUMBER, classes
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.phrases import Phrases, find_groups, lower, make_phrases, matches
from lmloop.kernels.pieces import Pieces
from lmloop.kernels.text import Floats, TextBuffer, decode, skip_space, trim_space
from lmloop.kernels.words import CJK_PER_WORD

KINDS = ("text", "capitals", "numbers", "counter", "one-word", "navigation", "notice")
TEXT, CAPITALS, NUMBERS, COUNTER, ONE_WORD, NAVIGATION, NOTICE = range(len(KINDS))
BLANK = 255

NAVIGATION_WORDS = 10
NOTICE_WORDS = 40
COUNTER_WORDS = 4

BEGINNING = (
    *("sign in", "sign-in", "sign up", "log in", "login", "register now", "subscribe", "follow us", "share this"),
    *(
        "skip to",
        "back to top",
        "return to top",
        "previous post",
        "next post",
        "read more",
        "click here",
        "related posts",
    ),
    *("上一篇", "下一篇", "上一页", "下一页", "上一頁", "下一頁", "返回首页", "返回首頁", "返回顶部", "返回頂部"),
    *("首页 ", "首頁 ", "您的位置", "当前位置", "目前位置", "分享到", "请登录", "請登入", "立即注册", "扫一扫", "扫码"),
)
END = (
    *("read more...", "read more…", "read more", "read more »", "learn more", "show more", "see all", "view all"),
    *(
        "阅读全文",
        "閱讀全文",
        "查看更多",
        "查看全部",
        "查看详情",
        "展开全文",
        "繼續閱讀",
        "继续阅读",
        "点击查看",
        "收起",
    ),
)
ANYWHERE = (
    *("items in cart", "item in cart", "add to cart", "leave a comment", "leave a reply", "forgot password", "log out"),
    *("share on facebook", "share on twitter", "skip to content", "toggle navigation", "sign in or", "main menu"),
    *(
        "加入购物车",
        "加入購物車",
        "发表评论",
        "發表評論",
        "忘记密码",
        "忘記密碼",
        "扫描二维码",
        "扫码关注",
        "关注公众号",
    ),
    *("设为首页", "加入收藏", "相关阅读", "相关推荐", "相關閱讀", "热门推荐", "友情链接", "网站地图", "網站地圖"),
)
NOTICES = (
    *("all rights reserved", "copyright ©", "copyright (c)", "© 20", "© 19", "cookie policy", "privacy policy"),
    *("uses cookies", "use cookies", "use of cookies", "accept cookies", "terms of use", "terms of service"),
    *("powered by wordpress", "版权所有", "版權所有", "未经许可", "未经授权", "未經授權", "转载请注明", "轉載請註明"),
    *(
        "icp备",
        "icp證",
        "icp证",
        "公网安备",
        "责任编辑",
        "責任編輯",
        "隐私政策",
        "隱私政策",
        "使用cookie",
        "使用 cookie",
    ),
    *("免责声明", "免責聲明", "侵权请联系", "文章来源：", "本文来源", "声明：本文"),
)
COUNTERS = (
    *("like", "share", "comment", "retweet", "repost", "quote", "bookmark", "upvote", "downvote", "download", "view"),
    *("follower", "following", "repl", "vote", "answer", "read", "click"),
    *(
        "条评论",
        "條評論",
        "个赞",
        "個讚",
        "点赞",
        "按讚",
        "阅读",
        "閱讀",
        "浏览",
        "瀏覽",
        "回复",
        "回覆",
        "转发",
        "转载",
    ),
    *("收藏", "粉丝", "粉絲", "次播放", "人气", "评论"),
)


@cache
def capitals() -> npt.NDArray[np.uint8]:
    """Say of each code point whether it is a capital (1) or a small letter (2): uint8 [0x110000]."""
    table = np.zeros(0x110000, np.uint8)
    for point in range(0x1F000):  # no script with capitals lies beyond
        table[point] = 1 if chr(point).isupper() else 2 * chr(point).islower()
    table.flags.writeable = False
    return table


@cache
def phrases() -> tuple[Phrases, Phrases, Phrases]:
    """Give the tables of what begins a line, ends one, or stands anywhere (0 navigation, 1 notice, 2 counter)."""
    beginning, end = make_phrases({0: BEGINNING}), make_phrases({0: END})
    return beginning, end, make_phrases({0: ANYWHERE, 1: NOTICES, 2: COUNTERS})


def line_kinds(buffer: TextBuffer, pieces: Pieces) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Give the kind of each line, a number into :data:`KINDS` or :data:`BLANK`, and how many words it has."""
    kinds, words = np.empty(len(pieces.start), np.uint8), np.empty(len(pieces.start))
    _line_kinds(buffer.data, pieces, (classes(), capitals(), phrases()), kinds, words)
    return kinds, words


@inlined
def count_line(data: Any, start: Any, end: Any, classes: Any, capitals: Any) -> Any:
    """Count a line's words, and its characters that are capitals, small letters, other letters, and numbers."""
    words, cjk, upper, small, letters, numbers, inside = 0, 0, 0, 0, 0, 0, False
    i = start
    while i < end:
        point, width = decode(data, i, end)
        i += width
        kind = classes[point]
        if kind == CJK:
            cjk += 1
            inside = False
            continue
        if kind == LETTER or kind == NUMBER:
            words += not inside
            inside = True
        elif kind < LETTER:  # white space and controls; marks that touch a word belong to it
            inside = False
        upper += capitals[point] == 1
        small += capitals[point] == 2
        letters += kind == LETTER
        numbers += kind == NUMBER
    return words + cjk / CJK_PER_WORD, upper, small, letters + cjk, numbers


@inlined
def ends_with(data: Any, start: Any, end: Any, phrases: Any) -> Any:
    """Say whether a line ends with one of the phrases."""
    for k in range(len(phrases.group)):
        size = phrases.starts[k + 1] - phrases.starts[k]
        if size <= end - start and matches(data, end - size, phrases, k):
            return True
    return False


@inlined
def begins_with(data: Any, start: Any, end: Any, phrases: Any) -> Any:
    """Say whether a line begins with one of the phrases."""
    head = lower(data[start])
    for k in range(phrases.first[head], phrases.first[head + 1]):
        if phrases.starts[k + 1] - phrases.starts[k] <= end - start and matches(data, start, phrases, k):
            return True
    return False


@compiled
def line_kind(data: Any, start: Any, end: Any, tables: Any) -> Any:
    """Give the kind of a line that is not blank, and its words."""
    classes, capitals, (beginning, ending, anywhere) = tables
    words, upper, small, letters, numbers = count_line(data, start, end, classes, capitals)
    if upper > small and 2 * upper > letters:
        return CAPITALS, words
    if letters == 0:
        return (NUMBERS if numbers > 0 else TEXT), words
    found = find_groups(data, start, end, anywhere) if words <= NOTICE_WORDS else np.uint64(0)
    if words <= COUNTER_WORDS and numbers > 0 and found & np.uint64(4):
        return COUNTER, words
    if words <= NAVIGATION_WORDS and (
        found & np.uint64(1) or begins_with(data, start, end, beginning) or ends_with(data, start, end, ending)
    ):
        return NAVIGATION, words
    if found & np.uint64(2):
        return NOTICE, words
    return (ONE_WORD if words <= 1.4 else TEXT), words


@compiled
def _line_kinds(data: Any, pieces: Any, tables: Any, kinds: Any, words: Any) -> None:
    for k in range(len(kinds)):
        start = skip_space(data, pieces.start[k], pieces.stop[k])
        end = trim_space(data, start, pieces.stop[k])
        if start == end:
            kinds[k], words[k] = BLANK, 0
        else:
            kinds[k], words[k] = line_kind(data, start, end, tables)
