"""The 25 instructions of IFEval that a program can verify.

Source: Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models", section 2, and its public code,
which is followed where it does other than the paper says (keywords are regular expressions, for one). Languages are
recognised by fastText's model, where the original uses langdetect, which is not the same twice.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from lmloop.kernels.languages import recognise
from lmloop.scoring.english import sentences, treebank, words

Settings: TypeAlias = Mapping[str, Any]
Check: TypeAlias = Callable[[str, Settings], bool]

CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
POSTSCRIPTS = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}
FENCES = ("```json", "```Json", "```JSON", "```")


def follows(kind: str, reply: str, settings: Settings) -> bool:
    """Tell whether a reply follows an instruction, taken strictly; an empty one follows none.

    Raises:
        KeyError: the instruction is not one of the 25, or lacks a setting.
    """
    check = CHECKS[kind]
    return bool(reply.strip()) and check(reply, settings)


def follows_loosely(kind: str, reply: str, settings: Settings) -> bool:
    """Tell whether a reply follows an instruction if its first line, its last line or its asterisks are overlooked."""
    return any(follows(kind, version, settings) for version in loosened(reply))


def loosened(reply: str) -> list[str]:
    """List a reply as it is, without its first line, its last, both; and each of these without asterisks."""
    lines = reply.split("\n")
    versions = [reply, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*versions, *(version.replace("*", "") for version in versions)]


def _related(count: int, relation: str, wanted: int) -> bool:
    return count < wanted if relation == "less than" else count >= wanted


def _existence(reply: str, settings: Settings) -> bool:
    return all(re.search(word, reply, re.IGNORECASE) for word in settings["keywords"])


def _frequency(reply: str, settings: Settings) -> bool:
    found = re.findall(settings["keyword"].strip(), reply, re.IGNORECASE)
    return _related(len(found), settings["relation"], settings["frequency"])


def _forbidden(reply: str, settings: Settings) -> bool:
    return not any(re.search(rf"\b{word}\b", reply, re.IGNORECASE) for word in settings["forbidden_words"])


def _letters(reply: str, settings: Settings) -> bool:
    count = reply.lower().count(settings["letter"].strip().lower())
    return _related(count, settings["let_relation"], settings["let_frequency"])


def _language(reply: str, settings: Settings) -> bool:
    # what has no letters is in every language: so it is in the original
    return (
        not _has_letters(reply) or recognise(reply, extra="evaluate")[0] == str(settings["language"]).partition("-")[0]
    )


def _sentences(reply: str, settings: Settings) -> bool:
    return _related(sentences(reply), settings["relation"], settings["num_sentences"])


def _paragraphs(reply: str, settings: Settings) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", reply)
    if any(not part.strip() for part in parts[1:-1]):
        return False
    ends = {0, len(parts) - 1}
    return len(parts) - sum(not parts[place].strip() for place in ends) == int(settings["num_paragraphs"])


def _words(reply: str, settings: Settings) -> bool:
    return _related(words(reply), settings["relation"], settings["num_words"])


def _first_word(reply: str, settings: Settings) -> bool:
    parts = reply.split("\n\n")
    count, place = sum(bool(part.strip()) for part in parts), settings["nth_paragraph"]
    if place > count or not parts[place - 1].strip():
        return False
    word = parts[place - 1].split()[0].lstrip("'").lstrip('"')
    first = re.split(r"[.,?!'\"]", word, maxsplit=1)[0].lower()
    return count == int(settings["num_paragraphs"]) and first == str(settings["first_word"]).lower()


def _placeholders(reply: str, settings: Settings) -> bool:
    return len(re.findall(r"\[.*?\]", reply)) >= int(settings["num_placeholders"])


def _postscript(reply: str, settings: Settings) -> bool:
    marker = settings["postscript_marker"].strip()
    wanted = POSTSCRIPTS.get(marker, rf"\s*{marker.lower()}.*$")
    return bool(re.search(wanted, reply.lower(), re.MULTILINE))


def _bullets(reply: str, settings: Settings) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", reply, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", reply, re.MULTILINE)
    return len(stars) + len(dashes) == int(settings["num_bullets"])


def _constrained(reply: str, settings: Settings) -> bool:
    return any(answer in reply for answer in CONSTRAINED)


def _highlights(reply: str, settings: Settings) -> bool:
    single = [part for part in re.findall(r"\*[^\n\*]*\*", reply) if part.strip("*").strip()]
    double = [part for part in re.findall(r"\*\*[^\n\*]*\*\*", reply) if part[2:-2].strip()]
    return len(single) + len(double) >= int(settings["num_highlights"])


def _sections(reply: str, settings: Settings) -> bool:
    parts = re.split(rf"\s?{settings['section_spliter'].strip()}\s?\d+\s?", reply)
    return len(parts) - 1 >= int(settings["num_sections"])


def _json(reply: str, settings: Settings) -> bool:
    body = reply.strip()
    for fence in FENCES:
        body = body.removeprefix(fence)
    try:
        json.loads(body.removesuffix("```").strip())
    except ValueError:
        return False
    return True


def _title(reply: str, settings: Settings) -> bool:
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", reply))


def _two(reply: str, settings: Settings) -> bool:
    parts = reply.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    given = [part.strip() for part in parts if part.strip()]
    return len(given) == 2 and given[0] != given[1]


def _repeated(reply: str, settings: Settings) -> bool:
    return reply.strip().lower().startswith(settings["prompt_to_repeat"].strip().lower())


def _end(reply: str, settings: Settings) -> bool:
    return reply.strip().strip('"').lower().endswith(settings["end_phrase"].strip().lower())


def _capital_words(reply: str, settings: Settings) -> bool:
    count = sum(word.isupper() for word in treebank(reply))
    return _related(count, settings["capital_relation"], settings["capital_frequency"])


def _capitals(reply: str, settings: Settings) -> bool:
    return not _has_letters(reply) or (reply.isupper() and _english(reply))


def _lower(reply: str, settings: Settings) -> bool:
    return not _has_letters(reply) or (reply.islower() and _english(reply))


def _no_comma(reply: str, settings: Settings) -> bool:
    return "," not in reply


def _quoted(reply: str, settings: Settings) -> bool:
    body = reply.strip()
    return len(body) > 1 and body[0] == body[-1] == '"'


def _has_letters(reply: str) -> bool:
    return any(character.isalpha() for character in reply)


def _english(reply: str) -> bool:
    return recognise(reply.lower(), extra="evaluate")[0] == "en"


CHECKS: dict[str, Check] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two,
    "combination:repeat_prompt": _repeated,
    "startend:end_checker": _end,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _capitals,
    "change_case:english_lowercase": _lower,
    "punctuation:no_comma": _no_comma,
    "startend:quotation": _quoted,
}


def followed(kinds: Sequence[str], settings: Sequence[Settings], reply: str) -> list[tuple[bool, bool]]:
    """Say of each instruction of a prompt whether it is followed strictly, and loosely."""
    return [
        (follows(kind, reply, setting), follows_loosely(kind, reply, setting))
        for kind, setting in zip(kinds, settings, strict=True)
    ]
