"""What is personal is found in English and Chinese text; what only looks like it is left alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.candidates import candidates
from lmloop.kernels.personal import PATTERNS, holds
from lmloop.kernels.text import text_buffer
from lmloop.ops.pii import Pii


def luhn(digits: str) -> str:
    """Add the check digit."""
    total = sum(
        sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(digits))
    )
    return digits + str(-total % 10)


def resident(first_17: str) -> str:
    """Add the check digit of GB 11643 (ISO 7064, MOD 11-2)."""
    state = 0
    for digit in first_17:
        state = (state + int(digit)) * 2 % 11
    return first_17 + "0123456789X"[(12 - state) % 11]


VISA, UNION = luhn("455673758689985"), luhn("622202160000012345"[:17])
ID = resident("11010119900307771")
HEX40 = "9fceb02d0ae598e95dc970b74767f19372d61af8"

FOUND = [
    ("write to me.too+x@mail.example.org now", "write to [EMAIL] now"),
    ("请联系zhang.san@example.com.cn索取", "请联系[EMAIL]索取"),
    ("<199705101952.SAA00756@wall.org>", "<[EMAIL]>"),
    ("a@b.com,c@d.org", "[EMAIL],[EMAIL]"),
    ("服务器在202.106.46.151上", "服务器在[IP]上"),
    ("from 2001:4860:4860::8888 and [2400:3200:baba:0:0:0:0:1]:53", "from [IP] and [[IP]]:53"),
    ("https://user:s3cret@host.example/x", "https://[LOGIN]@host.example/x"),
    ("postgres://me:p%40ss@10.0.0.1/db", "postgres://[LOGIN]@10.0.0.1/db"),
    ("key AKIAIOSFODNN7EXAMPLE.", "key [API-KEY]."),
    (f"token=ghp_{'aB3' * 12}", "token=[API-KEY]"),
    (f"sk-proj-{'aB3_' * 12}", "[API-KEY]"),
    (f"密钥是AIza{'Sy_0-' * 7}。", "密钥是[API-KEY]。"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "[API-KEY]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\nend", "[API-KEY]\nend"),
    ("IBAN DE89 3704 0044 0532 0130 00, thanks", "IBAN [IBAN], thanks"),
    (f"身份证号码：{ID}。", "身份证号码：[CN-ID]。"),
    ("身份证 110105491231002 丢失", "身份证 [CN-ID] 丢失"),
    (f"card {VISA[:4]} {VISA[4:8]} {VISA[8:12]} {VISA[12:]}", "card [CARD]"),
    (f"card {VISA}.", "card [CARD]."),
    (f"卡号{UNION}，开户行", "卡号[CN-BANK-CARD]，开户行"),
    ("手机13800138000（微信同号）", "手机[CN-MOBILE]（微信同号）"),
    ("+86 138 0013 8000", "[CN-MOBILE]"),
    ("电话：010-62751234转", "电话：[PHONE]转"),
    ("(021) 6275-1234 或 0755-8666 1234", "[PHONE] 或 [PHONE]"),
    ("call 400-820-8820", "call [PHONE]"),
    ("(415) 555-2671 or 415.555.2671 or 1-415-555-2671", "[PHONE] or [PHONE] or [PHONE]"),
    ("+44 20 7183 8750, +442071838750", "[PHONE], [PHONE]"),
    ("护照号码：E12345678，有效期", "护照号码：[PASSPORT]，有效期"),
    ("Passport No. EA1234567 and phone 13800138000", "Passport No. [PASSPORT] and phone [CN-MOBILE]"),
]

ALIKE = [
    "version 10.4.13.1 and 2.11.1.0.20170917, build 1.22.333.4444.5",
    "192.168.100.101, 127.000.000.001 and 999.999.999.999 are no addresses of anyone",
    "section 4.2.13.1. Guided partitioning",
    "-rw-r--r-- root/root 3526 2021-07-25 20:43 ./etc/skel/.bashrc",
    "2024-01-31 12:34:56, 20240131123456, 1706704496000, 2024/01/31",
    "ISBN 978-7-302-12345-6, 9787302123456, ISSN 1234-5679, arXiv:2301.12345",
    f"commit {HEX40}, md5 d41d8cd98f00b204e9800998ecf8427e",
    "00:1a:2b:3c:4d:5e at 12:34:56, std::vector<int>::iterator, a::b, ::1, fe80::1",
    "Clause 252.227-7013 of DFARs",
    "3.14159265358979 and -9223372036854775808",
    "1234567890123456, 4556737586899856, 110101199003077710",
    "订单号 20210725204312，共 1,234,567 元，编号 0123456789",
    "10086, 12306, 95588, 110, 911",
    "sk-learn-is-a-library-for-machine-learning-in-python and SG.",
    "E12345678 is a part of ours; passports are needed",
    "the 12-17 15:30 train, pages 100-200, 1990-2020, 555-1212",
    "@decorator, me @ home, a@b, user@localhost, foo@@bar.com",
    "1:2:3:4:5:6:7:8 and 2001:db8::1",
    "IBAN DE89 3704 0044 0532 0130 01 does not add up; ABCD1234EFGH5678",
]


@pytest.mark.parametrize(("text", "masked"), FOUND)
def test_is_found_in_its_place(text, masked):
    assert Pii()([text]).texts == [masked]


@pytest.mark.parametrize("text", ALIKE)
def test_what_looks_alike_is_left_alone(text):
    assert Pii()([text]).texts == [text]


def test_kinds_actions_and_counts():
    texts = ["a@b.com c@d.com", "13800138000", "nothing"]
    assert Pii(kinds=["cn-mobile"])(texts).texts == [texts[0], "[CN-MOBILE]", "nothing"]
    assert Pii(action="count")(texts).texts == texts
    dropped = Pii(action="drop", max_found=1)(texts)
    assert (dropped.texts, dropped.reasons) == (texts[1:], {"personal-data": 1})
    stats = Pii(action="count")(texts).batch
    assert stats.column("stats.pii.found").to_pylist() == [2, 1, 0]
    assert stats.column("stats.pii.email").to_pylist() == [2, 0, 0]


def test_every_pattern_is_tried():
    assert {kind for kind, _ in PATTERNS} == set(Pii().kinds)
    shown = {match.lower() for _, text in FOUND for match in re.findall(r"\[([A-Z-]+)\]", text)}
    assert set(Pii().kinds) <= shown | {"card"}


@given(st.integers(0, 10**17 - 1).map(lambda number: f"{number:017d}"))
def test_check_digits_are_those_of_the_standards(digits):
    assert holds("card", luhn("4" + digits[:14])) == (len(set(luhn("4" + digits[:14]))) > 2)
    wrong = luhn("4" + digits[:14])
    assert not holds("card", wrong[:-1] + str((int(wrong[-1]) + 1) % 10))
    whole = resident("11010119900307" + digits[:3])
    assert holds("cn-id", whole)
    assert not holds("cn-id", whole[:-1] + ("X" if whole[-1] != "X" else "1"))


NOISE = st.lists(
    st.sampled_from(["a@b.com", "@", "1380013", "8000", "::", "2001:", "护照", "E12345678", ":", "//", " ", "中", "é"])
    | st.text("@:/.-+ 0123456789abAB中\n\x00", max_size=12),
    max_size=12,
).map("".join)


@given(st.lists(NOISE, max_size=5))
def test_masks_touch_nothing_else_and_hide_all(texts):
    once = Pii()(texts)
    assert len(once.texts) == len(texts)
    for text, masked in zip(texts, once.texts, strict=True):
        parts = [re.escape(part) for part in re.split(r"\[[A-Z-]+\]", masked)]
        assert re.fullmatch("[\\s\\S]+?".join(parts), text), "what stands between masks is as it was"
    assert Pii()(texts).texts == once.texts


@given(st.lists(NOISE, max_size=5))
def test_candidates_lie_in_their_documents_and_begin_in_order(texts):
    import pyarrow as pa

    buffer = text_buffer(pa.array(texts, pa.string()))
    for document, start, stop, _ in zip(*candidates(buffer), strict=True):
        assert buffer.offsets[document] <= start <= stop <= buffer.offsets[document + 1]
