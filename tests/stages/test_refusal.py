"""From questions to a probe, to records that teach doubt, to preferences, and to how well a model knows itself."""

import json

import pyarrow.parquet as pq
import pytest
from finetune_ground import TEMPLATE, said, turn, write

from lmloop import run
from lmloop.core.batch import rows
from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.errors import LmloopError
from lmloop.core.scores import Scores
from lmloop.core.step import BLOCKS
from lmloop.report import blocks

KNOWN = {"ask a?": "apple", "ask b?": "banana"}
UNKNOWN = {"ask c?": "cherry", "问d？": "榴莲"}
TEXTS = [f"{question} {answer}" for question, answer in KNOWN.items()]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = [
        {"messages": [said("user", question), said("assistant", answer)]}
        for question, answer in (KNOWN | UNKNOWN).items()
    ]
    write(tmp_path / "asked.jsonl", asked)
    write(tmp_path / "odd.jsonl", [{"text": "a document"}])
    write(tmp_path / "nobody.jsonl", [{"prompt": [turn("user", "ask z?")], "text": ""}])
    choices = [{"prompt": [turn("user", "ask b?")], "choices": ["xyzzy", "banana"], "answer": 1}]
    write(tmp_path / "choices.jsonl", choices)
    write(tmp_path / "told.jsonl", [{"text": text} for text in TEXTS])
    return tmp_path


def ingest(name):
    reader = "chat" if name == "asked" else "jsonl"
    return {"id": name, "use": "ingest", "reader": {"use": reader, "files": [f"{name}.jsonl"]}}


BASE = {"id": "base", "use": "toy", "from": ["told"], "order": 8}
PROBED = {"id": "probed", "use": "probe", "from": ["base", "asked"], "tokens": 12}


def carried(place, *steps, files=("told", "asked")):
    doc = {"name": "t", "seed": 3, "step": [*(ingest(name) for name in files), BASE, *steps]}
    return run(doc, home=place / "runs", workers=1)


def records(done):
    return [record for shard in list_shards([done.path]) for batch in read_shard(shard.path) for record in rows(batch)]


def asked_of(record):
    return record.prompt[0].text


def test_a_probe_tells_what_a_model_has_read_from_what_it_has_not(place):
    done = carried(place, PROBED)["probed"]
    assert (done.metrics["known"], done.metrics["unknown"]) == (2, 2)
    found = {asked_of(record): record.meta["probe"] for record in records(done)}
    assert {question for question, probe in found.items() if probe["known"]} == set(KNOWN)
    apple = found["ask a?"]
    assert (apple["said"], apple["right"], len(apple["samples"])) == ("apple", True, 5)
    assert 0 < apple["confidence"] <= 1
    assert all(probe["entropy"] >= 0 for probe in found.values())


def test_documents_are_left_out_of_a_probe_and_kept_to_look_at(place):
    done = carried(place, ingest("odd"), PROBED | {"from": ["base", "asked", "odd"]})["probed"]
    assert done.metrics["drop/probe/it has no prompt to answer"] == 1
    assert list((done.path / "dropped").glob("*.parquet"))


def test_options_are_known_by_the_likeliest(place):
    done = carried(place, ingest("choices"), PROBED | {"from": ["base", "choices"]})["probed"]
    probe = records(done)[0].meta["probe"]
    assert (probe["said"], probe["known"], probe["samples"]) == ("banana", True, [])
    assert probe["entropy"] >= 0


def test_a_task_may_ask_and_grade(place):
    step = {"id": "probed", "use": "probe", "from": ["base"], "task": "spelling"}
    done = carried(place, step)["probed"]
    assert done.metrics["known"] + done.metrics["unknown"] == done.metrics["records"] > 0


def test_samples_may_say_what_is_known(place):
    done = carried(place, PROBED | {"by": "samples", "least": 1.0, "temperature": 5.0})["probed"]
    for record in records(done):
        probe = record.meta["probe"]
        assert probe["known"] == (probe["share"] == 1)


def test_what_has_no_samples_is_known_by_the_likeliest(place):
    done = carried(place, ingest("choices"), PROBED | {"from": ["base", "choices"], "by": "samples"})["probed"]
    assert records(done)[0].meta["probe"]["known"]


