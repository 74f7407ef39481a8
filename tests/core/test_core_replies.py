"""What a model was asked once it is not asked again; what it could not answer, it is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.core.model import Done, Embeds, Generates, Prompt, Reply, Sampling, Scores, text_prompt, told
from lmloop.core.part import Part
from lmloop.core.replies import fingerprint, kept_replies, remembering
from lmloop.models.toy import Toy


class _Moody(Part):
    """Writes how often it was asked, and now and then nothing."""

    name_of: str = "one"

    def fingerprint(self) -> str:
        return self.name_of

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        ASKED.extend(prompt[-1].text for prompt in prompts)
        return told(
            (Reply("", error="busy") if "?" in prompt[-1].text else Reply(str(len(ASKED))) for prompt in prompts), done
        )


ASKED: list[str] = []


def say(path: Path, texts: Sequence[str], model: Part | None = None, **how: float) -> list[Reply]:
    with kept_replies(path) as kept:
        wrapped = remembering(model or _Moody(), kept)
        assert isinstance(wrapped, Generates)
        heard: dict[int, Reply] = {}
        found = wrapped.generate([text_prompt(text) for text in texts], Sampling(**how), heard.__setitem__)
        assert heard == dict(enumerate(found))
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ASKED.clear()
    return tmp_path / "replies.db"


def test_each_question_is_asked_once_also_in_a_later_run(path: Path) -> None:
    first = say(path, ["a", "b", "a"])
    assert (ASKED, first[0]) == (["a", "b"], first[2])
    assert say(path, ["b", "猫", "a"])[0] == first[1]
    assert ASKED == ["a", "b", "猫"]


def test_another_model_or_another_way_of_writing_is_asked_anew(path: Path) -> None:
    say(path, ["a"])
    say(path, ["a"], max_tokens=3)
    say(path, ["a"], _Moody(name_of="two"))
    assert ASKED == ["a", "a", "a"]


def test_errors_are_not_kept(path: Path) -> None:
    assert say(path, ["a?"])[0].error == "busy"
    say(path, ["a?", "b"])
    assert ASKED == ["a?", "a?", "b"]


def test_what_is_drawn_twice_is_kept_twice(path: Path) -> None:
    drawn = say(path, ["a", "a", "a"], temperature=1.0)
    assert ASKED == ["a", "a", "a"]
    assert say(path, ["a", "a"], temperature=1.0) == drawn[:2]
    assert ASKED == ["a", "a", "a"]


def test_a_wrapped_model_has_the_powers_of_its_own_and_says_the_same(path: Path) -> None:
    with kept_replies(path) as kept:
        wrapped = remembering(Toy(), kept)
        assert all(isinstance(wrapped, power) for power in (Generates, Scores, Embeds))
        assert not isinstance(remembering(_Moody(), kept), Scores)
        pairs = [(text_prompt("the cat "), "sat"), (text_prompt("猫"), "坐")]
        assert wrapped.score(pairs) == wrapped.score(pairs) == Toy().score(pairs)
        assert wrapped.embed(["cat"]) == Toy().embed(["cat"])


def test_a_model_without_a_fingerprint_is_what_its_settings_and_files_are(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "counts.json").write_text("{}")
    before = fingerprint(Toy(folder=str(folder)))
    folder.rename(tmp_path / "moved")
    assert fingerprint(Toy(folder=str(tmp_path / "moved"))) == before
    (tmp_path / "moved" / "counts.json").write_text('{"": {"a": 1}}')
    assert fingerprint(Toy(folder=str(tmp_path / "moved"))) != before
    assert fingerprint(Toy(order=1)) != fingerprint(Toy())


def test_a_file_that_is_no_store_is_told(path: Path) -> None:
    path.write_text("something else, and quite long enough to be no database at all" * 20)
    with pytest.raises(DataError, match=r"replies\.db cannot be used"), kept_replies(path):
        pass


def test_a_store_that_is_damaged_is_told(path: Path) -> None:
    say(path, [str(number) for number in range(500)])
    content = bytearray(path.read_bytes())
    content[4096:] = b"x" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"replies\.db cannot be "):
        say(path, ["1"])
