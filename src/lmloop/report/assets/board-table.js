/* The table: models and columns, sorted and filtered, each cell leading to how it was got. */
(() => {
  const { data, made, part, count, column, cell, shade, worth, reach, rate, search, download, open } = Board;
  const AVERAGE = "average";
  const state = { models: "", columns: "", sort: data.average ? AVERAGE : data.columns[0]?.name, down: true, macro: false, heat: true, rates: true };
  if (!data.average && data.columns[0]) state.down = data.columns[0].higher;
  const place = part("scores");
  const table = made("table", { class: "board" });

  const score = (model, name) => {
    if (name === AVERAGE) return data.average?.means[model];
    const found = cell(model, name);
    return found && state.macro && found.macro ? { ...found, ...found.macro } : found;
  };
  const shownModels = () => {
    const found = data.models.map((model) => model.name).filter((name) => name.toLowerCase().includes(state.models));
    const key = (name) => score(name, state.sort)?.mean ?? null;
    if (state.sort === "model") return found.sort((a, b) => (state.down ? -1 : 1) * a.localeCompare(b));
    return found.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      if (left === null || right === null) return (left === null) - (right === null);
      return (state.down ? right - left : left - right) || a.localeCompare(b);
    });
  };
  const shownColumns = () => data.columns.filter((each) => each.name.toLowerCase().includes(state.columns));
  const between = (found, share) => [worth(found.mean, share), reach(found, share) && `(${reach(found, share)})`].filter(Boolean).join(" ");
  const ranks = ([low, high]) => low === high ? `rank ${low}` : `rank ${low}–${high}`;

  const head = (name, label, under, numeric = true) => {
    const sorted = state.sort === name;
    const act = () => {
      state.down = sorted ? !state.down : name === "model" ? false : name === AVERAGE || column(name).higher;
      state.sort = name;
      draw();
    };
    return made("th", { scope: "col", class: numeric ? "number" : "", "aria-sort": sorted ? (state.down ? "descending" : "ascending") : undefined },
      [made("button", { type: "button", class: "sort", onclick: act }, label), made("small", {}, under)]);
  };

  const deep = (found, each) => {
    if (!state.heat || !each.share) return "0%";
    const low = each.chance ?? 0;
    return `${Math.round(24 * Math.min(1, Math.max(0, (found.mean - low) / (1 - low || 1))))}%`;
  };
  const drawCell = (model, each) => {
    const found = score(model, each.name);
    if (!found) return made("td", { class: "number none" }, "–");
    const warned = [];
    if (state.rates && found.failed / found.items > 0.05) warned.push(`${rate(found.failed, found.items)} no answer`);
    if (state.rates && found.cut / found.items > 0.05) warned.push(`${rate(found.cut, found.items)} cut`);
    if (found.errors) warned.push(`${count(found.errors)} no reply`);
    if (found.clean?.seen) warned.push(`${rate(found.clean.seen, found.clean.items)} seen in training`);
    const tip = [`${model}, ${each.name}`, `${worth(found.low, each.share)} to ${worth(found.high, each.share)} (95 %), ${count(found.n)} items`,
      `no answer found ${rate(found.failed, found.items)}, cut ${rate(found.cut, found.items)}`,
      each.level.includes(model) ? "not surely worse than the best" : "worse than the best (Holm, 5 %)"];
    return made("td", { class: `number${each.level.includes(model) ? " level" : ""}`, style: { "--deep": deep(found, each) } },
      made("button", { type: "button", class: "cell", "data-tip": tip.join("\n"), onclick: () => explain(model, each) },
        [made("b", {}, worth(found.mean, each.share)), made("small", {}, reach(found, each.share)), made("small", {}, ranks(found.ranks)), warned.map((text) => made("small", { class: "warn" }, text))]));
  };
  const drawAverage = (model) => {
    const found = data.average.means[model];
    if (!found) return made("td", { class: "number none" }, "–");
    return made("td", { class: `number${data.average.level.includes(model) ? " level" : ""}` },
      made("button", { type: "button", class: "cell", "data-tip": `the plain mean of ${data.average.columns.length} columns`, onclick: () => explainAverage(model) },
        [made("b", {}, worth(found.mean, true)), made("small", {}, reach(found, true)), made("small", {}, ranks(found.ranks))]));
  };

  const draw = () => {
    const columns = shownColumns();
    const heads = [head("model", "Model", "", false)];
    if (data.average) heads.push(head(AVERAGE, "Average", `${data.average.columns.length} columns`));
    heads.push(...columns.map((each) => head(each.name, each.name, [each.metric, each.higher ? "" : " (less is better)", state.macro && each.groups.length > 1 ? ", macro" : ""])));
    const rows = shownModels().map((model) => made("tr", {}, [
      made("th", { scope: "row" }, [made("i", { class: `swatch ${shade(model)}`, "aria-hidden": "true" }), model]),
      data.average ? drawAverage(model) : "",
      columns.map((each) => drawCell(model, each)),
    ]));
    table.replaceChildren(made("thead", {}, made("tr", {}, heads)), made("tbody", {}, rows));
  };

  /* The sheet of one cell: the number, how it was asked, where it came from. */
  const facts = (rows) => made("dl", {}, rows.filter(([, value]) => value !== undefined && value !== null && value !== "").flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]));
  const lineage = (run) => made("ol", { class: "tree" }, (data.runs[run]?.lineage ?? []).map((found) =>
    made("li", { style: { "--depth": found.depth } }, [made("code", {}, found.folder), " ", made("span", {}, [found.use ?? "gone, or the event log", found.finished ? `, ${found.finished.replace("T", " ").replace("+00:00", " UTC")}` : ""])])));
  const groups = (model, each, found) => {
    const names = Object.keys(found.groups);
    if (names.length < 2) return "";
    const rows = names.map((name) => [name, found.groups[name]]).sort((a, b) => b[1].mean - a[1].mean);
    return [made("h4", {}, `By group (${names.length})`), made("table", { class: "options" }, rows.map(([name, group]) =>
      made("tr", {}, [made("td", { dir: "auto" }, name), made("td", {}, `${between(group, each.share)} · ${count(group.n)} items`)])))];
  };
  const clean = (found, each) => !found.clean ? "" : [made("h4", {}, "Contamination"), facts([
    ["training data", found.clean.read.join(", ")],
    ["documents read", count(found.clean.documents)],
    ["questions seen there", `${count(found.clean.seen)} of ${count(found.clean.items)} (${rate(found.clean.seen, found.clean.items)})`],
    ["score without them", found.clean.n ? `${between(found.clean, each.share)}, ${count(found.clean.n)} items` : "no item is left"],
  ])];
  const explain = (model, each) => {
    const found = cell(model, each.name);
    const about = data.models.find((one) => one.name === model);
    open(`${model} · ${each.name}`, [
      facts([
        [each.metric, `${worth(found.mean, each.share)}`],
        ["95 %", reach(found, each.share)],
        ["standard error", worth(found.se, each.share)],
        ["items", `${count(found.n)}${found.clusters < found.n ? ` in ${count(found.clusters)} clusters` : ""}`],
        ["macro", found.macro ? between(found.macro, each.share) : ""],
        ...Object.entries(found.others).map(([name, other]) => [name, between(other, each.share)]),
        ["no answer found", `${count(found.failed)} (${rate(found.failed, found.items)})`],
        ["cut by the limit", `${count(found.cut)} (${rate(found.cut, found.items)})`],
        ["no reply", found.errors ? `${count(found.errors)}, left out of the score` : ""],
      ]),
      groups(model, each, found), clean(found, each),
      made("h4", {}, "Model"), facts([["fingerprint", about.fingerprint], ["weights", about.folder], ["tokens read, written", `${count(about.prompt_tokens)}, ${count(about.tokens)}`], ["seconds", found.seconds]]),
      Object.keys(about.settings).length ? made("pre", {}, JSON.stringify(about.settings, null, 1)) : "",
      made("h4", {}, "Questions"), facts([["digest", each.data.digest], ["questions", count(each.data.questions ?? found.items)], ["licence", each.data.licence], ["from", each.data.home], ["published as", each.data.published]]),
      made("h4", {}, "Protocol"), made("pre", {}, JSON.stringify(each.protocol, null, 1)),
      made("h4", {}, ["Run card: ", made("code", {}, `lmloop show ${found.run}`)]), lineage(found.run),
    ]);
  };
  const explainAverage = (model) => {
    const found = data.average.means[model];
    open(`${model} · average`, [
      facts([["mean", worth(found.mean, true)], ["95 %", reach(found, true)], ["rank", ranks(found.ranks)], ["items", count(found.n)]]),
      made("h4", {}, "Columns, each counting the same"),
      facts(data.average.columns.map((name) => [name, worth(cell(model, name).mean, true)])),
    ]);
  };

  /* Files of what is shown; suites, whose averages go from 0 to 100, come last. */
  const suites = data.suites ?? [];
  const rows = () => {
    const columns = shownColumns();
    const names = ["model", ...(data.average ? ["average"] : []), ...columns.flatMap((each) => [each.name, `${each.name} low`, `${each.name} high`]), ...suites.map((suite) => suite.title)];
    return [names, ...shownModels().map((model) => [model, ...(data.average ? [data.average.means[model]?.mean ?? ""] : []),
      ...columns.flatMap((each) => { const found = score(model, each.name); return found ? [found.mean, found.low, found.high] : ["", "", ""]; }),
      ...suites.map((suite) => suite.models[model]?.total ?? "")])];
  };
  const quoted = (value) => /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value;
  const csv = () => rows().map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  const markdown = () => {
    const columns = shownColumns();
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const heads = ["model", ...(data.average ? ["average"] : []), ...columns.map((each) => each.name), ...suites.map((suite) => suite.title)];
    return [line(heads), line(heads.map(() => "---")), ...shownModels().map((model) => line([model,
      ...(data.average ? [data.average.means[model] ? between(data.average.means[model], true) : "–"] : []),
      ...columns.map((each) => { const found = score(model, each.name); return found ? between(found, each.share) : "–"; }),
      ...suites.map((suite) => suite.models[model]?.total?.toFixed(2) ?? "–")]))].join("\n") + "\n";
  };

  const toggle = (label, name) => made("label", {}, [made("input", { type: "checkbox", checked: state[name], onchange: (event) => { state[name] = event.target.checked; draw(); } }), label]);
  const grouped = data.columns.some((each) => each.groups.length > 1);
  place.append(
    made("div", { class: "dials" }, [
      search("Filter models", (text) => { state.models = text; draw(); }),
      search("Filter tasks", (text) => { state.columns = text; draw(); }),
      grouped ? toggle("macro means", "macro") : "", toggle("shading", "heat"), toggle("warnings", "rates"),
      made("span", { class: "spring" }),
      made("span", { class: "files" }, [made("button", { type: "button", class: "small", onclick: () => download("board.csv", csv(), "text/csv") }, "CSV"),
      made("button", { type: "button", class: "small", onclick: () => download("board.json", JSON.stringify({ ...data, samples: undefined }, null, 1), "application/json") }, "JSON"),
      made("button", { type: "button", class: "small", onclick: () => download("board.md", markdown(), "text/markdown") }, "Markdown")]),
    ]),
    made("div", { class: "scroll", tabindex: "0" }, table),
    made("p", { class: "words" }, ["Shares in percent, with intervals of 95 % (clustered where items share a source). ", made("b", {}, "Bold"),
      ": the best, and those that a paired test with Holm's correction cannot tell from it. A rank is an interval, too: all of a column's hold at once in 95 % of cases. Click a number for how it was got."]),
  );
  const twice = data.columns.filter((each) => each.differs.length);
  if (twice.length) place.append(made("div", { class: "words" }, [
    made("b", {}, "Asked in several ways"), ": these columns are of one task and are not averaged.",
    twice.map((each) => made("p", { class: "differs" }, [made("code", {}, each.name), " differs in ", each.differs.join("; ")])),
  ]));
  draw();
})();
