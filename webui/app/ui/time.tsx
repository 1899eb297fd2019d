// Times as the reader chose to see them, and their age.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { ago, clock } from "../lib/format.ts";
import { prefs } from "../lib/prefs.ts";

export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);

export function At({ time, age = false }: { time: string | number | null | undefined; age?: boolean }): JSX.Element {
  if (!time) return <span class="muted">never</span>;
  const iso = typeof time === "string" ? time : new Date(time).toISOString();
  const exact = `${clock(time, prefs.value.utc)}${prefs.value.utc ? " UTC" : ""}`;
  return <time dateTime={iso} title={age ? exact : ago(time)} class="nowrap">{age ? ago(time, now.value) : exact}</time>;
}

/** The age of something that is `seconds` old. */
export function Clock(): JSX.Element {
  const { utc } = prefs.value;
  return <span class="clock mono">{clock(now.value, utc, false)}<span class="muted"> {utc ? "UTC" : "local"}</span></span>;
}
