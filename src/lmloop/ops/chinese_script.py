"""Simplified to traditional Chinese, and the other way."""

from functools import cache
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch, with_text
from lmloop.core.extras import need
from lmloop.core.op import Map

CONFIGS = {
    "simplified": "t2s",
    "traditional": "s2t",
    "taiwan": "s2twp",
    "hong-kong": "s2hk",
    "simplified-from-taiwan": "tw2sp",
}
HAN = r"\p{Han}"


class ChineseScript(Map):
    """Write Chinese text in one script, the one that ``to`` says.

    "taiwan" and "simplified-from-taiwan" also change words to those used there (软件, 軟體). Characters are changed by
    phrases, not one by one (头发 and 发展 differ in 髮 and 發). "traditional" is OpenCC's own standard (爲, 裏); most
    readers expect the forms of "taiwan" or "hong-kong" (為, 裡). Japanese text with Han characters would be changed,
    too: recognise the language first. Needs the extra ``curate``.

    Source: OpenCC (BYVoid), its tables t2s, s2t, s2twp, s2hk and tw2sp.
    """

    to: Literal["simplified", "traditional", "taiwan", "hong-kong", "simplified-from-taiwan"] = "simplified"

    def change(self, batch: Batch) -> Batch:
        """Convert each text that has a Han character."""
        texts = batch.column("text")
        has_han = pc.fill_null(pc.match_substring_regex(texts, HAN), False)
        convert = _converter(CONFIGS[self.to]).convert
        new = pa.array([convert(text) for text in texts.filter(has_han).to_pylist()], pa.string())
        return with_text(batch, pc.replace_with_mask(texts, has_han, new))


@cache
def _converter(config: str) -> Any:
    return need("opencc", "curate").OpenCC(config)
