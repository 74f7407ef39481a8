"""IFEval's verifiers: each says yes and no, strictly and loosely, as the published code does."""

import pytest

from lmloop.scoring.english import sentences, treebank, words
from lmloop.scoring.instructions import CHECKS, followed, follows, follows_loosely

CASES = [
    ("keywords:existence", {"keywords": ["cat", "猫"]}, "A Cat, 猫.", "a dog"),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "at least"}, "cat Cat", "cat"),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "less than"}, "cat", "cat cat"),
    ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, "category", "a cat."),
    ("keywords:letter_frequency", {"letter": "Q", "let_frequency": 2, "let_relation": "at least"}, "qQ", "q"),
    ("language:response_language", {"language": "de"}, "Wir sind am Meer entlanggegangen.", "We walked along the sea."),
    ("language:response_language", {"language": "hi"}, "123", "We walked along the sea."),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "One. Two.", "Mr. One."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\n\n***\nb"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb\n***", "a"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "one two", "one two three"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Well"},
        "a\n\n'well, b",
        "a\n\nno well",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b]", "[a]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\np. s. more", "a\nPS more"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "a\nP.P.S more", "a\nP.S. more"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n** b"),
    ("detectable_format:constrained_response", {}, "My answer is maybe. Or", "Perhaps."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "a *b*", "a * *"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1 a Section 2",
        "Section 1",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "<<猫之歌>>", "<< >>"),
    ("combination:two_responses", {}, "a******b", "a******a"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi"}, " say HI. Hi!", "Hi! Say hi"),
    ("startend:end_checker", {"end_phrase": "Any questions?"}, 'x "any questions?"', "Any questions? No."),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "A BIG cat",
        "BIG",
    ),
    ("change_case:english_capital", {}, "THE PEOPLE OF THE TOWN HAVE BEEN WITH US.", "The people of the town."),
    ("change_case:english_lowercase", {}, "the people of the town have been with us.", "The people of the town."),
    ("punctuation:no_comma", {}, "no comma，but this one", "a, b"),
    ("startend:quotation", {}, ' "all of it" ', '"'),
]


@pytest.mark.parametrize(("kind", "settings", "good", "bad"), CASES)
def test_each_instruction_is_verified(kind: str, settings: dict, good: str, bad: str) -> None:
    assert follows(kind, good, settings)
    assert not follows(kind, bad, settings)
    assert not follows(kind, " \n", settings)


def test_all_25_are_tried() -> None:
    assert len(CHECKS) == 25
    assert {kind for kind, *_ in CASES} == set(CHECKS)


def test_loosely_the_first_and_last_line_are_overlooked() -> None:
    reply = 'Sure:\n"all of it"\nDone.'
    assert not follows("startend:quotation", reply, {})
    assert follows_loosely("startend:quotation", reply, {})
    assert follows_loosely("startend:quotation", '**"all of it"**', {})
    assert followed(["startend:quotation", "punctuation:no_comma"], [{}, {}], reply) == [(False, True), (True, True)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("no mark", 1),
        ("Dr. Smith went to Washington. He came back!", 2),
        ("J. K. Rowling wrote it. Really? Yes.", 3),
        ("It cost 3.50 at 5 p.m. on Monday", 1),
        ("Wait... what? Oh... Well.", 3),
        ('He said "No." Then he left.', 2),
        ("See No. 5 there", 1),
        ("我去了。你呢？好！", 3),
    ],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert sentences(text) == count


def test_words_follow_the_treebank() -> None:
    assert " ".join(treebank("I DON'T know, U.S. LAW (THE END).")) == "I DO N'T know , U.S. LAW ( THE END ) ."
    assert words("it's a_b 3.5") == 5
