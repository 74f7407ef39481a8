import numpy as np
import pyarrow as pa

from lmloop.core.bounds import Deciders, bounds, bounds_of, op_name


def dropped(reasons: dict[str, list[tuple[float, float]]]) -> pa.Table:
    rows = [(reason, *values) for reason, all_values in reasons.items() for values in all_values]
    return pa.table(
        {
            "drop.op": ["op"] * len(rows),
            "drop.reason": [reason for reason, _, _ in rows],
            "stats.op.words": [words for _, words, _ in rows],
            "stats.op.letter_words": [share for _, _, share in rows],
        }
    )


def test_settings_bound_the_statistics_that_they_are_called_after() -> None:
    settings = {"min_words": 5, "max_words": 9, "lines": 0.3, "min_other": 1, "flag": True, "name": "x"}
    found = bounds("op", settings, ["words", "lines", "flag"])
    assert [(bound.setting, bound.statistic, bound.low, bound.label) for bound in found] == [
        ("min_words", "words", True, "min 5"),
        ("max_words", "words", False, "max 9"),
        ("lines", "lines", False, "max 0.3"),
    ]


def test_values_on_the_bound_do_not_cross_it_and_unknown_ones_neither() -> None:
    low, high = bounds("op", {"min_words": 5, "max_words": 9}, ["words"])
    values = np.array([4.9, 5.0, 9.0, 9.1, np.nan])
    assert low.crossed(values).tolist() == [True, False, False, False, False]
    assert high.crossed(values).tolist() == [False, False, False, True, False]
    assert low.distance(np.array([4.0])).tolist() == [0.2]


def test_the_decider_is_a_bound_that_all_rows_of_the_reason_cross() -> None:
    known = bounds_of([{"use": "op", "min_letter_words": 0.8, "min_words": 5}], dropped({}).schema.names)
    deciders = Deciders(known)
    deciders.look(dropped({"few-words": [(1, 0.1), (2, 0.9)], "few-letter-words": [(9, 0.1)]}))
    deciders.look(dropped({"odd": [(9, 0.9)], "little-text": [(1, 0.9)]}))
    found = {reason: bound.setting for (_, reason), bound in deciders.found().items()}
    assert found == {"few-words": "min_words", "few-letter-words": "min_letter_words", "little-text": "min_words"}


def test_of_several_such_bounds_the_name_decides() -> None:
    known = bounds_of([{"use": "op", "min_letter_words": 0.8, "min_words": 5}], dropped({}).schema.names)
    deciders = Deciders(known)
    deciders.look(dropped({"too-few-words": [(1, 0.1)], "few-letter-words": [(1, 0.1)]}))
    found = {reason: bound.setting for (_, reason), bound in deciders.found().items()}
    assert found == {"too-few-words": "min_words", "few-letter-words": "min_letter_words"}


def test_ops_from_files_go_by_their_stem() -> None:
    assert op_name("gopher-quality") == "gopher-quality"
    assert op_name("no_shouting_0123456789ab") == "no-shouting"
    assert op_name("./my_ops/no_shouting.py#0123456789ab") == "no-shouting"
