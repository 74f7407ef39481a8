from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.numbers import number
from lmloop.kernels.scaling.table import points_of, read_rows


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.3B", 1.3e9),
        ("70 m", 7e7),
        ("1,300,000", 1.3e6),
        ("5.76e23", 5.76e23),
        (" 12 ", 12),
        (3, 3),
        ("2T", 2e12),
        ("1 300 000", 1.3e6),
        ("1’300’000", 1.3e6),
        ("1\u202f300\u202f000.5", 1300000.5),
        ("1_000", 1e3),
        ("7Bn", 7e9),
        ("1.3 billion", 1.3e9),
        ("13亿", 1.3e9),
        ("300万", 3e6),
        ("1.4万亿", 1.4e12),
        ("1.5x10^9", 1.5e9),
        ("2 × 10²¹", 2e21),
        ("3E+09", 3e9),
        ("-1.5e-3", -0.0015),
    ],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "many", "1.3 dozen", "1,30", "12,34,567", None, True, "--", "1e", "e9"])
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


@pytest.mark.parametrize(
    "text",
    [
        "params (B),tokens_B,loss\n1,20,2.5\n",
        "N (millions);D in billions;loss\n1000;20;2,5\n1000;30;2,451\n",
        "Parameters,Compute (PF-days),loss\n1e9,1.3888888888888888,2.5\n",
        "参数量（亿）,训练词元数（亿）,验证损失\n10,200,2.5\n",
        "# runs of May\n\n# N, D, loss\n1e9, 2e10, 2.5\n",
        'params,tokens,loss\n"1,000,000,000","20,000,000,000",2.5\n,,\n',
        "params_b,tokens,loss\n1000M,2e10,2.5\n",
    ],
)
def test_units_stand_behind_a_columns_name(tmp_path, text):
    points, unusable = points_of(read_rows(write(tmp_path / "a.csv", text)), {}, "total", "")
    assert points.params[0] == pytest.approx(1e9)
    assert points.tokens[0] == pytest.approx(2e10)
    assert points.loss[0] == pytest.approx(2.5)
    assert not unusable


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "gb18030"])
def test_a_spreadsheets_text_is_read_in_any_coding(tmp_path, coding):
    (tmp_path / "a.csv").write_bytes("参数量,数据量,损失\n1e9,2e10,2.5\n".encode(coding))
    assert points_of(read_rows(tmp_path / "a.csv"), {}, "total", "")[0].params[0] == 1e9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params,tokens,loss\n0.4,8,3.1\n7,140,2.1\n", "'params' holds 0.4 to 7: that is no number of params"),
        ("params,tokens,loss\n4e8,8,3.1\n7e9,140,2.1\n", "'tokens' holds 8 to 140"),
        ("params;tokens;loss\n4e8;8e9;3,123\n7e9;1e11;2,451\n", "'loss' holds 2451 to 3123: that is no loss"),
        ("flops,loss\n1e20,3\n", "two of params, tokens and flops are needed"),
        ("params,tokens,loss\n1,300,000,20,000,000,2.5\n", "row 2 has more cells than there are columns"),
        ("n,d,loss,loss\n1e9,2e10,2.5,2.6\n", "'loss' as the name of two columns"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        points_of(read_rows(write(tmp_path / "a.csv", text)), {}, "total", "")


def test_a_run_that_is_there_twice_counts_once(tmp_path):
    text = "n,d,loss\n1e6,1e8,4\n1e6,1e8,4.0\n1e6,1e8,4.1\n1000000,100M,4\n"
    points, unusable = points_of(read_rows(write(tmp_path / "a.csv", text)), {}, "total", "")
    assert (len(points), unusable) == (2, {"the same run again": 2})


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
