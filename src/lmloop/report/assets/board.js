/* What the parts of the leaderboard share: the data, how numbers are written, how elements are made. */
const Board = (() => {
  const data = JSON.parse(document.getElementById("board-data").textContent);
  const live = document.body.dataset.live === "yes";
  const SVG = "http://www.w3.org/2000/svg";
  const shades = ["s0", "s1", "s2", "s3", "s4", "s5"];

  const filled = (element, attributes, inside) => {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "style") for (const [key, item] of Object.entries(value)) element.style.setProperty(key, item);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...[inside ?? []].flat(2).filter((part) => part !== undefined && part !== null && part !== ""));
    return element;
  };
  const made = (name, attributes, inside) => filled(document.createElement(name), attributes, inside);
  const drawn = (name, attributes, inside) => filled(document.createElementNS(SVG, name), attributes, inside);
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const count = (number) => number.toLocaleString("en");
  const column = (name) => data.columns.find((each) => each.name === name);
  const cell = (model, name) => data.cells[`${model}\n${name}`];
  const shade = (model) => shades[data.models.findIndex((each) => each.name === model) % shades.length];

  /* A share is written in percent; anything else as it is, from 100 on without a fraction. */
  const worth = (value, share) => value === null || value === undefined ? "–"
    : share ? (100 * value).toFixed(1) : Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(4)));
  const signed = (value, share) => value === null ? "–" : `${value < 0 ? "−" : "+"}${worth(Math.abs(value), share)}`;
  const reach = (found, share) => found.low === null || found.low === found.high ? "" : `${worth(found.low, share)} to ${worth(found.high, share)}`;
  const rate = (number, all) => all ? `${(100 * number / all).toFixed(number && number / all < 0.1 ? 1 : 0)} %` : "–";
  const chances = (p) => p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;

  const choice = (label, options, chosen, changed) => {
    const select = made("select", { onchange: () => changed(select.value) },
      options.map(([value, text]) => made("option", { value, selected: value === chosen }, text)));
    return { label: made("label", {}, [label, select]), select };
  };
  const search = (label, changed) => made("input", { type: "search", placeholder: label, "aria-label": label, oninput: (event) => changed(event.target.value.trim().toLowerCase()) });

  const download = (name, text, type) => {
    const link = made("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const sheet = document.querySelector(".sheet");
  const open = (title, inside) => {
    sheet.replaceChildren(
      made("button", { class: "close", type: "button", "aria-label": "Close", onclick: () => sheet.close() }, "×"),
      made("h3", { id: "sheet-name", dir: "auto" }, title), ...[inside].flat(2).filter(Boolean));
    sheet.showModal();
    sheet.scrollTop = 0;
  };
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });

  const unpack = async (letters) => {
    const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };

  return { data, live, made, drawn, part, count, column, cell, shade, worth, signed, reach, rate, chances, choice, search, download, open, unpack };
})();
