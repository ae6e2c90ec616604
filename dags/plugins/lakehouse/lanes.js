// A card for each lane: layers, gate history, accounts, runs.

import { airflow, el, mark, ticks, until } from "./draw.js";
import { clock, count, span } from "./words.js";

const GATES = 90;
const OUTCOMES = { passed: "good", warning: "warning", closed: "bad", error: "bad", failed: "bad", success: "good" };

export function lane(exchange, part, context) {
  const told = part.told;
  const title = el("h3", {}, el("i", { class: `tone-${context.tones.get(exchange.toUpperCase()) % 6}` }),
    airflow(`dags/lane__${exchange}`, exchange, `lane ${exchange}`));
  if (!told) {
    const why = part.error ?? "being asked";
    return el("article", { class: "card" }, el("header", {}, title),
      el("p", { class: part.error ? "trouble" : "empty" }, why));
  }
  return el("article", { class: "card" },
    el("header", {}, title, standing(told)),
    part.error ? el("p", { class: "trouble" }, `Not newer, because: ${part.error}`) : null,
    el("ol", { class: "layers" }, Object.entries(told.layers).map(([name, layer]) =>
      one(name, layer, context.bars[name], part.age_s))),
    gateStrip(exchange, context.gates),
    accounts(exchange, context.accounting),
    facts(told, context.now));
}

function standing(told) {
  const gate = told.last_gate?.outcome;
  if (gate === "closed") return mark("bad", "closed");
  if (gate === "error") return mark("bad", "gate in error");
  if (told.paused) return mark("warning", "paused");
  if (told.last_run === "failed") return mark("bad", "last run failed");
  return told.last_run ? mark("good", "running") : mark("none", "no run yet");
}

function one(name, layer, bar, age) {
  const fresh = layer.freshness_s;
  const [state, word] = fresh === null ? ["none", "no rows"]
    : fresh <= bar[0] ? ["good", "fresh"]
    : fresh <= bar[1] ? ["warning", "late"] : ["bad", "stale"];
  return el("li", {},
    el("p", { class: "layer" }, name),
    el("p", { class: "rows" }, count(layer.rows), el("span", { class: "quiet" }, " rows")),
    el("p", {}, mark(state, word), fresh === null ? null
      : el("span", { class: "fresh", title: `newest row ${layer.newest}` }, span(fresh))),
    el("p", { class: "quiet" }, `commit ${clock(layer.last_commit)}`));
}

function gateStrip(exchange, part) {
  const mine = part.told?.find((each) => each.exchange === exchange);
  const recent = mine?.recent ?? [];
  if (!recent.length) {
    return el("p", { class: "strip quiet" }, part.error ? `Gates: ${part.error}` : "No gate has been held yet.");
  }
  const passed = recent.filter((gate) => gate.outcome === "passed").length;
  const last = recent.at(-1);
  const label = `${passed} of the last ${recent.length} gates passed; the last one: ${last.outcome}`;
  return el("div", { class: "strip" },
    ticks(recent, GATES, label),
    el("p", {}, el("span", { class: "quiet" }, "gates "), `${passed} of ${recent.length} passed`,
      el("span", { class: "quiet" }, ` since ${clock(recent[0].at, false)}, last `),
      mark(OUTCOMES[last.outcome] ?? "none", last.outcome)));
}

function accounts(exchange, part) {
  const row = part.told?.find((each) => each.exchange === exchange.toUpperCase());
  if (!row) {
    return el("p", { class: "quiet" }, part.error ? `Accounts: ${part.error}` : "No batch has been accounted yet.");
  }
  const sum = (left, ...right) => el("tr", {}, el("th", { scope: "row" }, left[0]), el("td", { class: "right" }, count(left[1])),
    el("td", { class: "terms" }, right.map(([name, value], place) =>
      [place ? " + " : "= ", el("b", {}, count(value)), ` ${name}`]).flat()));
  return el("div", { class: "accounts" },
    el("table", {}, el("caption", {}, "rows in = rows out ",
      row.lost ? mark("bad", `${count(row.lost)} lost`) : mark("good", "balanced")),
      el("tbody", {},
        sum(["bronze", row.bronze_rows], ["silver", row.silver_rows], ["dead letters", row.dead_letters]),
        sum(["silver", row.gold_read], ["new in gold", row.inserted], ["repeats", row.duplicates], ["refused", row.refused]))),
    row.waiting > 0 ? el("p", { class: "quiet" }, `${count(row.waiting)} silver rows wait for gold`) : null);
}

function facts(told, now) {
  const lag = typeof told.kafka_lag === "number" ? count(told.kafka_lag) : mark("warning", told.kafka_lag);
  const next = told.paused ? "paused" : told.next_run?.startsWith("unknown") ? told.next_run
    : told.next_run ? until(told.next_run, now) : "unknown: Airflow does not say";
  const pair = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  return el("dl", { class: "facts" },
    pair("Kafka lag", lag),
    pair("last run", told.last_run ? mark(OUTCOMES[told.last_run] ?? "none", told.last_run) : "none yet"),
    pair("next run", next));
}