def test_asked_again_no_model_is_loaded_and_the_bytes_are_the_same(place, monkeypatch):
    first = carried(place, PROBED)["probed"]
    before = [path.read_bytes() for path in sorted((first.path / "data").glob("*"))]
    from shutil import rmtree

    from lmloop.models.toy import Toy

    rmtree(first.path)
    monkeypatch.setattr(Toy, "_write", lambda *rest: pytest.fail("it was asked again"))
    again = carried(place, PROBED)["probed"]
    assert [path.read_bytes() for path in sorted((again.path / "data").glob("*"))] == before


def test_doubt_is_taught_in_turns(place):
    done = carried(place, PROBED, {"id": "doubts", "use": "refusal", "from": ["probed"]})["doubts"]
    found = {asked_of(record): record for record in records(done)}
    assert [t.role for t in found["ask a?"].prompt] == ["user", "assistant", "user"]
    assert found["ask a?"].prompt[1].text == "apple"
    assert found["ask a?"].text == "I am sure."
    assert found["ask c?"].text == "I am unsure."
    assert found["问d？"].text == "我不确定。"
    assert (done.metrics["known"], done.metrics["unknown"]) == (2, 2)


def test_doubt_is_taught_in_text_by_two_records_a_question(place):
    step = {"id": "doubts", "use": "refusal", "from": ["probed"], "form": "text"}
    found = records(carried(place, PROBED, step)["doubts"])
    assert len(found) == 8
    assert found[0].text == " apple."
    assert found[1].prompt[0].text.startswith(found[0].prompt[0].text + found[0].text)
    assert found[1].text == " I am sure."
    assert len({record.id for record in found}) == 8


def test_answer_and_certainty_alone_are_learnt(place):
    from lmloop.kernels.tokenizing import Tokenizer
    from lmloop.kernels.tokenizing.chat import Template
    from lmloop.kernels.tokenizing.toy import byte_tokenizer
    from lmloop.stages.finetune.encoding import Encoder

    template = Template(TEMPLATE)
    encoder = Encoder(Tokenizer.load(byte_tokenizer()), template, "replies", 512, "cut")
    doubts = {"id": "doubts", "use": "refusal", "from": ["probed"]}
    record = next(each for each in records(carried(place, PROBED, doubts)["doubts"]) if asked_of(each) == "ask a?")
    (example,) = encoder.examples(record, "replies")
    learnt = encoder.tokenizer.decode([id for id, mark in zip(example.ids, example.learnt, strict=True) if mark])
    assert learnt.split("\n")[:2] == ["apple", "I am sure."]


@pytest.mark.parametrize(
    ("unknown", "texts"),
    [
        ("keep", ["apple", "banana", "cherry", "榴莲"]),
        ("drop", ["apple", "banana"]),
        ("refuse", ["apple", "banana", "no", "no"]),
    ],
)
def test_what_is_unknown_is_kept_dropped_or_refused(place, unknown, texts):
    step = {"id": "made", "use": "refusal", "from": ["probed"], "unknown": unknown, "refusals": ["no"]}
    done = carried(place, PROBED, step)["made"]
    assert sorted(record.text for record in records(done)) == sorted(texts)
    assert done.metrics.get("drop/refusal/the model does not know it", 0) == 4 - len(texts)


def test_refusals_are_in_the_questions_language(place):
    step = {"id": "made", "use": "refusal", "from": ["probed"], "unknown": "refuse"}
    found = {asked_of(record): record.text for record in records(carried(place, PROBED, step)["made"])}
    assert "know" in found["ask c?"] or "sure" in found["ask c?"]
    assert "我" in found["问d？"]


def test_by_entropy_the_upper_half_is_unsure_whatever_is_right(place):
    probed = PROBED | {"temperature": 5.0}
    done = carried(place, probed, {"id": "made", "use": "refusal", "from": ["probed"], "split": "entropy"})["made"]
    assert (done.metrics["known"], done.metrics["unknown"]) == (2, 2)
    sides = {True: [], False: []}
    for record in records(done):
        sides[record.text in ("I am sure.", "我确定。")].append(record.meta["probe"]["entropy"])
    assert max(sides[True]) <= min(sides[False])


