import pyarrow as pa
import pyarrow.parquet as pq

from lmloop import run
from lmloop.report import blocks


def rows(folder, part):
    tables = [pq.read_table(file) for file in sorted((folder / part).glob("*.parquet"))]
    return pa.concat_tables(tables, promote_options="default").to_pylist()


def test_every_row_is_kept_or_dropped_with_its_reason(corpus, recipe):
    done = run(recipe, home=corpus / "runs", workers=1)
    clean = done["clean"]
    kept, dropped = rows(clean.path, "data"), rows(clean.path, "dropped")
    assert len(kept) + len(dropped) == done["raw"].metrics["records"] == 19
    reasons = sorted((row["drop.op"], row["drop.reason"]) for row in dropped)
    assert reasons == [
        *[("exact", "duplicate")] * 3,
        *[("gopher-quality", "too-few-words")] * 2,
        *[("minhash", "near-duplicate")] * 2,
    ]
    assert clean.metrics["drop/exact/duplicate"] == 3
    assert not (clean.path / "work").exists()


def test_the_settings_say_whose_text_is_kept_among_the_dropped(corpus, recipe):
    for setting, texts in (("all", 7), ("none", 0)):
        recipe["step"][1]["dropped"] = setting
        done = run(recipe, home=corpus / "runs", workers=1)["clean"]
        assert sum(bool(row["text"]) for row in rows(done.path, "dropped")) == texts


def test_blocks_show_the_funnel_examples_and_clusters(corpus, recipe):
    done = run(recipe, home=corpus / "runs", workers=1)["clean"]
    shown = blocks.read(done.path / "blocks.json")
    funnel = next(block for block in shown if isinstance(block, blocks.Funnel))
    assert [(stage.name, stage.rows_in, stage.rows_out) for stage in funnel.stages] == [
        ("unicode", 19, 19),
        ("gopher-quality", 19, 17),
        ("exact", 17, 14),
        ("length", 14, 14),
        ("minhash", 14, 12),
    ]
    clusters = [block for block in shown if isinstance(block, blocks.Clusters)]
    assert [len(block.clusters) for block in clusters] == [3, 2]
    assert clusters[1].clusters[0].members[1].similarity > 0.8
    histograms = [block for block in shown if isinstance(block, blocks.Histogram)]
    assert any(block.title == "gopher-quality: words" for block in histograms)


def test_a_corpus_of_nothing_goes_through(corpus, recipe):
    (corpus / "empty").mkdir()
    (corpus / "empty" / "x.txt").write_text("")
    recipe["step"][0]["reader"]["files"] = ["empty"]
    done = run(recipe, home=corpus / "runs", workers=1)
    assert done["clean"].metrics["records"] == 0
    assert (done["page"].path / "report.html").exists()


def test_a_curation_of_nothing_but_a_barrier(corpus, recipe):
    recipe["step"][1]["ops"] = ["exact"]
    assert run(recipe, home=corpus / "runs", workers=1)["clean"].metrics["records"] == 16


def test_the_result_can_be_curated_again(corpus, recipe):
    recipe["step"].insert(2, {"id": "again", "use": "curate", "from": ["clean", "raw"], "ops": ["exact"]})
    done = run(recipe, home=corpus / "runs", workers=1)
    assert done["again"].metrics["rows_in"] == 12 + 19
