// Figures as people read them.

const WHOLE = new Intl.NumberFormat("en-US");

export const count = (value) => WHOLE.format(value);

export function rate(value) {
  return value >= 100 ? count(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

/** Seconds in their largest unit, as `./bullion health` has them. */
export function span(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length) return `${Math.round(seconds / length)} ${unit}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

export function size(bytes) {
  let amount = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (amount < 1000) return `${amount.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
    amount /= 1000;
  }
  return `${amount.toFixed(1)} TB`;
}

/** A decimal as text, with no digit lost and no zero that says nothing. */
export function price(text) {
  const [whole, part = ""] = String(text).split(".");
  const digits = part.replace(/0+$/, "");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return digits ? `${grouped}.${digits.padEnd(2, "0")}` : grouped;
}

export function change(first, last) {
  const percent = (last / first - 1) * 100;
  const sign = percent > 0 ? "+" : percent < 0 ? "\u2212" : "\u00b1";
  return `${sign}${Math.abs(percent).toFixed(2)} %`;
}

/** The time of day in UTC, as the tables have it; with the day if it is another. */
export function clock(iso, seconds = true) {
  if (!iso) return "never";
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return String(iso);
  const text = moment.toISOString();
  const day = text.slice(0, 10) === new Date().toISOString().slice(0, 10);
  return (day ? "" : `${text.slice(5, 10)} `) + text.slice(11, seconds ? 19 : 16);
}

export function inSeconds(iso, now) {
  const left = (new Date(iso).getTime() - now) / 1000;
  return left >= 0 ? `in ${span(left)}` : `due ${span(-left)} ago`;
}
