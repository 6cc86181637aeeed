"use strict";
// The page: reads what to draw from a source (the server, or the data inside an exported file) and draws it.

const FILTERS = ["organization", "project", "environment", "release"];
const PERIODS = [[7, "7 days"], [28, "28 days"], [90, "90 days"]];
const SIGNS = { good: "✓", warn: "!", bad: "×" };
const STATES = { fresh: "good", complete: "good", sampled: "warn", partial: "warn", stale: "warn", capped: "warn", gone: "warn", "left out": "warn" };
const byId = (id) => document.getElementById(id);
const exported = byId("exported");
let source, catalogue, answers = {}, values = {}, generation = "", asked = 0;
let seen = null;

// ---------------------------------------------------------------- where answers come from

const server = {
  live: true,
  async get(path, address) {
    const query = new URLSearchParams(Object.entries(address || {}).filter(([, value]) => value));
    const response = await fetch(path + (String(query) ? "?" + query : ""));
    const body = await response.json();
    if (!response.ok) throw new Error(body.error || response.statusText);
    return body;
  },
  catalogue() { return this.get("catalogue"); },
  view(address) { return this.get("view", address); },
  drill(address) { return this.get("drill", address); },
  async generation() { return (await this.get("generation")).generation; },
};

// asked at once, while the browser still reads Vega
const early = exported ? null : {
  catalogue: server.catalogue(), view: server.view(Object.fromEntries(new URLSearchParams(location.search))),
};
early?.view.catch(() => {}); // said when it is awaited
const vegaIsHere = exported ? null : new Promise((done) => { byId("vega").addEventListener("load", done); });

function file(data) {
  return {
    live: false,
    catalogue: async () => data.catalogue,
    async view(address) {
      const key = JSON.stringify([address.project || "", address.environment || "", String(address.days || data.days)]);
      const view = data.views[key];
      if (!view) throw new Error("This file holds no such view: choose other filters.");
      const found = {};
      for (const [name, at] of Object.entries(view.answers)) found[name] = data.pool[at];
      return { generation: "file", values: view.values, answers: found };
    },
    generation: async () => "file",
  };
}

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// ---------------------------------------------------------------- address

function address() {
  const read = Object.fromEntries(new URLSearchParams(source.live ? location.search : location.hash.slice(1)));
  read.page = catalogue.pages.some((page) => page.name === read.page) ? read.page : "overview";
  return read;
}

function link(change) {
  const next = { ...address(), ...change };
  for (const name of Object.keys(next)) if (!next[name]) delete next[name];
  if (next.page === "overview") delete next.page;
  const query = String(new URLSearchParams(next));
  return source.live ? "?" + query : "#" + query;
}

function go(change, keepScroll = true) {
  history.pushState(null, "", link(change));
  show(keepScroll);
}

// ---------------------------------------------------------------- words and numbers

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const decimal = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const fraction = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2 });
const inUtc = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const dayWords = inUtc({ day: "numeric", month: "short", year: "numeric" });
const timeWords = inUtc({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const FORMATS = {
  count: (value) => (Math.abs(value) >= 1e7 ? short : number).format(value),
  decimal: (value) => (Math.abs(value) < 1 ? fraction : decimal).format(value),
  percent: (value) => (value * 100).toFixed(value > 0.99 && value < 1 ? 2 : 1) + " %",
  percent0: (value) => Math.round(value * 100) + " %",
  change: (value) => percentage(value),
  day: (value) => dayWords.format(new Date(value)),
  time: (value) => timeWords.format(new Date(value)),
};

function signed(value) {
  const size = Math.abs(value);
  return (value > 0 ? "+" : value < 0 ? "−" : "±") + (size >= 10 ? number.format(size) : decimal.format(size));
}

function percentage(change) {
  return change >= 10 ? `×${number.format(change + 1)}` : signed(change * 100) + " %";
}

function hours(value) {
  if (value < 1) return [number.format(value * 60), "min"];
  if (value < 48) return [decimal.format(value), "h"];
  return [decimal.format(value / 24), "days"];
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

function records(answer) {
  return answer.rows.map((row) => Object.fromEntries(answer.columns.map((name, i) => [name, row[i]])));
}

function safeLink(url) {
  return typeof url === "string" && /^https?:\/\//.test(url) ? url : null;
}

function notFollowed(follows) {
  const chosen = address();
  const missing = ["project", "environment", "release"].filter((name) => chosen[name] && !follows.includes(name));
  return missing.length ? `for every ${missing.join(" and ")}` : "";
}

// ---------------------------------------------------------------- colours

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
}

function coloured(value) {
  if (typeof value === "string" && value.startsWith("@")) {
    const days = { start: Date.parse(values.start), end: Date.parse(values.end) + 864e5 - 1 };
    return { ...catalogue.theme[isDark() ? "dark" : "light"].colors, ...days }[value.slice(1)] || value;
  }
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, coloured(part)]));
  }
  return value;
}

