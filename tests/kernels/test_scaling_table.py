from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.table import number, points_of, read_rows


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.3B", 1.3e9), ("70 m", 7e7), ("1,300,000", 1.3e6), ("5.76e23", 5.76e23), (" 12 ", 12), (3, 3), ("2T", 2e12)],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "many", "1.3 billion", None, True, "--"])
def test_what_is_no_number_is_none(text):
    assert number(text) != number(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Model Size,Training Tokens,loss,Training FLOP\n1B,20B,2.5,1.2e20\n"),
        ("a.csv", "N;D;val_loss\n1e9;2e10;2.5\n"),
        ("a.tsv", "params\ttokens\tloss\n1B\t20B\t2.5\n"),
        ("a.jsonl", '{"n_params": 1e9, "flops": 1.2e20, "final loss": 2.5}\n'),
        ("a.json", '[{"D": "20B", "C": 1.2e20, "Loss": 2.5}]'),
    ],
)
def test_columns_are_known_by_many_names_and_the_third_is_worked_out(tmp_path, name, text):
    points, unusable = points_of(read_rows(write(tmp_path / name, text)), {}, "total", "")
    assert points.params[0] == pytest.approx(1e9)
    assert points.tokens[0] == pytest.approx(2e10)
    assert points.flops[0] == pytest.approx(1.2e20)
    assert not unusable


def test_rows_that_cannot_be_used_are_counted_by_reason(tmp_path):
    text = "n,d,loss,opt\n1e6,1e8,4,a\nx,1e8,4,a\n1e6,0,4,b\n1e6,1e8,nan,b\n1e6,1e9,3,b\n1e6,1e9,,c\n"
    points, unusable = points_of(read_rows(write(tmp_path / "a.csv", text)), {}, "total", "opt")
    assert unusable == {"params is no number": 1, "tokens is not above zero": 1, "loss is no number": 2}
    assert points.groups == ("a", "b")
    assert points.group.tolist() == [0, 1]


def test_columns_of_other_names_are_named(tmp_path):
    rows = read_rows(write(tmp_path / "a.csv", "width,d,params_nonembedding,y\n5,1e8,1e6,4\n"))
    points, _ = points_of(rows, {"loss": "y"}, "non-embedding", "")
    assert points.params[0] == 1e6
    assert points_of(rows, {"loss": "y", "params": "width"}, "total", "")[0].params[0] == 5
    with pytest.raises(DataError, match="no column for params, loss"):
        points_of(rows, {}, "total", "")
    with pytest.raises(DataError, match="no column 'z' for loss"):
        points_of(rows, {"loss": "z"}, "total", "")
    with pytest.raises(DataError, match="no column 'opt' to compare"):
        points_of(rows, {"loss": "y"}, "non-embedding", "opt")


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.csv", "n,d,loss\n"), ("a.parquet", "no"), ("a.json", "[1]")]
)
def test_files_that_hold_no_table(tmp_path, name, text):
    with pytest.raises(DataError):
        read_rows(write(tmp_path / name, text))


def test_no_row_can_be_used(tmp_path):
    with pytest.raises(DataError, match="no row"):
        points_of(read_rows(write(tmp_path / "a.csv", "n,d,loss\nx,y,z\n")), {}, "total", "")
