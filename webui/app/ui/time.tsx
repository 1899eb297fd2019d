// Times as the reader chose to see them, and their age.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { ago, clock, span } from "../lib/format.ts";
import { prefs } from "../lib/prefs.ts";

export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);

export function At({ time, age = false }: { time: string | number | null | undefined; age?: boolean }): JSX.Element {
  if (!time) return <span class="muted">never</span>;
  const iso = typeof time === "string" ? time : new Date(time).toISOString();
  const exact = `${clock(time, prefs.value.utc)}${prefs.value.utc ? " UTC" : ""}`;
  return <time dateTime={iso} title={age ? exact : ago(time)} class="nowrap">{age ? ago(time, now.value) : exact}</time>;
}

/** How long it has been so: "for 12 min". */
export function Since({ time }: { time: string }): JSX.Element {
  const seconds = Math.max(0, (now.value - new Date(time).getTime()) / 1000);
  return <time dateTime={time} title={clock(time, prefs.value.utc)} class="nowrap">for {span(seconds)}</time>;
}

export function Clock(): JSX.Element {
  const { utc } = prefs.value;
  return <span class="clock mono">{clock(now.value, utc, false)}<span class="muted"> {utc ? "UTC" : "local"}</span></span>;
}
