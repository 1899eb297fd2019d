// What a plan does by itself: it waits for its time, or tries its first rows.
import type { JSX } from "preact";
import type { Plan } from "../api/types.ts";
import { clock, count, plural, span } from "../lib/format.ts";
import { prefs } from "../lib/prefs.ts";
import { Badge } from "../ui/badge.tsx";
import { At, now } from "../ui/time.tsx";

/** As the gateway has it where a plan says nothing. */
const AFTER_S = 900;
const BOUNCES = 2;
const OUTCOMES = 5;

export function ScheduleCard({ plan }: { plan: Plan }): JSX.Element | null {
  const { not_before: time, state } = plan;
  if (!time || !["scheduled", "ready", "awaiting_approval", "checking"].includes(state)) return null;
  const left = (new Date(time).getTime() - now.value) / 1000;
  const other = `${clock(time, !prefs.value.utc, true, false)} ${prefs.value.utc ? "local" : "UTC"}`;
  const scheduled = state === "scheduled";
  return (
    <section class="card" aria-labelledby="schedule">
      <div class="card-head"><h2 id="schedule" class="grow">{scheduled ? "Applied by itself" : "Not applied before"}</h2><span class="muted">{other}</span></div>
      <div class="card-body figure">
        <span class="value" role="timer">{left > 0 ? `in ${span(left)}` : scheduled ? "any moment" : "its time has come"}</span>
        <span class="muted"><At time={time} />{scheduled ? ". What stands in its way at that moment stops it." : left > 0 ? ". Applying it before then schedules it." : ". Applying it makes it at once."}</span>
      </div>
    </section>
  );
}

/** How far something has come to where it decides. */
function Meter({ label, text, value, max, bad }: { label: string; text: string; value: number; max: number; bad?: boolean }): JSX.Element {
  return (
    <div class="meter">
      <span class="line"><span class="grow">{label}</span><span class="number">{text}</span></span>
      <span class={`bar${bad ? " bad" : ""}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={max} aria-valuenow={Math.min(max, Math.round(value))} aria-valuetext={text}><span style={{ width: `${Math.min(100, (value / max) * 100)}%` }} /></span>
    </div>
  );
}

export function CanaryCard({ plan }: { plan: Plan }): JSX.Element | null {
  const { canary, canary_progress: seen, state } = plan;
  if (!canary) return null;
  const deliveries = canary.after_deliveries ?? undefined;
  const seconds = canary.after_seconds ?? (deliveries === undefined ? AFTER_S : undefined);
  const most = canary.bounce_percent_max ?? BOUNCES;
  const first = canary.recipients ? plural(canary.recipients, "row") : `${canary.percent} % of the rows`;
  const rest = [deliveries && `after ${plural(deliveries, "delivery", "deliveries")}`, seconds && `after ${span(seconds)}`].filter(Boolean).join(" or ");
  const outcomes = seen ? seen.delivered + seen.bounced : 0;
  const share = seen && outcomes > 0 ? (seen.bounced / outcomes) * 100 : 0;
  return (
    <section class="card" aria-labelledby="canary">
      <div class="card-head"><h2 id="canary" class="grow">A few first</h2>{state === "canary" ? <Badge state="canary" label="Runs" /> : <span class="muted">{first}, the rest {rest}</span>}</div>
      <div class="card-body stack tight">
        {seen && <p><strong>{plural(seen.rows, "row")}</strong> applied as version {count(seen.generation)} of the table, <At time={seen.since} age />.</p>}
        {seen && state === "canary" && deliveries !== undefined && <Meter label="Delivered" text={`${count(seen.delivered)} of ${count(deliveries)}`} value={seen.delivered} max={deliveries} />}
        {seen && state === "canary" && seconds !== undefined && <Meter label="Time" text={`${span((now.value - new Date(seen.since).getTime()) / 1000)} of ${span(seconds)}`} value={(now.value - new Date(seen.since).getTime()) / 1000} max={seconds} />}
        {seen && <Meter label="Returned" text={`${count(seen.bounced)} of ${plural(outcomes, "outcome")}${outcomes > 0 ? `, ${share.toFixed(0)} %` : ""}`} value={share} max={Math.max(most, 1) * 2} bad={share > most} />}
        <p class="muted small">{seen && state === "canary" ? `The rest follows ${rest}.` : seen ? "" : `The rest follows ${rest} of their mail.`} Above {most} % returned, of {OUTCOMES} outcomes or more, the first rows go back by themselves.</p>
      </div>
    </section>
  );
}
