"""The search finds the edge, in few tests."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.loadtest.scrape import first_token
from lmloop.loadtest.search import highest


@given(st.floats(0.05, 5000), st.floats(0.5, 64))
def test_the_edge_lies_between_what_held_and_what_did_not(edge: float, start: float) -> None:
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= edge

    low, high = highest(start, 8000, holds, 1.1)
    assert len(tried) < 30
    if edge < start / 64:
        assert low == 0
    elif low:
        assert low <= edge < high
        assert high / low <= 1.1 + 1e-9


def test_a_server_that_bears_all_and_one_that_bears_nothing() -> None:
    assert highest(1, 100, lambda rate: True) == (100, math.inf)
    low, high = highest(1, 100, lambda rate: False)
    assert low == 0
    assert high < 0.05


PAGE = """# HELP vllm:time_to_first_token_seconds Histogram
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.05",model_name="a"} 2.0
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="a"} 8.0
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="a"} 10.0
vllm:time_to_first_token_seconds_sum{model_name="a"} 1.5
vllm:time_to_first_token_seconds_count{model_name="a"} 10.0
vllm:num_requests_running{model_name="a"} 0.0
"""


def test_the_servers_own_histogram() -> None:
    found = first_token(PAGE)
    assert found is not None
    assert found.mean == pytest.approx(0.15)
    assert found.between(0.5) == (0.05, 0.1)
    assert found.between(0.99) == (0.1, math.inf)
    both = first_token(PAGE + PAGE.replace('"a"', '"b"'))
    assert both is not None
    assert both.count == 20
    assert both.since(found) == found
    assert first_token("vllm:num_requests_running 0\n") is None
