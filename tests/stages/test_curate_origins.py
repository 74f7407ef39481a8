from lmloop.stages.curate.origins import FEW, OTHERS, brought_together


def test_a_few_names_stay_as_they_are() -> None:
    assert brought_together({"a/b.txt": 3, "rows.jsonl": 900}) == {"a/b.txt": "a/b.txt", "rows.jsonl": "rows.jsonl"}


def test_many_are_brought_together_by_the_nearest_folder_with_enough_rows() -> None:
    counts = {f"web/zh/{n}.txt": 1 for n in range(100)} | {f"web/en/{n}/{n}.txt": 1 for n in range(100)}
    counts |= {"web/rare/x.txt": 1, "alone.txt": 1, "big.jsonl": 500}
    groups = brought_together(counts)
    assert groups["web/zh/7.txt"] == "web/zh/"
    assert groups["web/en/7/7.txt"] == "web/en/"
    assert groups["web/rare/x.txt"] == "web/"
    assert groups["alone.txt"] == OTHERS
    assert groups["big.jsonl"] == "big.jsonl"
    assert len(set(groups.values())) <= FEW