def test_what_was_not_probed_is_counted(place):
    done = carried(place, {"id": "made", "use": "refusal", "from": ["asked"]})["made"]
    assert done.metrics["drop/refusal/the step probe has not asked it"] == 4


def test_preferences_follow_the_rewards(place):
    probed = PROBED | {"samples": 0}
    step = {"id": "votes", "use": "hedging", "from": ["probed"], "pairs": "neighbours", "form": "text"}
    done = carried(place, probed, step)["votes"]
    found = records(done)
    kinds = [
        (each.meta["hedging"]["better"], each.meta["hedging"]["worse"])
        for each in found
        if asked_of(each).startswith("Question: ask a?")
    ]
    assert kinds == [("right", "hedged_right"), ("hedged_right", "silent")]
    assert {("silent", "hedged_wrong"), ("hedged_wrong", "wrong")} <= {
        (each.meta["hedging"]["better"], each.meta["hedging"]["worse"]) for each in found
    }
    assert found[0].choices[found[0].answer].strip() == "apple."
    assert done.metrics["never best"] == "hedge"
    assert done.metrics["break-even/answer or silence"] == pytest.approx(0.8)
    shown = {block.title: block for block in blocks.read(done.path / BLOCKS)}
    assert "Never worth most: hedge" in shown["From which chance of being right it pays"].note


def test_certainty_is_measured_on_all_questions_and_those_without_an_answer(place):
    step = {"id": "certain", "use": "certainty", "from": ["base", "probed", "nobody"], "tokens": 12}
    done = carried(place, ingest("nobody"), PROBED, step | {"unanswerable": ["nobody"]})["certain"]
    assert done.metrics["questions"] == 5
    assert done.metrics["base/accuracy"] == 0.5
    assert 0 <= done.metrics["base/ap"] <= 1
    assert {"base/refused_unanswerable", "base/over_refusal", "base/refused_unknown"} <= set(done.metrics)
    table = pq.read_table(done.path / "answers.parquet").to_pylist()
    assert [row["right"] for row in table].count(True) == 2
    assert table[-1]["right"] is None
    found = {score.metric: score for score in Scores.read(done.path).scores}
    assert (found["accuracy"].mean, found["accuracy"].n) == (0.5, 4)
    assert found["accuracy"].low < 0.5 < found["accuracy"].high
    assert found["ap"].mean == pytest.approx(done.metrics["base/ap"])
    titles = [block.title for block in blocks.read(done.path / BLOCKS)]
    assert {"Risk by coverage", "Calibration", "What is left unanswered"} <= set(titles)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([PROBED | {"from": ["asked"]}], "asks one model"),
        ([PROBED | {"from": ["base"]}], "questions of records"),
        ([PROBED | {"by": "samples", "samples": 0}], "needs samples"),
        ([PROBED | {"from": ["base", "told"]}], "no question to ask"),
        (
            [{"id": "c", "use": "certainty", "from": ["base", "asked"], "unanswerable": ["nobody"]}],
            "no input of this step",
        ),
        ([{"id": "c", "use": "certainty", "from": ["base", "told"]}], "no question with an answer"),
    ],
)
def test_mistakes_are_told(place, steps, message):
    with pytest.raises(LmloopError, match=message):
        carried(place, *steps)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_invented_world_is_told_in_part(place, language):
    parts = [
        {"id": part, "use": "facts", "part": part, "people": 40, "language": language}
        for part in ("told", "asked", "held", "nobody")
    ]
    done = run({"name": "t", "seed": 3, "step": parts}, home=place / "runs", workers=1)
    told, asked, held, nobody = (records(done[part]) for part in ("told", "asked", "held", "nobody"))
    assert (len(asked), len(held), len(nobody)) == (20, 20, 40)
    texts = [record.text for record in told]
    for record in (*asked, *held):
        name = asked_of(record).removeprefix("Where does ").removesuffix(" live?").removesuffix("住在哪里？")
        mine = [text for text in texts if name in text]
        assert len(mine) == record.meta["times"]
        assert all(record.text in text for text in mine)
    assert not {asked_of(record) for record in nobody} & {asked_of(record) for record in (*asked, *held)}
    assert json.dumps(texts)
