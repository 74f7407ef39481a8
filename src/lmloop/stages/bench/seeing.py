"""What a person should see of a load test: the verdict first, then times, failures, and how it went over time."""

from collections.abc import Iterator, Sequence

import numpy as np

from lmloop.loadtest.amounts import Limit
from lmloop.loadtest.measures import PERCENTS, Array, Requests, Spread
from lmloop.report import blocks
from lmloop.report.units import share
from lmloop.stages.bench.finding import Finding
from lmloop.stages.bench.playing import Test

NAMES = {
    "ttft": "TTFT: send to first text",
    "ttft_intended": "TTFT from the intended moment",
    "itl": "ITL: between two parts",
    "tpot": "TPOT: a token after the first",
    "latency": "latency: send to end of reply",
    "latency_intended": "latency from the intended moment",
    "late": "client's own lateness",
}
BINS = 40
DOTS = 1500


def show(found: Finding, limits: Sequence[Limit]) -> list[blocks.Block]:
    """Give all blocks."""
    main, requests = found.main, found.requests
    if main is None or requests is None:
        return []
    shown: list[blocks.Block] = [*_warnings(found), headline(found, main)]
    if found.kind == "sweep" or len(found.tests) > 1:
        shown += _sweep(found, limits)
    if found.calibration is not None:
        shown.append(_calibration(found))
    shown += [times(main), *_charts(requests, main, limits), endings(main)]
    if main.server is not None and main.server.count and main.summary.spreads["ttft"].count:
        shown.append(_reconcile(main))
    return shown


def headline(found: Finding, main: Test) -> blocks.Numbers:
    """Give what one wants to know at once."""
    summary = main.summary
    failed = summary.total - summary.endings.get("ok", 0)
    figures = [
        blocks.Figure("requests", summary.total, caption=f"{failed} without a whole reply"),
        _figure("TTFT, median", summary.spreads["ttft"]),
        _figure("ITL, median", summary.spreads["itl"]),
        _figure("latency, median", summary.spreads["latency"]),
        blocks.Figure("output tokens a second", _rounded(summary.tokens), caption=_counting(main)),
        blocks.Figure("requests a second", _rounded(summary.requests), caption=f"{summary.offered:.3g} came a second"),
    ]
    if summary.goodput is not None and summary.good is not None:
        told = f"{share(summary.good, 1)} keep to all limits"
        figures.append(blocks.Figure("goodput, requests a second", _rounded(summary.goodput), caption=told))
    if found.edge is not None and found.kind == "sweep":
        figures.insert(0, blocks.Figure("highest rate that holds", found.edge[0] or None, "/s", caption=_edge(found)))
    title = f"{found.target}, {found.model}"
    state = "INVALID: " * (not found.valid) + "PARTIAL: " * bool(found.partial)
    return blocks.Numbers(f"{state}{title}", tuple(figures))


def times(main: Test) -> blocks.Table:
    """Give all measures in milliseconds."""
    rows: list[tuple[blocks.Cell, ...]] = []
    for name, told in NAMES.items():
        spread = main.summary.spreads[name]
        if spread.count:
            rows.append((told, *(_ms(value) for value in (spread.mean, *spread.values, spread.most))))
    columns = ("milliseconds", "mean", *(f"p{percent:g}" for percent in PERCENTS), "max")
    return blocks.Table("Times", columns, tuple(rows), note=_counting(main))


def endings(main: Test) -> blocks.Table:
    """Say how all requests ended."""
    summary = main.summary
    rows = tuple(
        (name, count, share(count, summary.total), summary.reasons.get(name, ""))
        for name, count in summary.endings.items()
    )
    return blocks.Table("How requests ended", ("ending", "requests", "share", "the first of them"), rows)


def _warnings(found: Finding) -> Iterator[blocks.Block]:
    assert found.main is not None
    if found.main.reasons:
        rows = tuple((reason.what, reason.remedy) for reason in found.main.reasons)
        title = "INVALID: the client was the bottleneck, these numbers are not the server's"
        yield blocks.Table(title, ("why", "what to do"), rows)
    if found.partial:
        yield blocks.Table("PARTIAL", ("why",), ((found.partial,),))


def _edge(found: Finding) -> str:
    assert found.edge is not None
    low, high = found.edge
    if not low:
        return "no rate held"
    return f"{high:.3g} does not" if np.isfinite(high) else "no rate failed"


