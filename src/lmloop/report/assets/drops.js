(() => {
  /* The rows of a reason are unpacked when they are first looked at, and drawn a page at a time. */
  const PAGE = 10;
  const count = (number) => number.toLocaleString("en");
  const short = (value) => Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
  const made = (name, kind, text) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const unpack = async (letters) => {
    const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };

  const listed = (packed, about) => packed.id.map((id, place) => ({
    id,
    about,
    place,
    source: packed.source[0][packed.source[1][place]],
    language: packed.language[0][packed.language[1][place]],
    detail: packed.detail[0][packed.detail[1][place]],
    value: packed.value[place],
    text: packed.text[place],
    spans: packed.spans[place] ?? [],
  }));

  const gauge = (row) => {
    const judged = made("span", "judged");
    if (row.about.bound !== 0) {
      const bar = made("span", "gauge");
      const fill = made("i");
      fill.style.width = `${Math.min(100, Math.max(0, 60 * row.value / row.about.bound))}%`;
      bar.append(fill);
      judged.append(bar);
    }
    const words = made("span", "", `${row.about.statistic} `);
    words.append(made("b", "", short(row.value)), ` ${row.about.low ? "<" : ">"} ${short(row.about.bound)}`);
    judged.append(words);
    return judged;
  };

  /* Stretches of the text to mark: what was searched for, or else what the row was dropped for. */
  const stretches = (row, wanted) => {
    if (!wanted) return row.spans.map(([start, stop]) => [start, stop, ""]);
    const found = [];
    const lower = row.text.toLowerCase();
    for (let at = lower.indexOf(wanted); at >= 0 && found.length < 100; at = lower.indexOf(wanted, at + wanted.length)) {
      found.push([at, at + wanted.length, "hit"]);
    }
    return found;
  };

  /* Places count characters as Python does, and searches those of this language: only the first need care. */
  const marked = (row, wanted) => {
    const prose = made("div", "prose closed");
    prose.dir = "auto";
    const letters = wanted ? row.text : [...row.text];
    const cut = (from, to) => wanted ? letters.slice(from, to) : letters.slice(from, to).join("");
    let done = 0;
    for (const [start, stop, kind] of stretches(row, wanted)) {
      if (start < done) continue;
      prose.append(cut(done, start), made("mark", kind, cut(start, stop)));
      done = stop;
    }
    prose.append(cut(done));
    return prose;
  };

  const drawn = (row, wanted, everything) => {
    const item = made("li", "drop");
    const facts = made("p", "facts");
    if (everything) facts.append(made("span", "why", `${row.about.op}: ${row.about.reason}`));
    if (row.value !== null && row.about.bound !== null) facts.append(gauge(row));
    if (row.source) facts.append(made("span", "from", row.source));
    for (const fact of [row.detail, row.language]) if (fact) facts.append(made("span", "", fact));
    facts.append(made("code", "", row.id));
    item.append(facts);
    if (row.text === undefined) {
      item.append(made("p", "cut", "its text is not in this page"));
      return item;
    }
    const prose = marked(row, wanted);
    item.append(prose);
    return item;
  };

  /* Only a text that is cut short has a button to read on; that is known once it is on the page. */
  const open = (rows) => {
    for (const prose of rows.querySelectorAll(".prose.closed")) {
      if (prose.scrollHeight <= prose.clientHeight + 4) continue;
      prose.classList.add("over");
      const more = made("button", "grow", "Show all");
      more.type = "button";
      more.addEventListener("click", () => {
        more.textContent = prose.classList.toggle("closed") ? "Show all" : "Show less";
        prose.classList.toggle("over");
      });
      prose.after(more);
    }
  };

  const browse = (home) => {
    const get = (selector) => home.querySelector(selector);
    const buttons = [...home.querySelectorAll(".reasons button")];
    const [pick, search, order, told, rows] = [".pick", ".find input", ".order", ".told", ".rows"].map(get);
    const [back, next, where] = [".back", ".next", ".pager span"].map(get);
    const abouts = new Map(buttons.filter((button) => button.dataset.place).map(({ dataset }) => [dataset.place, {
      op: dataset.op, reason: dataset.reason, statistic: dataset.statistic, low: dataset.low === "1",
      bound: dataset.bound === "" ? null : Number(dataset.bound), count: Number(dataset.count), carried: Number(dataset.carried),
    }]));
    const unpacked = new Map();
    let chosen = abouts.keys().next().value ?? "";
    let first = 0;
    let found = [];

    const load = (place) => {
      if (!unpacked.has(place)) {
        const letters = home.querySelector(`.packed[data-place="${place}"]`).textContent;
        unpacked.set(place, unpack(letters).then((packed) => listed(packed, abouts.get(place))));
      }
      return unpacked.get(place);
    };

    const draw = () => {
      const wanted = search.value.trim().toLowerCase();
      rows.replaceChildren(...found.slice(first, first + PAGE).map((row) => drawn(row, wanted, chosen === "")));
      open(rows);
      back.disabled = first === 0;
      next.disabled = first + PAGE >= found.length;
      where.textContent = found.length ? `${count(first + 1)} to ${count(Math.min(first + PAGE, found.length))} of ${count(found.length)}` : "";
      if (!found.length) rows.append(made("li", "empty", "No row matches."));
    };

    const tell = (all) => {
      const about = abouts.get(chosen);
      told.replaceChildren();
      const total = about ? about.count : all.length;
      told.append(made("b", "", count(total)), ` ${total === 1 ? "row" : "rows"} dropped`);
      if (about?.bound !== null && about) {
        told.append(` by ${about.op} because ${about.statistic} ${about.low ? "is below" : "is above"} `, made("b", "", short(about.bound)));
      } else if (about) told.append(` by ${about.op}: ${about.reason}`);
      if (about && about.carried < about.count) told.append(`; ${count(about.carried)} of them are in this page`);
      const texts = all.filter((row) => row.text !== undefined).length;
      if (texts < all.length) told.append(`; ${count(texts)} with a text`);
    };

    const distance = (row) => row.value === null || row.about.bound === null ? 0 : Math.abs(row.value - row.about.bound) / (Math.abs(row.about.bound) || 1);
    const sorted = (all) => {
      if (order.value === "corpus") return all;
      const sign = order.value === "near" ? 1 : -1;
      const bare = (row) => row.text === undefined ? 1 : 0;
      return all.map((row) => [bare(row), sign * distance(row), row])
        .sort((left, right) => left[0] - right[0] || left[1] - right[1]).map((entry) => entry[2]);
    };

    let asked = 0;
    const show = async () => {
      const mine = ++asked;
      const places = chosen === "" ? [...abouts.keys()] : [chosen];
      let all;
      try {
        all = (await Promise.all(places.map(load))).flat();
      } catch {
        told.textContent = "This browser cannot unpack the rows: it is too old. lmloop show RUN --dropped lists them.";
        return;
      }
      if (mine !== asked) return;
      const wanted = search.value.trim().toLowerCase();
      const holds = (row) => [row.text, row.source, row.detail, row.language, row.id].some((each) => each?.toLowerCase().includes(wanted));
      found = sorted(wanted ? all.filter(holds) : all);
      first = 0;
      tell(all);
      draw();
    };

    const choose = (place) => {
      chosen = place;
      pick.value = place;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.place === place));
      show();
    };
    const turn = (pages) => {
      const there = first + pages * PAGE;
      if (there < 0 || there >= found.length) return;
      first = there;
      draw();
      if (told.getBoundingClientRect().top < 0) told.scrollIntoView({ block: "start" });
    };

    for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.place));
    pick.addEventListener("change", () => choose(pick.value));
    order.addEventListener("change", show);
    let waiting;
    search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 150); });
    back.addEventListener("click", () => turn(-1));
    next.addEventListener("click", () => turn(1));
    home.addEventListener("keydown", (event) => {
      if (event.target.matches("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowRight") turn(1);
      else if (event.key === "ArrowLeft") turn(-1);
      else if (event.key === "/") search.focus();
      else return;
      event.preventDefault();
    });

    /* Nothing is unpacked before it comes near to the screen. */
    const near = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      choose(chosen);
    }, { rootMargin: "1200px" });
    near.observe(home);
  };

  for (const home of document.querySelectorAll("div.browser")) browse(home);
})();
