from lmloop.core.kept_rows import KeptRows


def test_rows_are_there_again_in_their_order(tmp_path):
    kept = KeptRows.open(tmp_path / "rows.jsonl")
    assert kept.rows == []
    kept.add({"n": 1, "loss": None})
    kept.add({"n": 2, "loss": 0.1})
    assert KeptRows.open(tmp_path / "rows.jsonl").rows == kept.rows == [{"n": 1, "loss": None}, {"n": 2, "loss": 0.1}]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