// ---------------------------------------------------------------- frame of the page

function drawPages() {
  const page = address().page;
  byId("pages").replaceChildren(...catalogue.pages.map(({ name, title }) => element("a", {
    href: link({ page: name }), "aria-current": name === page ? "page" : null,
    onclick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      go({ page: name }, false);
    },
  }, title)));
  document.title = `${catalogue.pages.find((entry) => entry.name === page).title} · Sentry Warehouse`;
}

function choice(name, label, options, all) {
  const chosen = address()[name] || "";
  if (chosen && !options.some((option) => option.value === chosen)) options = [{ value: chosen, label: chosen }, ...options];
  return element("label", {}, label, element("select", {
    name, class: chosen ? "set" : null, onchange: (event) => go({ [name]: event.target.value }),
  }, element("option", { value: "" }, all), options.map((option) => element("option", {
    value: option.value, selected: option.value === chosen,
  }, option.label))));
}

function drawFilters() {
  const offers = catalogue.offers, now = address();
  const plain = (list) => (list || []).map((value) => ({ value, label: value }));
  const parts = [];
  if ((offers.organizations || []).length > 1) {
    parts.push(choice("organization", "Organization", offers.organizations, "All organizations"));
  }
  parts.push(choice("project", "Project", plain(offers.projects), "All projects"));
  parts.push(choice("environment", "Environment", plain(offers.environments), "All environments"));
  if (source.live) {
    parts.push(element("label", {}, "Release", element("input", {
      name: "release", list: "releases", value: now.release || "", placeholder: "All releases", autocomplete: "off",
      class: now.release ? "set" : null, size: 22,
      onchange: (event) => go({ release: event.target.value.trim() }),
    }), element("datalist", { id: "releases" }, plain(offers.releases).map((option) => element("option", option)))));
  }
  const days = now.from || now.to ? null : Number(now.days || 28);
  parts.push(element("fieldset", { class: "wide" }, element("legend", {}, "Days (UTC)"), element("div", { class: "segment" },
    PERIODS.map(([count, label]) => element("button", {
      type: "button", name: `days-${count}`, "aria-pressed": String(days === count),
      onclick: () => go({ days: count === 28 ? "" : String(count), from: "", to: "" }),
    }, label)))));
  if (source.live) {
    for (const [name, label, value] of [["from", "From", values.start], ["to", "To", values.end]]) {
      parts.push(element("label", {}, label, element("input", {
        type: "date", name, value: value || "", class: now[name] ? "set" : null, max: (offers.as_of || "").slice(0, 10) || null,
        onchange: (event) => {
          if (!event.target.value) return;
          const pair = { from: values.start, to: values.end, [name]: event.target.value };
          if (pair.from > pair.to) pair[name === "from" ? "to" : "from"] = event.target.value;
          go({ ...pair, days: "" });
        },
      })));
    }
  }
  if (FILTERS.some((name) => now[name]) || now.from || now.to || now.days) {
    parts.push(element("button", {
      type: "button", class: "quiet reset", onclick: () => go({ organization: "", project: "", environment: "", release: "", days: "", from: "", to: "" }),
    }, "Reset"));
  }
  const held = document.activeElement && document.activeElement.getAttribute("name");
  byId("filters").replaceChildren(...parts);
  if (held) byId("filters").querySelector(`[name="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function counted(count, noun) {
  return `${number.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function fact(mark, ...words) {
  return element("span", { class: "fact" }, mark ? element("span", { class: `mark ${mark}`, "aria-hidden": "true" }, SIGNS[mark]) : null,
    element("span", {}, ...words));
}

function drawStrip() {
  const [row] = records(answers.strip);
  if (!row || !row.as_of) {
    byId("strip").replaceChildren(fact("warn", "No run is finished yet."));
    return;
  }
  const age = (Date.now() - new Date(row.as_of)) / 3600e3;
  const dataPage = (text) => element("a", { href: link({ page: "data" }), onclick: (event) => { event.preventDefault(); go({ page: "data" }, false); } }, text);
  const old = source.live && age > 36;
  const parts = [fact(old ? "warn" : "good",
    `Data up to ${timeWords.format(new Date(row.as_of))} UTC${old ? `, ${number.format(Math.round(age / 24))} days ago` : ""}`)];
  parts.push(row.fresh_tables === row.tables
    ? fact("good", `${row.tables} of ${counted(row.tables, "table")} fresh`)
    : fact("warn", dataPage(`${row.fresh_tables} of ${counted(row.tables, "table")} fresh`), ` – not ${row.late_tables}`));
  if (row.expected) {
    const missing = row.expected - row.loaded;
    parts.push(missing > 0
      ? fact("warn", dataPage(`${number.format(missing)} of ${counted(row.expected, "event")} missing in these days`))
      : fact("good", `${counted(row.expected, "event")} counted by Sentry, all here`));
  }
  if (row.days) {
    const open = row.days - row.complete_days;
    parts.push(open > 0
      ? fact("warn", dataPage(`${number.format(open)} of ${counted(row.days, "table-day")} not proven complete`))
      : fact("good", "every day proven complete"));
  }
  byId("strip").replaceChildren(...parts);
}

// ---------------------------------------------------------------- tiles

function sparkline(points) {
  const known = points.map((y, x) => [x, y]).filter(([, y]) => y !== null);
  if (known.length < 3) return null;
  const low = Math.min(...known.map(([, y]) => y)), high = Math.max(...known.map(([, y]) => y));
  const place = ([x, y]) => `${(x / (points.length - 1) * 100).toFixed(1)},${(high === low ? 15 : 27 - (y - low) / (high - low) * 24).toFixed(1)}`;
  const line = "M" + known.map(place).join("L");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const last = known[known.length - 1][0] / (points.length - 1) * 100, first = known[0][0] / (points.length - 1) * 100;
  for (const [kind, d] of [["area", `${line}L${last},30L${first},30Z`], ["line", line]]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", kind);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function tileWords(row) {
  if (row.value === null) return { value: "–", unit: "", change: null };
  if (row.format === "hours") {
    const [value, unit] = hours(row.value);
    return { value, unit, change: row.previous ? row.value / row.previous - 1 : null, words: percentage };
  }
  if (row.format === "percent") {
    return {
      value: (row.value * 100).toFixed(row.value > 0.9 && row.value < 1 ? 2 : 1), unit: "%",
      change: row.previous === null ? null : Math.round((row.value - row.previous) * 1e4) / 1e4, // what is shown is judged
      words: (c) => (c > 0 ? "+" : c < 0 ? "−" : "±") + Math.abs(c * 100).toFixed(2) + " points",
    };
  }
  return {
    value: (row.value >= 1e6 ? short : number).format(row.value), unit: "",
    change: row.previous ? row.value / row.previous - 1 : null, words: percentage,
  };
}

function drawTiles() {
  byId("tiles").hidden = address().page === "data";
  byId("tiles").replaceChildren(...records(answers.tiles).map((row) => {
    const { value, unit, change, words } = tileWords(row);
    let verdict = "";
    if (change) verdict = (change > 0) === (row.better === "up") ? "better" : "worse";
    const note = notFollowed(row.follows.split(", "));
    return element("article", { class: "tile", "data-tile": row.tile, "data-value": row.value },
      element("h3", {}, row.title),
      element("div", { class: "value" }, value, unit ? element("small", {}, unit) : null),
      element("div", { class: "change" },
        change === null || change === undefined
          ? (row.tile === "open_issues" ? "as of the newest run" : row.value === null ? "no data in these days" : row.previous === null ? "nothing to compare with" : "none in the days before")
          : [element("b", { class: verdict }, words(change)), " on days before"]),
      note ? element("div", { class: "note" }, note) : null,
      row.trend && row.value !== null ? sparkline(row.trend) : null);
  }));
}

// ---------------------------------------------------------------- cards

function drawCards() {
  const page = address().page;
  if (seen) seen.disconnect();
  seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      fill(entry.target);
    }
  }, { rootMargin: "300px" });
  const charts = catalogue.charts.filter((chart) => chart.pages.includes(page));
  const container = byId("cards");
  const kept = new Map([...container.children].map((card) => [card.dataset.chart, card]));
  const cards = charts.map((chart) => {
    const card = kept.get(chart.name) || makeCard(chart);
    card.chart = chart;
    return card;
  });
  if (cards.some((card, i) => container.children[i] !== card) || container.children.length !== cards.length) {
    container.replaceChildren(...cards);
  }
  for (const card of cards) {
    const note = [notFollowed(card.chart.follows), card.chart.follows_dates ? "" : "as of the newest run"].filter(Boolean);
    card.querySelector(".note").textContent = note.join(", ").replace(/^./, (letter) => letter.toUpperCase());
    card.querySelector(".note").hidden = !note.length;
    card.querySelector(".note").classList.toggle("warned", Boolean(note[0] && card.chart.follows_dates));
    card.dataset.drawn = "";
    seen.observe(card);
  }
}

function makeCard(chart) {
  const about = element("div", { class: "about", id: `about-${chart.name}`, hidden: true });
  const card = element("section", {
    class: `card ${chart.size}${chart.table ? " tabular" : ""}`, "data-chart": chart.name, "aria-labelledby": `title-${chart.name}`,
  },
  element("header", {},
    element("div", {}, element("h2", { id: `title-${chart.name}` }, chart.title),
      element("p", { class: "question" }, chart.question), element("p", { class: "note", hidden: true })),
    element("button", {
      type: "button", class: "quiet about-button", "aria-expanded": "false", "aria-controls": `about-${chart.name}`,
      onclick: (event) => {
        about.hidden = !about.hidden;
        event.currentTarget.setAttribute("aria-expanded", String(!about.hidden));
        if (!about.hidden) fillAbout(card);
      },
    }, "About")),
  element("div", { class: "chart" }), about);
  return card;
}

async function fill(card) {
  const { chart } = card, answer = answers[chart.name], place = card.querySelector(".chart");
  if (!answer) return;
  if (card.view) { card.view.finalize(); card.view = null; }
  const rows = records(answer);
  if (!card.querySelector(".about").hidden) fillAbout(card);
  if (!rows.length) {
    place.className = "chart own-height";
    place.removeAttribute("role");
    place.replaceChildren(element("div", { class: "empty" }, element("span", {}, chart.empty)));
  } else if (chart.table) {
    place.replaceChildren(table(chart.table.columns, rows));
  } else {
    await plot(card, place, rows);
  }
  card.dataset.drawn = rows.length ? "yes" : "empty";
}

async function plot(card, place, rows) {
  const { chart } = card;
  const width = Math.floor(place.getBoundingClientRect().width);
  const spec = coloured({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...chart.spec, width: "container",
    height: chart.spec.height || 236, autosize: { type: "fit", contains: "padding", resize: true },
    data: { values: rows },
  });
  if (spec.height.step) { // Vega-Lite warns of steps in a container
    const lines = new Set(rows.map((row) => row[chart.spec.encoding.y.field])).size;
    Object.assign(spec, { height: spec.height.step * lines, autosize: { type: "fit-x", contains: "padding" } });
  }
  place.className = chart.spec.height ? "chart own-height" : "chart";
  keepPresent(spec, rows);
  const config = coloured(catalogue.theme.config);
  if (width < 420) config.legend = { ...config.legend, columns: 2 };
  await vegaIsHere;
  place.replaceChildren();
  const made = await vegaEmbed(place, spec, {
    config, actions: false, renderer: "svg", tooltip: { theme: isDark() ? "dark" : "light" },
    loader: { load: () => Promise.reject(new Error("nothing is loaded from elsewhere")) },
  });
  card.view = made;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `${chart.title}: ${counted(rows.length, "value")}. About shows them as a table.`);
  if (chart.drill && source.drill) {
    made.view.addEventListener("click", (event, item) => { if (item && item.datum) drill(chart, item.datum); });
  }
}

