// States by shape, colour and word: none of the three alone.
import type { JSX } from "preact";
import { capital, moveState, words } from "../lib/format.ts";

export type Tone = "good" | "warn" | "bad" | "wait" | "none" | "info";
const SHAPES: Record<Tone, string> = { good: "●", warn: "▲", bad: "✕", wait: "◆", none: "○", info: "■" };

const TONES: Record<string, Tone> = {
  up: "good", probing: "warn", down: "bad", held: "wait",
  delivered: "good", bounced: "bad", expired: "bad", discarded: "none", active: "info", deferred: "warn", released: "info", delay_notified: "warn", accepted: "good",
  on_prem: "none", syncing: "info", cutover: "wait", cloud: "good", settled: "good",
  checking: "info", ready: "good", awaiting_approval: "wait", scheduled: "info", canary: "warn", applied: "good", rolled_back: "none", cancelled: "none", failed: "bad",
  firing: "bad", pending: "warn", resolved: "good", inactive: "none", critical: "bad", page: "bad", warning: "warn", info: "info", ticket: "warn",
  fresh: "good", ok: "good", stale: "warn", syncing_now: "info", blocked: "bad", never: "none", error: "bad",
  deliver: "good", hold: "wait", reject: "bad",
};

export const tone = (state: string): Tone => TONES[state] ?? "none";

export function Badge({ state, label, as }: { state: string; label?: string; as?: Tone }): JSX.Element {
  const shade = as ?? tone(state);
  return <span class={`badge ${shade}`}><span class="shape" aria-hidden="true">{SHAPES[shade]}</span><span class="word">{label ?? capital(words(state))}</span></span>;
}

export function MoveBadge({ state }: { state: string }): JSX.Element {
  return <Badge state={state} label={moveState(state)} />;
}
