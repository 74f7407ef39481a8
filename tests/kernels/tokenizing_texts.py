"""Texts in two languages to train small tokenizers on: sentences put together by a seed, never twice the same."""

import random

ENGLISH_WORDS = """
the a town river bridge people teacher letter winter summer market train station quick slow old young
walks reads writes knows believes carries builds finds opens closes answers learning language model tokens
because although while where there isn't don't they'll we've I'm before after under between through
"""
CHINESE_WORDS = """
我们 他们 这座 城市 河流 老师 学生 语言 模型 数据 质量 决定 训练 学习 文本 清洗 步骤 冬天 夏天 市场 火车 车站
因为 所以 虽然 但是 已经 正在 打开 回答 问题 知道 相信 寻找 建造 计算机 人工智能 的 了 在 是 有 和
"""


def english(count: int, seed: int = 0) -> list[str]:
    """Make documents of some sentences."""
    draw = random.Random(seed)
    return [
        "".join(
            " ".join(draw.choices(ENGLISH_WORDS.split(), k=draw.randrange(4, 14))).capitalize() + ". " for _ in range(4)
        )
        + f"\n\n\t{draw.randrange(10**6)} and {draw.random():.3f}!\n"
        for _ in range(count)
    ]


def chinese(count: int, seed: int = 0) -> list[str]:
    """Make documents of some sentences, with a little English in them."""
    draw = random.Random(seed)
    return [
        "".join(
            "".join(draw.choices(CHINESE_WORDS.split(), k=draw.randrange(4, 12))) + draw.choice("，。！")
            for _ in range(5)
        )
        + f"第{draw.randrange(1000)}章 Python{draw.choice(['', ' '])}语言\n"
        for _ in range(count)
    ]


def both(count: int, seed: int = 0) -> list[str]:
    """Make documents of both languages."""
    found = [*english(count // 2, seed), *chinese(count - count // 2, seed)]
    random.Random(seed).shuffle(found)
    return found
