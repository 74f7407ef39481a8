"""Text to ask with where there is none: plain words in English or Chinese, drawn by chance."""

from typing import Literal, TypeAlias

import numpy as np

Filler: TypeAlias = Literal["en", "zh", "ids"]

_WORDS = """
a about above after again air all along also always an and animal answer any are around as ask at away back be because
been before began being below between big book both boy but by call came can change city close come could country cut
day did different do does done door down draw each early earth eat end enough even every example eye face fall family
far father feel feet few find fire first follow food for form found friend from gave get girl give go good got great
grow had half hand hard has have he head hear help her here high him his home horse house how idea if important in
into is it its just keep kind king know land large last late later lay learn leave left letter life light like line
list little live long look made make man many may me mean might mile mind more most mother mountain move much music
must my name near need never new next night no north nothing now number of off often old on once one only open or
other our out over own page paper part people picture place plant play point press quick read ready real right river
road rock room run said same saw say school sea second see seem sentence set several she ship short should show side
small so some something song soon sound south spell stand start state still stop story study such sun sure table take
talk tell ten than that the their them then there these they thing think this those thought three through time to
together too took top town travel tree try turn two under until up us use very voice wait walk want war warm was watch
water way we well went were west what wheel when where which while white who whole why will wind with without wood
word work world would write year yes yet you young your
"""
ENGLISH = tuple(_WORDS.split())
CHINESE = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所"
    "民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日"
    "那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想"
    "已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指"
)


def passage(length: int, kind: Filler, chance: np.random.Generator) -> str:
    """Draw ``length`` words of English, or characters of Chinese."""
    pool: str | tuple[str, ...] = CHINESE if kind == "zh" else ENGLISH
    drawn = [pool[place] for place in chance.integers(0, len(pool), length)]
    return "".join(drawn) if kind == "zh" else " ".join(drawn)


def token_ids(length: int, vocabulary: int, chance: np.random.Generator) -> tuple[int, ...]:
    """Draw token ids; the first few of a vocabulary, most of them special, are left out."""
    low = min(1000, vocabulary // 2)
    return tuple(map(int, chance.integers(low, vocabulary, length)))
