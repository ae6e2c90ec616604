// Prices and trades a second, as gold has them.

import { bars, el, sparkline } from "./draw.js";
import { change, clock, count, price, rate, span } from "./words.js";

export function market(told, tones, now) {
  if (!told.until) {
    return [el("p", { class: "empty" }, "Gold has no candle yet: the first comes with the first trades.")];
  }
  const behind = (now - new Date(told.until).getTime()) / 1000;
  return [
    behind > 300 ? el("p", { class: "note" },
      `The newest trades are ${span(behind)} old: this is the hour up to ${clock(told.until, false)} UTC.`) : null,
    el("div", { class: "market" }, flow(told, tones), quotes(told, tones)),
  ];
}

function flow(told, tones) {
  const all = told.trades.reduce((sum, one) => sum + one.rate_s, 0);
  const titles = told.minutes.map((minute, at) => {
    const parts = told.trades.map((one) => `${one.exchange} ${rate(one.counts[at] / 60)}`);
    return `${clock(minute * 1000, false)} UTC, trades a second: ${parts.join(", ")}`;
  });
  const most = Math.max(...told.minutes.map((_, at) =>
    told.trades.reduce((sum, one) => sum + one.counts[at], 0)), 1);
  const label = `Trades a second in each minute of an hour, now ${rate(all)}, at most ${rate(most / 60)}`;
  // The colours go by exchange: each bar has one series for each tone.
  const series = [...told.trades].sort((a, b) => tone(a, tones) - tone(b, tones));
  const padded = Array.from({ length: 6 }, (_, place) =>
    told.minutes.map((_, at) => series.filter((one) => tone(one, tones) === place)
      .reduce((sum, one) => sum + one.counts[at], 0)));
  return el("div", { class: "flow" },
    el("p", { class: "big" }, el("strong", {}, rate(all)), " trades a second",
      el("span", { class: "peak" }, `at most ${rate(most / 60)}`)),
    bars(padded, titles, label),
    el("p", { class: "axis" }, el("span", {}, clock(told.minutes[0] * 1000, false)),
      el("span", {}, `${clock(told.minutes.at(-1) * 1000, false)} UTC`)),
    el("ul", { class: "legend" }, series.map((one) =>
      el("li", {}, el("i", { class: `tone-${tone(one, tones)}` }), one.exchange,
        el("b", {}, ` ${rate(one.rate_s)}/s`)))));
}

function tone(one, tones) {
  return (tones.get(one.exchange) ?? 0) % 6;
}

function quotes(told, tones) {
  const cards = told.symbols.map((one) => {
    const known = one.closes.filter((close) => close !== null);
    const moved = change(known[0], known.at(-1));
    const way = known.at(-1) > known[0] ? "up" : known.at(-1) < known[0] ? "down" : "even";
    return el("li", {},
      el("p", { class: "symbol" }, el("i", { class: `tone-${tone(one, tones)}` }),
        el("b", {}, one.symbol), el("span", { class: "quiet" }, one.exchange)),
      el("p", { class: "price" }, price(one.price)),
      el("p", { class: `moved ${way}` }, moved, el("span", { class: "quiet" }, `${count(one.trades)} trades`)),
      sparkline(one.closes, `${one.symbol} on ${one.exchange}: ${price(one.price)}, ${moved} in the hour`));
  });
  const rest = told.of - told.symbols.length;
  return el("div", { class: "quotes-box" },
    el("ul", { class: "quotes" }, cards),
    rest > 0 ? el("p", { class: "quiet" }, `The busiest ${told.symbols.length} of ${count(told.of)} symbols.`) : null);
}
