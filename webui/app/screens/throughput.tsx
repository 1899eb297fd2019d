// The last hour at a glance: what came in, what went out, what was put off and what came back.
import type { JSX } from "preact";
import { api } from "../api/client.ts";
import type { Figures, Point, Stats } from "../api/types.ts";
import { plural, short } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { Loaded } from "../ui/states.tsx";

const POLL_MS = 5000;
const WIDE = 240;
const TALL = 44;

const SERIES: readonly (readonly [string, string, string, (it: Point) => number])[] = [
  ["Accepted", "messages", "in", (it) => it.accepted_per_second],
  ["Delivered", "recipients", "out", (it) => it.delivered_per_second],
  ["Put off", "recipients", "off", (it) => it.deferred_per_second],
  ["Returned", "recipients", "back", (it) => it.bounced_per_second],
];

/** A line over the hour; a gateway that has run for less begins further right. */
function Spark({ values, slots, label, name }: { values: readonly number[]; slots: number; label: string; name: string }): JSX.Element {
  const most = Math.max(...values, 0) || 1;
  const step = WIDE / Math.max(1, slots - 1);
  const first = WIDE - (values.length - 1) * step;
  const points = values.map((it, index) => `${(first + index * step).toFixed(1)},${(TALL - 2 - (it / most) * (TALL - 6)).toFixed(1)}`);
  return (
    <svg class={`spark ${name}`} viewBox={`0 0 ${WIDE} ${TALL}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {points.length > 1 && <><polygon points={`${first.toFixed(1)},${TALL} ${points.join(" ")} ${WIDE},${TALL}`} /><polyline points={points.join(" ")} /></>}
      <line x1="0" y1={TALL - 0.5} x2={WIDE} y2={TALL - 0.5} />
    </svg>
  );
}

const HOUR_S = 3600;

export function Throughput({ stats }: { stats: Stats | undefined }): JSX.Element {
  const figures = useResource("figures", (signal) => api.get<Figures>("/metrics/summary", {}, signal), POLL_MS);
  return (
    <section class="card" aria-labelledby="throughput">
      <div class="card-head"><h2 id="throughput" class="grow">The last hour</h2><span class="muted">{stats ? `${plural(stats.sessions, "SMTP session")} open` : ""}</span></div>
      <Loaded of={figures} rows={3} absent="This gateway keeps no figures">{({ every_seconds: every, points }) => (
        <>
          <div class="quartet">
            {SERIES.map(([title, unit, name, of]) => {
              const values = points.map(of);
              const sum = Math.round(values.reduce((all, it) => all + it, 0) * every);
              const rate = values.at(-1) ?? 0;
              return (
                <div key={name} class="figure">
                  <span class="muted">{title}</span>
                  <span class="value">{short(sum)}<span class="unit"> {unit}</span></span>
                  <Spark values={values} slots={Math.round(HOUR_S / every)} name={sum > 0 ? name : "none"} label={`${title}: ${short(sum)} ${unit} in the last hour, ${short(rate)} a second now, at most ${short(Math.max(0, ...values))}`} />
                  <span class="muted small">{short(rate)} a second now, at most {short(Math.max(0, ...values))}</span>
                </div>
              );
            })}
          </div>
          {points.length < 2 && <p class="muted small pad">The first figures come {every} seconds after the start.</p>}
        </>
      )}</Loaded>
    </section>
  );
}
