import io

import pytest
from rich.console import Console

from lmloop.report.page import Section
from lmloop.report.summary import show


def printed(sections: tuple[Section, ...], width: int, encoding: str = "utf-8", terminal: bool = False) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="replace") as file:
        show(Console(file=file, width=width, force_terminal=terminal), sections, "A [bold]run[/bold]")
        file.flush()
        return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 120])
def test_fits_and_is_plain_when_not_a_terminal(sections: tuple[Section, ...], width: int) -> None:
    text = printed(sections, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "A [bold]run[/bold]" in text
    for told in (
        "1,234,567",
        "4.2 GB",
        "too short",
        "语言",
        "\u2212600",
        "30%",
        "3 in the page",
        "2 steps made",
    ):
        assert told in text


def test_terminals_get_colour_but_no_codes_of_the_texts(sections: tuple[Section, ...]) -> None:
    text = printed(sections, 100, terminal=True)
    assert "\x1b[36m" in text
    assert "␛[31m" in text


def test_bars_without_unicode(sections: tuple[Section, ...]) -> None:
    assert "#######" in printed(sections, 80, "ascii")
