import base64
import zlib

from hypothesis import given
from hypothesis import strategies as st

from lmloop.report.packed import pack, unpack

JSON = st.dictionaries(
    st.text(), st.lists(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")))
)


@given(JSON)
def test_what_is_packed_comes_back(value: dict[str, object]) -> None:
    clean = {name.encode("utf-8", "replace").decode(): each for name, each in value.items()}
    assert unpack(pack(clean)) == clean


def test_a_browser_can_unpack_it_by_itself() -> None:
    letters = pack({"text": "行" * 10_000})
    assert len(letters) < 200
    assert zlib.decompress(base64.b64decode(letters), wbits=15).startswith(b'{"text"')


def test_lone_surrogates_do_not_stop_it() -> None:
    assert unpack(pack({"text": "a\ud800b"})) == {"text": "a?b"}