// a legend names what is drawn, not all that could be
function keepPresent(spec, rows) {
  for (const part of [spec, ...(spec.layer || [])]) {
    for (const channel of ["color", "strokeDash"]) {
      const scale = part.encoding?.[channel]?.scale;
      if (!Array.isArray(scale?.domain) || !Array.isArray(scale.range)) continue;
      const present = new Set(rows.map((row) => row[part.encoding[channel].field]));
      const pairs = scale.domain.map((value, i) => [value, scale.range[i]]).filter(([value]) => present.has(value));
      part.encoding[channel].scale = { ...scale, domain: pairs.map(([value]) => value), range: pairs.map(([, colour]) => colour) };
    }
  }
}

function table(columns, rows) {
  const largest = Object.fromEntries(columns.filter((column) => column.bar)
    .map((column) => [column.field, Math.max(...rows.map((row) => Number(row[column.field]) || 0), 1e-9)]));
  const isNumber = (column) => column.format && !["day", "time"].includes(column.format);
  const css = (column) => [isNumber(column) ? "number" : "", column.hide === "phone" ? "phone-hide" : "",
    column.wrap || column.under ? "" : "nowrap"].filter(Boolean).join(" ");
  return element("table", {},
    element("thead", {}, element("tr", {}, columns.map((column) => element("th", { scope: "col", class: css(column) }, column.title)))),
    element("tbody", {}, rows.map((row) => element("tr", {}, columns.map((column) => element("td", { class: css(column) }, cell(column, row, largest)))))));
}

