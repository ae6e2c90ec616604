// Asks for the figures while somebody looks, and draws what has changed.

import { airflow, countDown, el, mark } from "./draw.js";
import { lane } from "./lanes.js";
import { market } from "./market.js";
import { completeness, gates, health, letters, timetable } from "./parts.js";
import { span } from "./words.js";

const EVERY_MS = 3000;
const LOADING_MS = 700;
const OLD_S = 90;
const SECTIONS = [
  ["market", "market", (told, seen) => market(told, seen.tones, seen.now)],
  ["completeness", "completeness", completeness],
  ["letters", "dead_letters", letters],
  ["gates", "gates", gates],
  ["timetable", "timetable", (told, seen) => timetable(told, seen.now)],
  ["health", "health", health],
];

const byId = (id) => document.getElementById(id);
const drawn = new Map();
let parts = {};
let page = null;
let skew = 0;
let received = 0;
let problem = "";

/** Replace what stands below a section's heading, unless it is what stands there. */
function put(section, key, nodes) {
  if (drawn.get(section.id) === key) return;
  drawn.set(section.id, key);
  const focused = section.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const scrolled = new Map([...section.querySelectorAll(".scroll")].map((box) => [box.dataset.key, [box.scrollLeft, box.scrollTop]]));
  const heading = section.querySelector(":scope > h2");
  section.replaceChildren(...(heading ? [heading] : []), ...nodes().flat().filter(Boolean));
  for (const box of section.querySelectorAll(".scroll")) {
    [box.scrollLeft, box.scrollTop] = scrolled.get(box.dataset.key) ?? [0, 0];
  }
  if (focused) [...section.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused)?.focus({ preventScroll: true });
}

/** Take the newer of two answers: with several servers an older one may come later. */
function newer(before, after) {
  if (!before?.at || !after.at) return after.at || !before?.at ? after : { ...before, error: after.error };
  return after.at >= before.at ? after : before;
}

function take(told) {
  const moment = performance.now();
  skew = new Date(told.at).getTime() - Date.now();
  received = moment;
  // A server that has just begun knows too little to say that all is well.
  const whole = Object.values(told.parts).every((part) => part.at || part.error);
  page = page && !whole ? { ...told, verdict: page.verdict } : told;
  parts = Object.fromEntries(Object.entries(told.parts).map(([name, part]) =>
    [name, newer(parts[name], { ...part, since: moment })]));
}

const age = (part) => part.age_s === null ? null : part.age_s + (performance.now() - part.since) / 1000;

function aged(section, part) {
  let line = section.querySelector(":scope > h2 > .age");
  if (!line) {
    line = el("span", { class: "age" });
    section.querySelector(":scope > h2").append(" ", line);
  }
  const seconds = age(part);
  line.textContent = seconds === null ? "" : `${span(seconds)} ago`;
  section.classList.toggle("old", seconds !== null && seconds > OLD_S);
}

function draw() {
  if (!page) return state("none", problem || "asking", problem);
  const now = Date.now() + skew;
  const tones = new Map(page.exchanges.map((name, place) => [name.toUpperCase(), place]));
  const seen = { tones, now };
  for (const [id, name, how] of SECTIONS) {
    const part = parts[name];
    const key = JSON.stringify([part.told, part.error]);
    put(byId(id), key, () => [
      part.error ? el("p", { class: "trouble" }, part.told ? `Not newer, because: ${part.error}` : part.error) : null,
      part.told ? how(part.told, seen) : part.error ? null : el("p", { class: "empty loading" }, "being asked"),
    ]);
    aged(byId(id), part);
  }
  lanes(tones, now);
  countDown(now);
  verdict();
}

function lanes(tones, now) {
  const context = { tones, now, bars: page.bars_s, gates: parts.gates, accounting: parts.accounting };
  const mine = page.exchanges.map((exchange) => [exchange, parts[`lane ${exchange}`]]);
  const key = JSON.stringify([mine.map(([name, part]) => [name, part.told, part.error]), parts.gates.told, parts.gates.error, parts.accounting.told, parts.accounting.error]);
  put(byId("lanes"), key, () => mine.length
    ? [el("div", { class: "cards" }, mine.map(([exchange, part]) => lane(exchange, part, context)))]
    : [el("p", { class: "empty" }, "No exchange is captured. Begin with: ", el("code", {}, "./bullion up --exchanges NAME"))]);
  const ages = mine.map(([, part]) => part).filter((part) => part.at);
  const oldest = ages.sort((a, b) => age(b) - age(a))[0] ?? { age_s: null };
  aged(byId("lanes"), oldest);
}

function verdict() {
  const said = page.verdict;
  const bad = said.filter((each) => each.level === "bad").length;
  const known = Object.values(parts).filter((part) => part.at || part.error).length;
  const all = Object.keys(parts).length;
  if (problem) state("bad", problem);
  else if (said.length) state(bad ? "bad" : "warning", `${said.length} ${said.length === 1 ? "thing" : "things"} to look at`);
  else if (known < all) state("none", `asking, ${known} of ${all}`);
  else state("good", "all is well");
  const section = byId("verdict");
  section.hidden = !said.length;
  put(section, JSON.stringify(said), () => [el("ul", {}, said.map((each) =>
    el("li", { class: each.level }, mark(each.level, each.level === "bad" ? "wrong" : "warning"),
      el("span", {}, el("b", {}, each.text), ` ${each.do} `,
        each.dag ? airflow(`dags/${each.dag}`, each.dag, `verdict ${each.dag} ${each.text}`) : null))))]);
  byId("fetched").textContent = `figures fetched ${span((performance.now() - received) / 1000)} ago`;
}

function state(level, text) {
  const pill = byId("state");
  if (pill.textContent !== text) pill.textContent = text;
  pill.className = `pill ${level}`;
}

async function ask() {
  try {
    const answer = await fetch("api/page", { headers: { Accept: "application/json" } });
    if (answer.status === 401) throw new Error("Logged out: log in to Airflow again, then reload");
    const told = await answer.json();
    if (answer.status === 202) return later(LOADING_MS);
    if (!answer.ok) throw new Error(told.error ?? `The server says ${answer.status}`);
    take(told);
    problem = "";
  } catch (error) {
    problem = error instanceof TypeError ? "Airflow's server does not answer" : error.message;
  }
  draw();
  const loading = page && !problem && Object.values(parts).some((part) => !part.at && !part.error);
  later(loading ? LOADING_MS : EVERY_MS);
}

function later(wait) {
  setTimeout(loop, wait);
}

/** Nothing is asked while nobody sees the page. */
function loop() {
  if (document.visibilityState === "visible") ask();
  else document.addEventListener("visibilitychange", loop, { once: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-airflow]");
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.button) return;
  // Inside Airflow the page stands in a frame that may not lead its parent elsewhere;
  // a link of the parent's own may.
  const outer = window.parent.document;
  const twin = outer.createElement("a");
  twin.href = new URL(link.dataset.airflow, outer.baseURI).href;
  event.preventDefault();
  twin.click();
});

setInterval(draw, 1000);
loop();
