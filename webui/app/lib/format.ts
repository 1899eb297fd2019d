// Numbers with their unit, times with their age.
const LOCALE = "en-GB";
const whole = new Intl.NumberFormat(LOCALE);
const tenth = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
/** A big number in few characters: 12.4 k, 1.2 M. */
export function short(n: number): string {
  if (n < 10_000) return whole.format(Math.round(n * 10) / 10);
  if (n < 1_000_000) return `${tenth.format(n / 1000)} k`;
  return `${tenth.format(n / 1_000_000)} M`;
}

/** "1 edit", "12 edits". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function bytes(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = n;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at === 0 ? whole.format(value) : tenth.format(value)} ${units[at]}`;
}

/** A span in its two largest units: 3 s, 4 min 10 s, 2 h 5 min, 3 d 4 h. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const pairs: [number, string, number, string][] = [[60, "min", 1, "s"], [3600, "h", 60, "min"], [86_400, "d", 3600, "h"]];
  const [large, name, small, rest] = pairs[s < 3600 ? 0 : s < 86_400 ? 1 : 2]!;
  const left = Math.floor((s % large) / small);
  return `${Math.floor(s / large)} ${name}${left ? ` ${left} ${rest}` : ""}`;
}

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${tenth.format(ms / 1000)} s`;
}

export function ago(time: string | number | Date, now = Date.now()): string {
  const seconds = (now - new Date(time).getTime()) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (Math.abs(seconds) < 5) return "now";
  return seconds < 0 ? `in ${coarse(-seconds)}` : `${coarse(seconds)} ago`;
}

function coarse(seconds: number): string {
  return span(seconds).split(" ").slice(0, 2).join(" ");
}

function pad(n: number): string {
  return String(n).padStart(2, "0");
}

/** 2026-11-27 16:05:09, in UTC or where the browser is. */
export function clock(time: string | number | Date, utc: boolean, date = true, seconds = true): string {
  const t = new Date(time);
  if (Number.isNaN(t.getTime())) return "";
  const [y, mo, d, h, mi, s] = utc
    ? [t.getUTCFullYear(), t.getUTCMonth(), t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()]
    : [t.getFullYear(), t.getMonth(), t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()];
  const day = `${y}-${pad(mo + 1)}-${pad(d)} `;
  return `${date ? day : ""}${pad(h)}:${pad(mi)}${seconds ? `:${pad(s)}` : ""}`;
}

/** Words for what the API spells with underscores. */
export function words(text: string): string {
  return text.replaceAll("_", " ");
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const STATES: Record<string, string> = { on_prem: "On premises", syncing: "Syncing", cutover: "Cutover", cloud: "Cloud", settled: "Settled" };
/** A state of the move as people say it. */
export const moveState = (state: string): string => STATES[state] ?? capital(words(state));
export const MOVE_STATES = ["on_prem", "syncing", "cutover", "cloud", "settled"] as const;

/** A site's name as people say it. */
export const siteName = (name: string): string => (name === "on_prem" ? "On premises" : capital(words(name)));