def _sweep(found: Finding, limits: Sequence[Limit]) -> Iterator[blocks.Block]:
    tests = sorted(found.tests, key=lambda test: float(test.rate or 0))
    rates = tuple(float(test.rate or 0) for test in tests)
    for name in ("ttft", "itl"):
        spreads = [test.summary.spreads[name] for test in tests]
        lines = [
            blocks.Line("p50", rates, tuple(_ms(spread.median) for spread in spreads)),
            blocks.Line("p99", rates, tuple(_ms(spread.p99) for spread in spreads)),
        ]
        lines += [
            blocks.Line(f"limit (p{limit.percent:g})", (rates[0], rates[-1]), (_ms(limit.seconds),) * 2)
            for limit in limits
            if limit.measure == name
        ]
        title = f"{name.upper()} by rate"
        yield blocks.Curve(title, tuple(lines), "sessions a second", "milliseconds", x_log=True, y_log=True)
    tokens = blocks.Line("output tokens a second", rates, tuple(_rounded(test.summary.tokens) for test in tests))
    yield blocks.Curve("Throughput by rate", (tokens,), "sessions a second", "tokens a second", x_log=True)
    answered = blocks.Line("answered", rates, tuple(_rounded(test.summary.requests) for test in tests))
    lines = [answered]
    if limits:
        good = tuple(_rounded(test.summary.goodput or 0.0) for test in tests)
        lines.append(blocks.Line("within all limits (goodput)", rates, good))
    yield blocks.Curve("Answered by rate", tuple(lines), "sessions a second", "requests a second", x_log=True)
    columns = ("rate", "requests", "failed", "TTFT p50", "TTFT p99", "ITL p99", "tokens/s", "goodput/s", "verdict")
    yield blocks.Table("All tests", columns, tuple(_row(test) for test in tests), note="Times in milliseconds.")


def _row(test: Test) -> tuple[blocks.Cell, ...]:
    summary = test.summary
    ttft, itl = summary.spreads["ttft"], summary.spreads["itl"]
    said = [*(f"INVALID: {reason.what}" for reason in test.reasons), *(f"misses {told}" for told in summary.missed)]
    return (
        float(test.rate or 0),
        summary.total,
        share(summary.failed, 1),
        _ms(ttft.median),
        _ms(ttft.p99),
        _ms(itl.p99),
        _rounded(summary.tokens),
        _rounded(summary.goodput),
        "; ".join(said) or "fine",
    )


def _calibration(found: Finding) -> blocks.Table:
    assert found.calibration is not None
    told = {
        "client": "client: its own error",
        "server": "server: its lateness",
        "known": "both together",
    }
    rows = []
    for name, words in told.items():
        for measure, spread in getattr(found.calibration, name).items():
            values = (round(1000 * value, 3) for value in (spread.median, spread.p99, spread.most))
            rows.append((words, measure.upper(), *values))
    columns = ("milliseconds, without sign", "of", "p50", "p99", "max")
    note = "Client: what it stamped, against what the server did. Server: what it did, against what it was set to."
    return blocks.Table("How exact this client is", columns, tuple(rows), note=note)


def _charts(found: Requests, main: Test, limits: Sequence[Limit]) -> Iterator[blocks.Block]:
    begin, end = main.summary.window
    inside = found.fine & (found.intended >= begin) & (found.intended < end)
    measures = found.times()
    for name, values in (
        ("ttft", measures["ttft"][inside]),
        ("itl", found.gaps[np.repeat(inside, np.diff(found.edges))]),
    ):
        if (chart := _histogram(name, values[~np.isnan(values)] * 1000, limits)) is not None:
            yield chart
    yield _tokens_over_time(found)
    yield _open_over_time(found)
    name = "ttft" if np.isfinite(measures["ttft"][inside]).any() else "latency"
    yield _dots(found, name, inside)
    if main.client.cores:
        lines = tuple(
            blocks.Line(f"process {number}", moments, tuple(100 * busy for busy in shares))
            for number, (moments, shares) in main.client.cores.items()
        )
        note = (
            f"Over 80 % the test is invalid. Lateness of the client's own beat: p99 {1000 * main.client.late:.2f} ms."
        )
        yield blocks.Curve("The client's own load", lines, "seconds", "% of a core", note=note)


