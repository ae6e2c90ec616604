// Elements and small charts. Text goes in as text: nothing here reads markup.

import { inSeconds } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element: `el("p", {class: "quiet"}, "text", child)`; null children are left out. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(key, String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A status by word, colour and shape. */
export function mark(state, word) {
  return el("span", { class: `mark ${state}` }, word);
}

/** A link into Airflow's own pages, such as `dags/lane__acme`. */
export function airflow(path, text, key) {
  return el("a", { href: `../${path}`, "data-airflow": path, "data-key": key ?? path }, text);
}

/** A moment to come, whose text the page keeps true: see `countDown`. */
export function until(iso, now) {
  return el("time", { datetime: iso }, inSeconds(iso, now));
}

export function countDown(now) {
  for (const each of document.querySelectorAll("time[datetime]")) {
    const text = inSeconds(each.dateTime, now);
    if (each.textContent !== text) each.textContent = text;
  }
}

/** A table in a region that scrolls by keyboard too; a column is [title, is a number]. */
export function table(label, columns, rows, key) {
  const head = columns.map(([title, right]) =>
    el("th", { scope: "col", class: right ? "right" : null }, title));
  const body = rows.map((cells) =>
    el("tr", {}, cells.map((cell, place) =>
      el(place ? "td" : "th", {
        scope: place ? null : "row",
        class: columns[place][1] ? "right" : null,
      }, cell))));
  return el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0, "data-key": key ?? label },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

/** The closes of an hour as a line; gaps where nothing traded are bridged. */
export function sparkline(closes, label) {
  const known = closes.map((close, at) => [at, close]).filter(([, close]) => close !== null);
  const low = Math.min(...known.map(([, close]) => close));
  const high = Math.max(...known.map(([, close]) => close));
  const y = (close) => high === low ? 12 : 22 - (close - low) / (high - low) * 20;
  const points = known.map(([at, close]) => `${at},${y(close).toFixed(2)}`);
  const width = closes.length - 1;
  const rises = known.length > 1 && known.at(-1)[1] >= known[0][1];
  const picture = svg("svg", {
    viewBox: `0 0 ${width} 24`, preserveAspectRatio: "none", role: "img",
    "aria-label": label, class: `spark ${rises ? "up" : "down"}`,
  });
  if (points.length > 1) {
    picture.append(
      svg("polygon", { points: `${known[0][0]},24 ${points.join(" ")} ${known.at(-1)[0]},24` }),
      svg("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
  } else if (points.length) {
    picture.append(svg("line", { x1: Math.max(0, known[0][0] - 2), x2: known[0][0], y1: 12, y2: 12, "vector-effect": "non-scaling-stroke" }));
  }
  return picture;
}

/** Stacked bars: `series` are lists of one length; the last bar is not whole yet. */
export function bars(series, titles, label) {
  const length = titles.length;
  const totals = titles.map((_, at) => series.reduce((sum, one) => sum + one[at], 0));
  const most = Math.max(...totals, 1);
  const picture = svg("svg", {
    viewBox: `0 0 ${length} 100`, preserveAspectRatio: "none", role: "img",
    "aria-label": label, class: "bars",
  });
  titles.forEach((title, at) => {
    let top = 100;
    const group = svg("g", { class: at === length - 1 ? "partly" : null }, svg("title", {}, title),
      svg("rect", { x: at, y: 0, width: 1, height: 100, class: "ground" }));
    series.forEach((one, place) => {
      const height = one[at] / most * 98;
      top -= height;
      group.append(svg("rect", { x: at + 0.12, y: top.toFixed(2), width: 0.76, height: height.toFixed(2), class: `tone-${place % 6}` }));
    });
    picture.append(group);
  });
  return picture;
}

/** One tick a gate, the newest at the right; its height tells its rows. */
export function ticks(gates, room, label) {
  const most = Math.max(...gates.map((gate) => gate.rows), 1);
  const picture = svg("svg", {
    viewBox: `0 0 ${room} 24`, preserveAspectRatio: "none", role: "img",
    "aria-label": label, class: "ticks",
  });
  gates.forEach((gate, place) => {
    const passed = gate.outcome === "passed";
    const height = passed ? 5 + 17 * Math.sqrt(gate.rows / most) : 24;
    const failed = (gate.failed ?? []).join(", ");
    picture.append(svg("rect", {
      x: room - gates.length + place + 0.15, y: (24 - height).toFixed(2),
      width: 0.7, height: height.toFixed(2), class: `gate-${gate.outcome}`,
    }, svg("title", {}, `${gate.at} ${gate.outcome}, ${gate.rows} rows${failed ? `: ${failed}` : ""}`)));
  });
  return picture;
}