function cell(column, row, largest) {
  const value = row[column.field];
  if (value === null || value === undefined || value === "") return column.null && value === null ? column.null : "–";
  const text = column.format ? FORMATS[column.format](value) : String(value);
  if (column.state) {
    const mark = STATES[value] || "bad";
    return element("span", { class: "state" }, element("span", { class: `mark ${mark}`, "aria-hidden": "true" }, SIGNS[mark]), text);
  }
  if (column.better && value) return element("span", { class: (value > 0) === (column.better === "up") ? "better" : "worse" }, text);
  if (column.warn && value < column.warn) return element("span", { class: "worse" }, text);
  if (column.bar) {
    return element("span", { class: "withbar" }, element("i", { "aria-hidden": "true" },
      element("span", { style: `width:${Math.max(value / largest[column.field] * 100, 1).toFixed(1)}%` })), text);
  }
  const url = column.link && safeLink(row[column.link]);
  const main = url ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text;
  if (!column.under) return main;
  return [main, column.badge && row[column.badge] ? element("span", { class: "badge" }, "new") : null,
    element("span", { class: "under", title: row[column.under] }, row[column.under] || "")];
}

// ---------------------------------------------------------------- what stands behind a card

function withValues(sql, bound) {
  const open = (name) => bound[name] === undefined || bound[name] === null;
  const asked = sql.replace(/\n\s+and \(\$([a-z_]+) is null or [^\n]*\)(?=\n)/g, (line, name) => (open(name) ? "" : line));
  return asked.replace(/\$([a-z_]+)/g, (_, name) => {
    const value = bound[name];
    if (open(name)) return "null::varchar";
    return /_?(start|end)$/.test(name) ? `date '${value}'` : `'${String(value).replace(/'/g, "''")}'`;
  });
}

