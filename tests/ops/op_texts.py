"""Random texts for the ops' tests: words, lines and marks of both languages, and odd characters alone."""

from hypothesis import strategies as st

PIECES = (
    *("the", "The", "of", "and", "have", "don't", "x", "WORD", "naïve", "42", "3.14", "lorem ipsum", "javascript", "{"),
    *(
        "的",
        "了",
        "中文",
        "这是一个句子",
        "這是",
        "かな",
        "한국",
        "𠀀",
        "é",
        "e\u0301",
        "ไทย",
        "😀",
        "版权所有",
        "上一篇：",
    ),
    *(".", "?", "!", "...", "…", "。", "！", "”", '"', "'", "[1]", "[edit]", "#", "•", "-", "|", "==", "，", "：", "$"),
    *(
        " ",
        " ",
        " ",
        " ",
        "\n",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\x00",
        "\x85",
        "\xa0",
        "\u2028",
        "\u3000",
        "\ufeff",
        "\x1b[0m",
    ),
    *("a@b.com", "13800138000", "http://a.b/c", "&amp;", "Ã©", "锛", "\ufffd", "terms of use", "5 likes", "read more"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=40)
COLUMNS = st.lists(TEXTS, max_size=5)

ENGLISH = (
    "The people of the town have been with us, and that is all that we know to be true of them. "
    "They went to the sea in the morning and came back when the sun was low."
)
CHINESE = "我们在海边走了很久，天气不好，但是大家都有自己的想法和目标。没有人要回去，因为海的那边还有没见过的东西。"
TRADITIONAL = "我們在海邊走了很久，天氣不好，但是大家都有自己的想法和目標。沒有人要回去，因為海的那邊還有沒見過的東西。"
EDGES = ("", " ", "\n", "\x00", "a", "中", "。", "é", "😀", "\u2028", "\ufeff", "\u0301", "\u200b", "{", "@", "\r")
