"""Text that was read in the wrong encoding, read again in the right one."""

import re
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch, with_text
from lmloop.core.extras import need
from lmloop.core.op import Filter, Verdict

# UTF-8 read as Latin-1, Windows-1252 or Latin-2: a letter for a lead byte, and marks for one or two that continue it.
_NEXT = r"[\x{80}-\x{bf}\x{104}-\x{192}\x{2c6}-\x{2dd}\x{2013}-\x{2122}]"
_LATIN = rf"[\x{{c2}}-\x{{df}}ĂĹĆČĘĚĎŃŇŐŘŮŰŢ]{_NEXT}|[\x{{e0}}-\x{{f4}}ŕăĺćčęěďđńň]{_NEXT}{{2}}"
# The same as Windows-1251, Mac Roman and code page 437; and controls that no encoding for text has.
_OTHERS = (
    r"[РС][\x{80}-\x{bf}\x{402}-\x{40f}\x{452}-\x{45f}\x{490}-\x{491}\x{2010}-\x{2122}]{1}"
    r"|√[\x{a0}-\x{ff}\x{2020}-\x{2265}]|[├┬Γ][\x{2500}-\x{259f}\x{a0}-\x{ff}]|[\x{80}-\x{84}\x{86}-\x{9f}]"
)
SUSPECT = f"{_LATIN}|{_OTHERS}"
ENTITY = r"&(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
# UTF-8 read as GBK: what the first two bytes of the most frequent Chinese characters and marks look like.
FREQUENT = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年，。、：“”"
AS_GBK = "|".join(sorted({character.encode()[:2].decode("gbk") for character in FREQUENT}))
AS_LATIN = r"[\x{a1}-\x{ff}]{6}"  # GBK read as Latin-1
LOST = "\ufffd|锟斤拷|锟斤|斤拷"
FEWEST = 6
HAN = re.compile("[\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e]")
HIGH = re.compile("[\xa1-\xff]")


class Mojibake(Filter):
    """Repair text that was read in a wrong encoding, and drop documents too much of which is lost.

    UTF-8 that was read as Latin-1, Windows-1252, Latin-2, Windows-1251, Mac Roman, code page 437 or GBK is repaired
    ("schÃ¶n", "浣犲ソ"), also where only parts of a text were misread, and so is GBK that was read as Latin-1
    ("ÄãºÃ"). With ``entities``, HTML entities become characters in texts without tags. What became a replacement
    character (U+FFFD, 锟斤拷) cannot be had back: a document goes with more than ``max_lost`` of its characters so.
    Fonts, widths, quotes and line ends are left alone. Needs the extra ``curate``.

    Only documents that have a sequence which such mistakes make are looked at closely, so clean text passes quickly;
    one that needs repair takes ftfy about a second for 3 MB.

    Source: Speer 2019, "ftfy" (with datatrove's settings for it, but that controls are left to the op ``unicode``);
    GBK is ours.
    """

    reasons: ClassVar[tuple[str, ...]] = ("beyond-repair",)
    rewrites: ClassVar[bool] = True

    entities: bool = True
    max_lost: float = 0.01

    def judge(self, batch: Batch) -> Verdict:
        """Repair what needs it, and count what is lost."""
        texts = pc.fill_null(batch.column("text"), "")
        wrong = f"{SUSPECT}|{AS_GBK}|{AS_LATIN}" + (f"|{ENTITY}" if self.entities else "")
        suspect = pc.match_substring_regex(texts, wrong)
        repaired = pa.array([self._repair(text) for text in texts.filter(suspect).to_pylist()], pa.string())
        new = pc.replace_with_mask(texts, suspect, repaired)
        lost = pc.multiply(pc.count_substring_regex(new, LOST), 1.0).to_numpy(zero_copy_only=False)
        share = lost / np.maximum(pc.utf8_length(new).to_numpy(zero_copy_only=False), 1)
        stats = {"repaired": pc.not_equal(new, texts), "lost": share}
        return Verdict((share > self.max_lost).astype(np.uint8), stats, with_text(batch, new))

    def _repair(self, text: str) -> str:
        text = "\n".join(map(_chinese, text.split("\n"))) if HAN.search(text) or HIGH.search(text) else text
        text = str(need("ftfy", "curate").fix_encoding(text, _settings()))
        if self.entities and "<" not in text:
            text = need("ftfy.fixes", "curate").unescape_html(text)
        return text.encode("utf-8", "replace").decode()


def _chinese(line: str) -> str:
    """Read a line again that is GBK taken for Latin-1, or UTF-8 taken for GBK."""
    high = len(HIGH.findall(line))
    if high >= FEWEST and 2 * high > len("".join(line.split())):
        return _read(line, "latin-1", "gbk") or _read(line, "cp1252", "gbk") or line
    if len(HAN.findall(line)) >= FEWEST:
        return _read(line, "gb18030", "utf-8") or line
    return line


def _read(line: str, wrong: str, right: str) -> str:
    """Read a line again, gaps and all; gives nothing where that cannot be or makes little Chinese of it."""
    try:
        raw = b"\xff".join(part.encode(wrong) for part in line.split("\ufffd"))
        found = raw.decode(right, "replace" if right == "utf-8" else "strict")
    except UnicodeError:
        return ""
    return found if len(HAN.findall(found)) > max(1, found.count("\ufffd")) else ""


@cache
def _settings() -> Any:
    return need("ftfy", "curate").TextFixerConfig(unescape_html=False, normalization=None)
