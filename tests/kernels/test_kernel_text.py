import pyarrow as pa
import pytest
from hypothesis import given
from kernel_texts import COLUMNS, TEXTS

from lmloop.kernels.jit import compiled
from lmloop.kernels.text import (
    TextBuffer,
    code_points,
    line_break_width,
    read_only,
    skip_space,
    text_buffer,
    trim_space,
)


def documents(buffer: TextBuffer) -> list[str]:
    return [
        bytes(buffer.data[start:end]).decode()
        for start, end in zip(buffer.offsets[:-1], buffer.offsets[1:], strict=True)
    ]


@compiled
def first_break(data, start, end):
    width = 0
    while start < end and width == 0:
        width = line_break_width(data, start, end)
        if width == 0:
            start += 1
    return start, start + width


@compiled
def trimmed(data, start, end):
    start = skip_space(data, start, end)
    return start, trim_space(data, start, end)


@given(COLUMNS)
def test_a_column_is_read_whatever_its_layout(texts):
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        array = pa.array(texts, kind)
        assert documents(text_buffer(array)) == texts
        assert documents(text_buffer(array.slice(1))) == texts[1:]
        assert documents(text_buffer(pa.chunked_array([array.slice(0, 1), array.slice(1)], kind))) == texts
        assert documents(text_buffer(pa.chunked_array([array], kind))) == texts


def test_nulls_are_empty_and_no_chunk_is_no_document():
    array = pa.array(["x", None, "中", None])
    assert documents(text_buffer(array)) == ["x", "", "中", ""]
    assert documents(text_buffer(array.slice(1, 2))) == ["", "中"]
    assert documents(text_buffer(pa.array([None, None], pa.string()))) == ["", ""]
    assert documents(text_buffer(pa.array([None, None]))) == ["", ""]
    assert documents(text_buffer(pa.chunked_array([], pa.string()))) == []


def test_bytes_under_a_null_are_not_read():
    buffers = pa.array(["secret", "x"]).buffers()
    array = pa.StringArray.from_buffers(2, buffers[1], buffers[2], pa.py_buffer(b"\x02"), 1)
    assert documents(text_buffer(array)) == ["", "x"]


def test_one_chunk_is_not_copied():
    array = pa.array(["some text", "more"])
    assert text_buffer(array).data.ctypes.data == array.buffers()[2].address
    with pytest.raises(ValueError, match="read-only"):
        text_buffer(array).data[0] = 0


@given(COLUMNS)
def test_code_points_are_those_of_str(texts):
    assert code_points(text_buffer(pa.array(texts, pa.string()))).tolist() == [len(t) for t in texts]


@given(TEXTS)
def test_white_space_and_lines_are_those_of_str(text):
    data, end = text_buffer(pa.array([text])).data, len(text.encode())
    start, stop = trimmed(data, 0, end)
    assert bytes(data[start:stop]).decode() == text.strip()
    lines, place = [], 0
    while place < end:
        line_end, after = first_break(data, place, end)
        lines.append(bytes(data[place:line_end]).decode())
        place = after
    assert lines == text.splitlines()


def test_every_space_and_line_boundary_of_python_is_known():
    for point in range(0x110000):
        character = chr(point)
        if not (character.isspace() or point < 0x100 or 0x2000 <= point < 0x3001) or 0xD800 <= point < 0xE000:
            continue
        data = read_only(text_buffer(pa.array([character])).data)
        assert (trimmed(data, 0, len(data))[0] == len(data)) == character.isspace(), hex(point)
        assert (first_break(data, 0, len(data))[0] == 0) == (("a" + character).splitlines() == ["a"]), hex(point)
