/* Items: what was asked, said and judged; two models side by side. A served page asks for a page at a time. */
(() => {
  const { data, live, made, part, count, cell, column, worth, choice, search, unpack } = Board;
  const PAGE = 50;
  const place = part("items");
  const state = { column: data.columns[0]?.name, model: "", other: "", which: "all", group: "", find: "", start: 0, at: 0 };
  const having = () => data.models.map((model) => model.name).filter((name) => cell(name, state.column));
  const WAYS = [["all", "all"], ["right", "right"], ["wrong", "wrong"], ["failed", "no answer found"], ["cut", "cut by the limit"], ["error", "no reply"]];
  const BOTH = [["gained", "only the second right"], ["lost", "only the first right"], ["differ", "they differ"]];

  /* Where items come from: the server, or those that the page holds. */
  const asked = async (path, query) => {
    const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  };
  const kept = new Map();
  const samples = async (name) => {
    if (!kept.has(name)) kept.set(name, await unpack(data.samples[name]));
    return kept.get(name);
  };
  const texts = (item, mine) => [item.record, item.question, item.answer, mine.extracted, ...mine.replies.map((reply) => reply.text)].join(" ").toLowerCase();
  const fits = (item) => {
    const [mine, theirs] = [item.models[state.model], item.models[state.other]];
    if (!mine || (state.other && !theirs)) return false;
    if (state.group && item.group !== state.group) return false;
    if (state.find && !texts(item, mine).includes(state.find)) return false;
    const change = theirs ? theirs.value - mine.value : 0;
    return { all: true, right: mine.value >= 0.5, wrong: mine.value !== null && mine.value < 0.5, failed: mine.failed, cut: mine.cut, error: Boolean(mine.error), gained: change > 0, lost: change < 0, differ: change !== 0 }[state.which];
  };
  const listed = async () => {
    if (live) {
      const { at, ...query } = state;
      return asked("api/items", { ...query, count: PAGE });
    }
    const found = (await samples(state.column)).filter(fits);
    const sides = [state.model, state.other].filter(Boolean);
    return { total: found.length, start: state.start, items: found.slice(state.start, state.start + PAGE).map((item) => ({ ...item, verdicts: sides.map((name) => item.models[name]) })) };
  };
  const whole = async (record) => {
    const sides = [state.model, state.other].filter(Boolean);
    if (live) return asked("api/item", { column: state.column, record, models: JSON.stringify(sides) });
    const item = (await samples(state.column)).find((each) => each.record === record);
    return sides.map((model) => ({ ...item, ...item.models[model], model }));
  };

  const mark = (verdict) => {
    if (verdict.error) return made("span", { class: "mark", "data-tip": verdict.error }, "?");
    if (verdict.value === 1 || verdict.value === 0) return made("span", { class: `mark ${verdict.value ? "right" : "wrong"}`, "aria-label": verdict.value ? "right" : "wrong" }, verdict.value ? "✓" : "✗");
    return made("span", { class: "mark" }, worth(verdict.value, false));
  };

  const list = made("ol", {});
  const pager = made("div", { class: "pager" });
  const view = made("div", { class: "item" });
  const turns = (prompt) => made("div", { class: "said-text" }, (prompt ?? []).map((turn) => made("div", { class: "turn" }, [turn.role === "text" ? "" : made("div", { class: "role" }, turn.role), turn.text])));

  const replies = (side) => {
    const scored = side.replies.filter((reply) => reply.asked !== null && reply.asked !== undefined);
    const written = side.replies.filter((reply) => reply.asked === null || reply.asked === undefined);
    const best = Math.max(...scored.map((reply) => reply.logprob ?? -Infinity));
    return [
      scored.length ? made("table", { class: "options" }, scored.map((reply) => made("tr", { class: reply.logprob === best ? "best" : "" }, [
        made("td", { dir: "auto" }, [reply.asked.trim() || "␣", reply.prompt ? made("small", {}, ` after: ${reply.prompt.at(-1)?.text.slice(-60) ?? ""}`) : ""]), made("td", {}, reply.logprob === null ? "–" : reply.logprob.toFixed(3))]))) : "",
      written.map((reply) => made("div", { class: "said-text" }, reply.error ? `no reply: ${reply.error}` : reply.text || "(nothing)")),
    ];
  };
  const side = (found) => made("div", { class: "side" }, [
    made("div", { class: "who" }, [made("span", {}, found.model), mark(found)]),
    replies(found),
    made("dl", { class: "facts-list" }, [
      ["answer found", found.failed ? "none" : found.extracted], ["why", found.why],
      ["tokens", count(found.replies.reduce((sum, reply) => sum + (reply.tokens ?? 0), 0))], ["cut", found.cut ? "yes, by the limit of tokens" : ""],
      ...Object.entries(found.values ?? {}).map(([name, value]) => [name, `${worth(value, false)}${found.weights?.[name] ? `, weighs ${worth(found.weights[name], false)}` : ""}`]),
    ].filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [made("dt", {}, name), made("dd", { dir: "auto" }, value)])),
  ]);
  let looked = 0;
  const show = async (record) => {
    const mine = ++looked;
    let sides;
    try { sides = await whole(record); } catch (bad) { sides = bad; }
    if (mine !== looked) return;
    if (sides instanceof Error) { view.replaceChildren(made("p", { class: "empty" }, sides.message)); return; }
    const first = sides[0];
    const hasShots = first.prompt?.length > 1 || (first.prompt?.[0]?.text ?? "") !== first.question;
    view.replaceChildren(
      made("div", {}, [made("h4", {}, ["Question", first.group ? ` · ${first.group}` : "", " · ", made("code", {}, first.record)]), made("div", { class: "said-text", dir: "auto" }, first.question || "(nothing: only the choices are scored)")]),
      ...(first.answer ? [made("div", {}, [made("h4", {}, "Right answer"), made("div", { dir: "auto" }, first.answer)])] : []),
      made("div", { class: "sides" }, sides.map(side)),
      ...(hasShots ? [made("details", {}, [made("summary", {}, "The whole prompt, as it was sent"), turns(first.prompt)])] : []),
    );
  };

  let turn = 0;
  const draw = async () => {
    const mine = ++turn;
    let found;
    try { found = await listed(); } catch (bad) { list.replaceChildren(made("li", { class: "empty" }, String(bad.message))); return; }
    if (mine !== turn) return;
    list.replaceChildren(...found.items.map((item, number) => made("li", {}, made("button", {
      type: "button", class: "pick", "data-record": item.record, "aria-current": String(number === state.at), onclick: () => choose(number) },
    [made("span", { class: "marks" }, item.verdicts.map(mark)), made("span", { class: "said" }, item.question || item.answer || item.record)]))));
    if (!found.items.length) list.replaceChildren(made("li", { class: "empty" }, "No item matches."));
    const end = Math.min(found.total, state.start + PAGE);
    pager.replaceChildren(
      made("button", { type: "button", class: "small", disabled: state.start === 0, "aria-label": "Previous page", onclick: () => turnTo(state.start - PAGE) }, "‹"),
      made("span", { role: "status" }, found.total ? `${count(state.start + 1)}–${count(end)} of ${count(found.total)}` : "none"),
      made("button", { type: "button", class: "small", disabled: end >= found.total, "aria-label": "Next page", onclick: () => turnTo(state.start + PAGE) }, "›"));
    if (found.items.length) await show(found.items[Math.min(state.at, found.items.length - 1)].record); else view.replaceChildren();
  };
  const turnTo = (start) => { state.start = Math.max(0, start); state.at = 0; draw(); };
  const choose = (number, focus) => {
    const lines = [...list.querySelectorAll(".pick")];
    if (!lines[number]) return;
    state.at = number;
    lines.forEach((line, at) => line.setAttribute("aria-current", String(at === number)));
    lines[number].scrollIntoView({ block: "nearest" });
    if (focus) lines[number].focus({ preventScroll: true });
    show(lines[number].dataset.record);
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step) { event.preventDefault(); choose(state.at + step, true); }
  });

  const bar = made("div", { class: "dials" });
  const restart = () => { state.start = 0; state.at = 0; draw(); };
  const drawBar = () => {
    const names = having();
    if (!names.includes(state.model)) state.model = names[0];
    if (!names.includes(state.other) || state.other === state.model) state.other = names.find((name) => name !== state.model) ?? "";
    const groups = column(state.column)?.groups ?? [];
    const ways = state.other ? [...WAYS, ...BOTH] : WAYS;
    if (!ways.some(([value]) => value === state.which)) state.which = "all";
    const options = (found) => found.map((name) => [name, name]);
    bar.replaceChildren(
      choice("Task ", options(data.columns.map((each) => each.name)), state.column, (value) => { state.column = value; state.group = ""; drawBar(); restart(); }).label,
      choice("Model ", options(names), state.model, (value) => { state.model = value; drawBar(); restart(); }).label,
      choice("beside ", [["", "none"], ...options(names.filter((name) => name !== state.model))], state.other, (value) => { state.other = value; drawOther(value); restart(); }).label,
      choice("Show ", ways, state.which, (value) => { state.which = value; restart(); }).label,
      ...(groups.length > 1 ? [choice("Group ", [["", "all"], ...options(groups)], state.group, (value) => { state.group = value; restart(); }).label] : []),
      search("Words in question or reply", (text) => { state.find = text; clearTimeout(bar.timer); bar.timer = setTimeout(restart, 200); }),
    );
  };
  const drawOther = (value) => { if (!value && BOTH.some(([way]) => way === state.which)) state.which = "all"; };
  if (!state.column) return;
  const note = live ? "" : made("p", { class: "words" }, [`Of each task, up to ${data.sampled} questions are in this page, half of them such on which the models differ; `, made("code", {}, "lmloop board"), " shows all. "]);
  place.append(...[bar, made("div", { class: "viewer" }, [made("div", { class: "list" }, [list, pager]), view]), note,
    made("p", { class: "words" }, "Arrow keys, or j and k, go from item to item. Numbers beside choices are natural log-probabilities.")].filter(Boolean));
  drawBar();
  draw();
})();