function fillAbout(card) {
  const { chart } = card, answer = answers[chart.name];
  const sql = withValues(chart.sql, values);
  const rows = answer ? records(answer) : [];
  const columns = (answer ? answer.columns : []).map((field) => ({ field, title: field }));
  const copy = element("button", {
    type: "button", class: "quiet about-button",
    onclick: async (event) => {
      const button = event.currentTarget;
      await navigator.clipboard.writeText(sql);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    },
  }, "Copy");
  const data = element("div", { class: "data", tabindex: "0", role: "region", "aria-label": `${chart.title}, data` });
  const listed = table(columns, rows.slice(0, 300));
  if (chart.drill && source.drill) {
    listed.querySelector("tr").append(element("th", { scope: "col" }, "behind it"));
    listed.querySelectorAll("tbody tr").forEach((line, i) => line.append(element("td", {}, element("button", {
      type: "button", class: "quiet", onclick: () => drill(chart, rows[i]),
    }, "Issues"))));
  }
  data.append(listed);
  card.querySelector(".about").replaceChildren(
    element("p", {}, chart.definition),
    element("div", { class: "row" }, element("h3", {}, `SQL on published/sentry.duckdb${answer && answer.ms ? ` · ${answer.ms} ms` : ""}`), copy),
    element("pre", { tabindex: "0" }, sql),
    element("div", { class: "row" }, element("h3", {}, `Data · ${counted(rows.length, "row")}${rows.length > 300 ? ", the first 300" : ""}`)),
    data);
}

const DRILL_COLUMNS = {
  issue: { title: "Issue", link: "permalink", under: "title" }, project: { title: "Project" }, events: { title: "Events", format: "count" },
  days: { title: "Days", format: "decimal" }, age_days: { title: "Age, days", format: "count" }, status: { title: "Status", hide: "phone" },
  happened_at: { title: "When (UTC)", format: "time" }, resolved_at: { title: "Resolved (UTC)", format: "time", hide: "phone" },
  last_seen: { title: "Last seen", format: "day", hide: "phone" },
};

