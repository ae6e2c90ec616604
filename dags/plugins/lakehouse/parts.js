// The other parts: completeness, dead letters, gates that warned or closed, runs, tables.

import { airflow, el, mark, table, until } from "./draw.js";
import { clock, count, size, span } from "./words.js";

export function completeness(told) {
  const found = [];
  const openOnes = told.symbols.reduce((sum, row) => sum + row.open, 0);
  if (told.proven.length) {
    found.push(el("p", {}, openOnes ? mark("bad", `${count(told.missing)} trades missing`)
      : told.symbols.length ? mark("good", "complete") : mark("none", "nothing entered yet"),
    ` ${told.proven.join(", ")}: each id since capture began is in gold, or listed here.`));
  }
  if (told.unproven.length) {
    found.push(el("p", {}, mark("warning", "not proven"),
      ` ${told.unproven.join(", ")}: ids do not count trades; spans are counted at REST and in gold.`));
  }
  if (told.open.length) {
    found.push(table("Open gaps", [["symbol"], ["ids missing"], ["trades", true], ["state"], ["cause"], ["exchange said"]],
      told.open.map((row) => [`${row.exchange} ${row.symbol}`, `${row.first_missing_id}\u2013${row.last_missing_id}`,
        count(row.missing), row.state, row.cause || "\u2013", row.error || "\u2013"])));
  }
  if (told.symbols.length) {
    found.push(table("Trade ids by symbol", [["symbol"], ["in gold", true], ["gaps", true], ["open", true], ["refilled", true], ["absent", true]],
      told.symbols.map((row) => [`${row.exchange} ${row.symbol}`, count(row.held), count(row.gaps),
        row.open ? mark("bad", count(row.open)) : "0", count(row.recovered), count(row.absent)])));
  }
  if (told.compared.length) {
    found.push(table("Counted at REST", [["symbol"], ["last hour", true], ["spans", true], ["at REST", true], ["in gold", true], ["short", true]],
      told.compared.map((row) => [`${row.exchange} ${row.symbol}`, count(row.trades), count(row.spans),
        count(row.at_exchange), count(row.in_gold), row.short ? mark("bad", count(row.short)) : "0"])));
  }
  return found.length ? found : [el("p", { class: "empty" }, "No symbol is captured.")];
}

export function letters(told) {
  if (!told.total) return [el("p", {}, mark("good", "none"), " No message was turned away.")];
  const most = Math.max(...told.by_reason.map((row) => row.rows));
  const rows = [...told.by_reason].sort((a, b) => b.rows - a.rows);
  return [
    el("p", { class: "big" }, el("strong", {}, count(told.total)), " kept, with their raw bytes"),
    el("ul", { class: "reasons" }, rows.map((row) => {
      const bar = el("span", { class: "bar", "aria-hidden": "true" });
      bar.style.setProperty("--part", String(row.rows / most));
      return el("li", {}, el("span", { class: "reason" }, row.error_reason),
        el("span", { class: "quiet" }, `${row.exchange}, ${row.stage}`),
        el("b", {}, count(row.rows)), bar);
    })),
  ];
}

export function gates(told) {
  const rows = told.flatMap((each) => each.troubles.map((gate) => ({ ...gate, exchange: each.exchange })))
    .sort((a, b) => b.at.localeCompare(a.at)).slice(0, 10);
  if (!rows.length) return [el("p", {}, mark("good", "none"), " Each gate that is still noted simply passed.")];
  return [table("Gates that warned or closed", [["when"], ["lane"], ["outcome"], ["what was not met"], ["rows", true]],
    rows.map((gate) => [clock(gate.at), gate.exchange, mark(gate.outcome === "warning" ? "warning" : "bad", gate.outcome),
      gate.failed.join(", "), count(gate.rows)])),
  el("p", {}, airflow("plugin/data-quality", "What the gates measured: Data quality"))];
}

export function timetable(told, now) {
  const rows = [...told].sort((a, b) => (a.next_run ?? "9").localeCompare(b.next_run ?? "9"));
  return [table("Next runs", [["DAG"], ["next", true], ["when"], ["state"]],
    rows.map((dag) => [airflow(`dags/${dag.dag_id}`, dag.dag_id, `run ${dag.dag_id}`),
      dag.paused || !dag.next_run ? "\u2013" : until(dag.next_run, now),
      dag.when || (dag.next_run ? "\u2013" : "by hand"), dag.paused ? mark("warning", "paused") : mark("good", "active")]))];
}

export function health(told) {
  if (!told.tables.length) {
    return [el("p", { class: "empty" }, "There are no tables yet: ./bullion up makes them.")];
  }
  const well = told.healthy && !told.stray_tables.length;
  const lists = [["stray", told.stray_tables], ["missing", told.missing_tables]].filter(([, names]) => names.length);
  return [
    el("p", {}, well ? mark("good", "well kept") : mark("bad", "needs upkeep"),
      ...lists.map(([word, names]) => ` ${word} tables: ${names.join(", ")}.`)),
    table("Table health", [["table"], ["files", true], ["small", true], ["data", true], ["manifests", true], ["snapshots", true],
      ["metadata", true], ["last commit", true], ["unread by"], ["state"]],
    told.tables.map((row) => [row.table, count(row.files), count(row.small_files), size(row.data_bytes), count(row.manifests),
      count(row.snapshots), size(row.metadata_bytes), row.head_age_s === null ? "never" : `${span(row.head_age_s)} ago`,
      row.needed_by ? `${row.needed_by}: ${count(row.unread_snapshots)}` : "\u2013",
      row.troubles.length ? mark("bad", row.troubles.join("; ")) : mark("good", "well")])),
  ];
}