def _histogram(name: str, values: Array, limits: Sequence[Limit]) -> blocks.Histogram | None:
    if not len(values):
        return None
    top = float(np.percentile(values, 99.5))
    low = float(values.min())
    edges = np.linspace(low, max(top, low + 0.1), BINS + 1)
    counts = np.histogram(np.minimum(values, edges[-1]), edges)[0]
    marks = tuple(blocks.Threshold(1000 * limit.seconds, "limit") for limit in limits if limit.measure == name)
    series = blocks.Series(name.upper(), tuple(map(int, counts)))
    unit = "gaps" if name == "itl" else "requests"
    edge = tuple(round(float(edge), 3) for edge in edges)
    note = "The last bin holds all above."
    return blocks.Histogram(name.upper(), edge, (series,), "milliseconds", unit, thresholds=marks, note=note)


def _tokens_over_time(found: Requests) -> blocks.Curve:
    """Count parts by the second; of replies that were not streamed, their tokens at their end."""
    whole = found.fine & (found.parts == 0)
    moments = np.concatenate([found.moments, found.ended[whole]])
    scale = np.repeat(found.tokens / np.maximum(found.parts, 1), found.parts)
    weights = np.concatenate([scale, found.tokens[whole]])
    edges = _edges(found)
    counts = np.histogram(moments, edges, weights=weights)[0] / np.diff(edges)
    line = blocks.Line("tokens", _floats(edges[:-1]), tuple(round(float(count), 1) for count in counts))
    return blocks.Curve("Output tokens over time", (line,), "seconds", "tokens a second")


def _open_over_time(found: Requests) -> blocks.Curve:
    edges = _edges(found)
    begun, ended = np.sort(found.intended), np.sort(found.ended)
    open_ = np.searchsorted(begun, edges, "right") - np.searchsorted(ended, edges, "right")
    line = blocks.Line("open", _floats(edges), tuple(int(count) for count in open_))
    return blocks.Curve("Requests under way", (line,), "seconds", "requests")


def _dots(found: Requests, name: str, inside: Array) -> blocks.Curve:
    places = np.flatnonzero(inside)
    places = places[:: max(1, len(places) // DOTS)]
    lines = []
    for each, told in ((name, "from the send"), (f"{name}_intended", "from the intended moment")):
        values = found.times()[each][places] * 1000
        shown = tuple(None if np.isnan(value) else round(float(value), 3) for value in values)
        lines.append(blocks.Line(told, _floats(found.intended[places]), shown, dots=True))
    note = "Where the two part, requests waited in the client or for a connection."
    return blocks.Curve(f"{name.upper()} by arrival", tuple(lines), "seconds", "milliseconds", note=note)


def _reconcile(main: Test) -> blocks.Table:
    assert main.server is not None
    ours, theirs = main.summary.spreads["ttft"], main.server
    rows: list[tuple[blocks.Cell, ...]] = [
        ("mean", _ms(ours.mean), f"{1000 * theirs.mean:.1f}", f"{1000 * (ours.mean - theirs.mean):+.1f}")
    ]
    for place, percent in enumerate(PERCENTS):
        low, high = theirs.between(percent / 100)
        rows.append((f"p{percent:g}", _ms(ours.values[place]), f"{1000 * low:g} to {1000 * high:g}", ""))
    note = (
        f"From /metrics, {theirs.count:.0f} requests. A histogram tells a percentile only up to its edges. What is over"
    )
    note += " is the way to the server, its front end, and the waiting for a connection."
    return blocks.Table("TTFT as the server saw it", ("milliseconds", "here", "server", "more"), tuple(rows), note=note)


def _counting(main: Test) -> str:
    usage = main.summary.by_usage
    each = f"{main.summary.tokens_a_part:.3g}"
    many = f"; {each} token{'s' * (each != '1')} a part" if np.isfinite(main.summary.tokens_a_part) else ""
    told = "counted by the server (usage)" if usage > 0.999 else "one token a part"
    if 0.001 < usage <= 0.999:
        told = f"{share(usage, 1)} counted by the server, else one a part"
    return f"tokens {told}{many}" if usage > 0.001 else f"tokens: {told}, as the server sends no usage"


def _figure(name: str, spread: Spread) -> blocks.Figure:
    if not spread.count:
        return blocks.Figure(name, None)
    return blocks.Figure(name, _ms(spread.median), "ms", caption=f"p99 {_ms(spread.p99):g} ms")


def _ms(seconds: float) -> float | None:
    return round(1000 * seconds, 2) if np.isfinite(seconds) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def _edges(found: Requests) -> Array:
    """Cut the test into stretches of at least a fifth of a second, some hundred of them."""
    last = max(float(found.ended.max(initial=0.0)), 1.0)
    return np.arange(0.0, last + 1e-9, max(0.2, last / 120))
