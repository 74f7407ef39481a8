/* Plots: a radar of shares, and each column's scores with their intervals; and who is better than whom. */
(() => {
  const { data, made, drawn, part, column, cell, shade, worth, signed, chances, choice, count } = Board;
  const MOST = 6;
  const models = data.models.map((model) => model.name);
  const shown = new Set(models.slice(0, MOST));
  const shares = data.columns.filter((each) => each.share);
  const plots = made("div", { class: "plots", tabindex: "0" });
  const title = (text) => drawn("title", {}, text);

  const radar = () => {
    if (shares.length < 3) return "";
    const [size, middle, radius] = [440, 220, 150];
    const most = Math.max(...shares.flatMap((each) => models.map((name) => cell(name, each.name)?.mean ?? 0)));
    const edge = Math.min(1, Math.max(0.2, Math.ceil(most * 10) / 10));
    const at = (place, value) => {
      const angle = 2 * Math.PI * place / shares.length - Math.PI / 2;
      return [middle + radius * value * Math.cos(angle), middle + radius * value * Math.sin(angle)];
    };
    const ring = (value) => drawn("polygon", { class: "web", points: shares.map((_, place) => at(place, value).join()).join(" ") });
    const names = shares.map((each, place) => {
      const [x, y] = at(place, 1.1);
      const side = Math.abs(x - middle) < 12 ? "middle" : x < middle ? "end" : "start";
      const name = each.name.length > 20 ? `${each.name.slice(0, 19)}…` : each.name;
      return drawn("text", { x, y: y + 4, "text-anchor": side }, [name, title(each.name)]);
    });
    const areas = models.filter((name) => shown.has(name)).map((name) => drawn("polygon", {
      class: `area ${shade(name)}`, "data-tip": [name, ...shares.map((each) => `${each.name} ${worth(cell(name, each.name)?.mean, true)}`)].join("\n"),
      points: shares.map((each, place) => at(place, Math.max(0, cell(name, each.name)?.mean ?? 0) / edge).join()).join(" "),
    }));
    return drawn("svg", { viewBox: `-70 20 ${size + 140} ${size - 40}`, role: "img", "aria-label": "Shares by column" },
      [[0.25, 0.5, 0.75, 1].map(ring), [0.5, 1].map((value) => drawn("text", { class: "scale", x: middle + 3, y: middle - radius * value + 10 }, String(Math.round(100 * edge * value)))), shares.map((_, place) => { const [x, y] = at(place, 1); return drawn("line", { class: "spoke", x1: middle, y1: middle, x2: x, y2: y }); }), areas, names]);
  };

  /* One rail for each column; each model a point with its interval. */
  const rails = () => {
    const names = models.filter((name) => shown.has(name));
    const row = Math.max(26, 9 * names.length + 8);
    const label = (name) => name.length > 24 ? `${name.slice(0, 23)}…` : name;
    const left = 26 + 6.5 * Math.max(4, ...data.columns.map((each) => label(each.name).length));
    const width = 640;
    const height = row * data.columns.length + 28;
    const parts = [];
    data.columns.forEach((each, place) => {
      const cells = names.map((name) => [name, cell(name, each.name)]).filter(([, found]) => found);
      const low = each.share ? 0 : Math.min(...cells.map(([, found]) => found.low));
      const high = each.share ? 1 : Math.max(...cells.map(([, found]) => found.high));
      const x = (value) => left + (width - left - 10) * (high > low ? (Math.min(high, Math.max(low, value)) - low) / (high - low) : 0.5);
      const top = row * place + row / 2;
      parts.push(drawn("text", { x: left - 14, y: top + 4, "text-anchor": "end" }, [label(each.name), title(each.name)]));
      parts.push(drawn("line", { class: "rail", x1: left, x2: width - 10, y1: top + row / 2, y2: top + row / 2 }));
      if (each.share && each.chance) parts.push(drawn("line", { class: "chance", x1: x(each.chance), x2: x(each.chance), y1: top - row / 2 + 2, y2: top + row / 2 - 2 }));
      cells.forEach(([model, found], number) => {
        const y = top + 9 * (number - (cells.length - 1) / 2);
        const tip = `${model}, ${each.name}\n${worth(found.mean, each.share)} (${worth(found.low, each.share)} to ${worth(found.high, each.share)})`;
        parts.push(drawn("g", { class: shade(model), "data-tip": tip }, [
          each.share ? drawn("rect", { class: "bar-of", x: left, y: y - 3.5, width: Math.max(0, x(found.mean) - left), height: 7, rx: 2 }) : "",
          drawn("line", { class: "whisker", x1: x(found.low), x2: x(found.high), y1: y, y2: y }), drawn("circle", { class: "point", cx: x(found.mean), cy: y, r: 4 })]));
      });
    });
    if (data.columns.some((each) => each.share)) for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      parts.push(drawn("text", { x: left + (width - left - 10) * value, y: height - 6, "text-anchor": "middle" }, String(100 * value)));
    }
    return drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Scores with intervals" }, parts);
  };

  const drawPlots = () => plots.replaceChildren(...[radar(), rails()].filter(Boolean));
  const picks = made("ul", { class: "legend" }, models.map((name) => made("li", {}, made("label", {}, [
    made("input", { type: "checkbox", checked: shown.has(name), onchange: (event) => { if (event.target.checked) shown.add(name); else shown.delete(name); drawPlots(); } }),
    made("i", { class: shade(name), "aria-hidden": "true" }), name]))));
  plots.classList.toggle("alone", shares.length < 3);
  part("plots").append(picks, plots, made("p", { class: "words" }, "Bars and points with intervals of 95 %; the dashed line is what guessing would give. A column that is no share has a scale of its own."));
  drawPlots();

  /* Who is better than whom. */
  const place = part("pairs");
  const table = made("table", { class: "pairs" });
  const words = made("p", { class: "words" });
  const ways = [...(data.average ? [["", "Average"]] : []), ...data.columns.map((each) => [each.name, each.name])];
  const drawPairs = (name) => {
    const each = name ? column(name) : { ...data.average, share: true, higher: true, name: "Average" };
    const found = new Map(each.pairs.flatMap((pair) => [[pair.models.join("\n"), [pair, 1]], [[...pair.models].reverse().join("\n"), [pair, -1]]]));
    const having = models.filter((model) => each.pairs.some((pair) => pair.models.includes(model)));
    const entry = (row, other) => {
      if (row === other) return made("td", { class: "self" });
      const [pair, sign] = found.get(`${other}\n${row}`) ?? [];
      if (!pair) return made("td", {}, "–");
      const mean = sign * pair.mean;
      const sure = pair.holm < 0.05;
      const better = (mean > 0) === each.higher;
      const [gained, lost] = sign > 0 ? [pair.gained, pair.lost] : [pair.lost, pair.gained];
      const ends = [sign * pair.low, sign * pair.high].sort((a, b) => a - b);
      const tip = [`${row} less ${other}: ${signed(mean, each.share)} (${signed(ends[0], each.share)} to ${signed(ends[1], each.share)})`, `${count(pair.n)} items: better on ${count(gained)}, worse on ${count(lost)}`,
        `${pair.test}: ${chances(pair.p)}, with Holm ${chances(pair.holm)}`, pair.shown ? `would have shown a difference of ${worth(pair.shown, each.share)} in 4 of 5 cases` : ""].filter(Boolean);
      return made("td", { class: sure ? (better ? "up" : "down") : "", "data-tip": tip.join("\n"), tabindex: "0" }, [signed(mean, each.share), made("small", {}, chances(pair.holm))]);
    };
    table.replaceChildren(
      made("thead", {}, made("tr", {}, [made("th", {}, ""), having.map((model) => made("th", { scope: "col", "data-tip": model }, model))])),
      made("tbody", {}, having.map((row) => made("tr", {}, [made("th", { scope: "row", "data-tip": row }, row), having.map((other) => entry(row, other))]))));
    words.textContent = having.length < 2 ? "There is only one model: nothing to compare."
      : "The model of the row less that of the column, on the items that both answered; coloured where the difference is more than chance (Holm, 5 %, over all pairs of the column).";
  };
  if (ways.length) {
    place.append(made("div", { class: "dials" }, choice("Column ", ways, ways[0][0], drawPairs).label), made("div", { class: "scroll", tabindex: "0" }, table), words);
    drawPairs(ways[0][0]);
  }
})();
