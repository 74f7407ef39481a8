/* How each column was asked, what of it stood in training data, and the runs that the scores come from. */
(() => {
  const { data, made, part, count, cell, worth, rate } = Board;
  const table = (heads, rows) => made("div", { class: "scroll", tabindex: "0" }, made("table", { class: "board" }, [
    made("thead", {}, made("tr", {}, heads.map((head) => made("th", { scope: "col" }, head)))),
    made("tbody", {}, rows.map((row) => made("tr", {}, row.map((value, number) => made(number ? "td" : "th", number ? {} : { scope: "row" }, value)))))]));
  const told = (value) => value === null || value === undefined || value === "" ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);

  part("protocols")?.append(
    table(["Column", "Metric", "Profile", "Shots", "Questions", "Digest", "Licence"], data.columns.map((each) => [
      each.name, each.metric, told(each.protocol.profile), told(each.protocol.shots), count(each.data.questions ?? 0),
      made("code", {}, told(each.data.digest).slice(0, 12)), [told(each.data.licence), each.data.commercial === false ? " (not for commerce)" : ""]])),
    made("p", { class: "words" }, "Scores stand in one column only if they were asked and judged alike, on the same questions. Click a score for the whole protocol."));

  part("suites")?.append(...data.suites.flatMap((suite) => {
    const entries = Object.keys(Object.values(suite.models)[0].entries);
    const names = Object.keys(suite.models).sort((a, b) => (suite.models[b].total ?? -1) - (suite.models[a].total ?? -1));
    const number = (value) => value === null || value === undefined ? "–" : value.toFixed(2);
    return [made("h3", {}, suite.title), table(["Model", "Average", ...entries], names.map((name) => [name, made("b", {}, number(suite.models[name].total)), ...entries.map((entry) => number(suite.models[name].entries[entry]))])),
      made("p", { class: "words" }, [suite.about, ...(suite.source ? [" ", made("a", { href: suite.source, rel: "noreferrer" }, "Source")] : [])])];
  }));

  const ends = (found, share) => !found ? "–" : [made("b", {}, worth(found.mean, share)), found.low === null ? "" : made("small", {}, ` ${worth(found.low, share)} to ${worth(found.high, share)}`)];
  part("beside")?.append(...data.beside.flatMap((told) => [
    made("h3", {}, told.task),
    table(["Model", ...told.metrics.map((metric) => `${metric.name}${metric.higher ? "" : " (less is better)"}`)],
      Object.entries(told.models).map(([name, found]) => [name, ...told.metrics.map((metric) => ends(found[metric.name], metric.share))])),
    made("p", { class: "words" }, [told.note, " Run card: ", made("code", {}, `lmloop show ${told.run}`)]),
  ]));

  const dirty = part("contamination");
  if (dirty) {
    const rows = data.models.flatMap((model) => data.columns.map((each) => [model.name, each, cell(model.name, each.name)])).filter(([, , found]) => found?.clean);
    const seen = rows.filter(([, , found]) => found.clean.seen);
    const none = rows.length - seen.length;
    dirty.append(
      seen.length ? table(["Model", "Column", "Questions seen", "Score", "Without them", "Training data"], seen.map(([model, each, found]) => [
        model, each.name, `${count(found.clean.seen)} of ${count(found.clean.items)} (${rate(found.clean.seen, found.clean.items)})`,
        worth(found.mean, each.share), found.clean.n ? worth(found.clean.mean, each.share) : "–", made("code", {}, found.clean.read.join(", "))])) : "",
      ...seen.filter(([, , found]) => found.clean.hits.length).map(([model, each, found]) => made("details", {}, [
        made("summary", {}, `${model}, ${each.name}: questions that were seen`),
        table(["Question", "Documents", "One of them", "The words they share"], found.clean.hits.map((hit) => [made("code", {}, hit.record), count(hit.documents), made("code", {}, hit.document), hit.words]))])),
      made("p", { class: "words" }, "For models that were trained here, the training data is known: a question counts as seen where it shares 13 words in a row with it, or where all of a shorter one (8 at least) stands there. Of other models nothing can be said." + (none ? ` No question was seen in ${none} more of the scores whose training data is known.` : "")));
  }

  const runs = part("runs");
  runs?.append(...Object.entries(data.runs).map(([name, run]) => made("div", {}, [
    made("p", {}, [made("code", {}, `lmloop show ${name}`), made("span", { class: "words" }, ` seed ${run.seed}`)]),
    made("ol", { class: "tree" }, run.lineage.map((found) => made("li", { style: { "--depth": found.depth } }, [made("code", {}, found.folder), " ", made("span", {}, [found.use ?? "gone, or the event log", found.recipe ? `, recipe ${found.recipe}` : ""])]))),
  ])));
})();