async function drill(chart, datum) {
  const fields = answers[chart.name].columns.filter((name) => catalogue.drills[chart.drill].includes(`$clicked_${name}`));
  const clicked = {}, words = [];
  for (const name of fields) {
    let value = datum[name];
    if (value === undefined || value === null || /^(other |everybody else)/.test(value)) continue;
    if (typeof value === "number" || value instanceof Date) value = new Date(value).toISOString().slice(0, 10);
    clicked[`clicked_${name}`] = value;
    words.push(/^\d{4}-\d\d-\d\d$/.test(value) ? (name === "week" ? "week from " : "") + dayWords.format(new Date(value)) : value);
  }
  const dialog = byId("drill");
  const put = (...parts) => dialog.replaceChildren(element("header", {},
    element("div", {}, element("h2", { id: "drill-title" }, "Issues behind: " + (words.join(", ") || "all")), element("p", {}, chart.title)),
    element("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close")), element("div", { class: "inner" }, ...parts));
  put("Loading …");
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await source.drill({ ...address(), drill: chart.drill, ...clicked });
    const rows = records(answer);
    const columns = answer.columns.filter((name) => DRILL_COLUMNS[name]).map((field) => ({ field, ...DRILL_COLUMNS[field] }));
    put(rows.length ? table(columns, rows) : element("div", { class: "empty" }, "No issue found."));
  } catch (error) {
    put(element("div", { class: "empty" }, error.message));
  }
}

// ---------------------------------------------------------------- the whole

function complain(text) {
  byId("message").textContent = text || "";
  byId("message").hidden = !text;
}

async function show(keepScroll = true, asking = source.view(address())) {
  const turn = ++asked;
  const began = performance.now();
  drawPages();
  byId("main").classList.add("busy");
  try {
    const view = await asking;
    if (turn !== asked) return;
    ({ answers, values, generation } = view);
    complain("");
  } catch (error) {
    if (turn !== asked) return;
    complain(error.message);
    byId("tiles").replaceChildren();
    byId("cards").replaceChildren();
    byId("strip").replaceChildren();
    drawFilters();
    return;
  } finally {
    if (turn === asked) byId("main").classList.remove("busy");
  }
  drawFilters();
  drawStrip();
  drawTiles();
  drawCards();
  if (!keepScroll) window.scrollTo(0, 0);
  byId("footer").textContent = `${dayWords.format(new Date(values.start))} to ${dayWords.format(new Date(values.end))}, compared with `
    + `${dayWords.format(new Date(values.previous_start))} to ${dayWords.format(new Date(values.previous_end))}. All days and hours are UTC.`;
  await ready();
  document.documentElement.dataset.ready = String(Math.round(performance.now() - began));
}

async function ready() {
  const inSight = () => [...document.querySelectorAll(".card")].filter((card) => {
    const box = card.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0 && !card.dataset.drawn;
  });
  for (let i = 0; i < 200 && inSight().length; i++) await new Promise((done) => setTimeout(done, 10));
}

async function watch() {
  try {
    const now = await source.generation();
    if (now && now !== generation) {
      catalogue = await source.catalogue();
      await show();
    }
  } catch (error) { /* the server is away for a moment: asked again */ }
}

async function start() {
  setTheme(localStorageGet("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (!localStorageGet("theme")) { setTheme(event.matches ? "dark" : "light"); drawCards(); }
  });
  byId("theme").addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    try { localStorage.setItem("theme", isDark() ? "dark" : "light"); } catch (error) { /* not kept, then */ }
    if (catalogue) drawCards();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("drill").addEventListener("click", (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (Math.abs(innerWidth - width) < 2) return;
    width = innerWidth;
    clearTimeout(start.resizing);
    start.resizing = setTimeout(() => { if (catalogue && answers.tiles) drawCards(); }, 200);
  });
  if (exported) (0, eval)(await unpack("exported-vega")); // the bundle that the server sends as a file
  source = exported ? file(JSON.parse(await unpack("exported"))) : server;
  catalogue = await (early ? early.catalogue : source.catalogue());
  addEventListener(source.live ? "popstate" : "hashchange", () => show());
  if (!source.live) addEventListener("popstate", () => show());
  await show(true, early?.view);
  document.documentElement.dataset.opened = String(Math.round(performance.now()));
  if (source.live) setInterval(watch, 5000);
}

function localStorageGet(name) {
  try { return localStorage.getItem(name); } catch (error) { return null; }
}

start().catch((error) => complain(error.message));
