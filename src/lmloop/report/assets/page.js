"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("js");

  /* Theme: auto, light, dark. A page opened from a file may have no storage; then the choice is not kept. */
  const remember = (theme) => { try { localStorage.setItem("lmloop-theme", theme); } catch { /* no storage */ } };
  const remembered = () => { try { return localStorage.getItem("lmloop-theme"); } catch { return null; } };
  const themes = ["auto", "light", "dark"];
  const button = document.querySelector(".theme");
  const wear = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.querySelector("span").textContent = theme;
    button.setAttribute("aria-label", `Theme: ${theme}`);
    button.dataset.now = theme;
  };
  wear(themes.includes(remembered()) ? remembered() : "auto");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(button.dataset.now) + 1) % themes.length];
    wear(next);
    remember(next);
  });

  /* Tooltips: the titles in the charts become ours, which appear at once and can be read. */
  for (const title of all("svg title")) {
    const owner = title.parentElement;
    owner.dataset.tip = title.textContent;
    owner.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  const tip = document.querySelector(".tip");
  const place = (event) => {
    const owner = event.target.closest?.("[data-tip]");
    tip.hidden = !owner;
    if (!owner) return;
    if (tip.textContent !== owner.dataset.tip) tip.textContent = owner.dataset.tip;
    const box = tip.getBoundingClientRect();
    const right = event.clientX + 16 + box.width > innerWidth - 8;
    tip.style.left = `${Math.max(8, right ? event.clientX - 16 - box.width : event.clientX + 16)}px`;
    tip.style.top = `${Math.min(Math.max(8, event.clientY - box.height - 10), innerHeight - box.height - 8)}px`;
  };
  addEventListener("pointermove", place);
  addEventListener("pointerdown", place);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  /* The step in sight is marked in the navigation. */
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const sections = all(".section");
  let here = null;
  const look = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    const now = links.get((passed.at(-1) ?? sections[0])?.id);
    if (now === here) return;
    here?.classList.remove("here");
    here?.removeAttribute("aria-current");
    now?.classList.add("here");
    now?.setAttribute("aria-current", "true");
    here = now;
    const bar = now?.closest("nav");
    if (bar && bar.scrollWidth > bar.clientWidth) bar.scrollTo({ left: now.offsetLeft - bar.clientWidth / 3 });
  };
  addEventListener("scroll", look, { passive: true });
  look();

  /* A button that reads what it will do next. */
  const grower = (after, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "grow";
    made.addEventListener("click", act);
    after.after(made);
    return made;
  };

  /* Long texts are cut short until asked for. */
  for (const text of all(".clamp")) {
    const more = grower(text, () => {
      more.textContent = text.classList.toggle("open") ? "Show less" : "Show all";
    });
    more.textContent = "Show all";
  }

  /* Lists show their first few entries that match, and more when asked. */
  const listing = (items, after, first, matches) => {
    let limit = first;
    const more = grower(after, () => { limit = Infinity; show(); });
    const show = () => {
      const found = items().filter(matches);
      const shown = new Set(found.slice(0, limit));
      for (const item of items()) item.hidden = !shown.has(item);
      more.hidden = found.length <= limit;
      more.textContent = `Show all ${found.length.toLocaleString("en")}`;
      return found.length;
    };
    return { show, restart() { limit = first; return show(); } };
  };
  const holds = (item, search) => !search?.value || item.textContent.toLowerCase().includes(search.value.toLowerCase());

  for (const cards of all(".cards")) {
    const block = cards.closest(".block");
    const search = block.querySelector(".find input");
    const tabs = all(".tabs button", block);
    const empty = block.querySelector(".empty");
    let chosen = "";
    const list = listing(() => all(".card", cards), cards, Number(cards.dataset.shown),
      (card) => (chosen === "" || card.dataset.place === chosen) && holds(card, search));
    const restart = () => { const found = list.restart(); if (empty) empty.hidden = found > 0; };
    for (const tab of tabs) {
      tab.addEventListener("click", () => {
        chosen = tab.dataset.place;
        for (const other of tabs) other.setAttribute("aria-pressed", String(other === tab));
        restart();
      });
    }
    search?.addEventListener("input", restart);
    restart();
  }

  for (const table of all("table")) {
    const body = table.tBodies[0];
    const search = table.closest(".block").querySelector(".find input");
    const list = listing(() => [...body.rows], table.closest(".scroll"), Number(table.dataset.shown),
      (row) => holds(row, search));
    search?.addEventListener("input", list.restart);
    list.restart();
    const heads = all("th", table);
    const worth = (row, column) => {
      const cell = row.cells[column];
      if (!cell) return "";
      return cell.dataset.order === undefined ? cell.textContent : cell.dataset.order === "" ? -Infinity : Number(cell.dataset.order);
    };
    heads.forEach((head, column) => {
      const sort = document.createElement("button");
      sort.type = "button";
      sort.append(...head.childNodes);
      head.append(sort);
      sort.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending" && head.classList.contains("number")
          || head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const order = (left, right) => typeof left === "number" && typeof right === "number"
          ? Math.sign(left - right) || 0 : String(left).localeCompare(String(right));
        const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * order(worth(a, column), worth(b, column)));
        body.append(...rows);
        list.show();
      });
    });
  }

  /* On paper nothing can be opened, so everything that is listed is printed whole. */
  addEventListener("beforeprint", () => {
    for (const text of all(".clamp")) text.classList.add("open");
    for (const folded of all("details")) folded.open = true;
  });
})();
