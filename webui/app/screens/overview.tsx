// Everything at a glance: the sites, what flows, what waits, what changed, what wants a person.
import { Fragment, type JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Alert, Generation, SiteList, Stats } from "../api/types.ts";
import { bytes, count, plural, short, siteName, span } from "../lib/format.ts";
import { type Resource, useResource } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { table } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { Counts } from "./changes.tsx";

const POLL_MS = 2000;
const SAMPLES = 90;

interface Sample {
  at: number;
  stats: Stats;
}

/** Rates of the last minutes, from totals that only grow; empty until there are two. */
export function rates(samples: readonly Sample[], of: (stats: Stats) => number): number[] {
  return samples.slice(1).map((it, index) => {
    const before = samples[index]!;
    const seconds = (it.at - before.at) / 1000;
    return seconds > 0 ? Math.max(0, of(it.stats) - of(before.stats)) / seconds : 0;
  });
}

function Spark({ values, label }: { values: readonly number[]; label: string }): JSX.Element {
  const most = Math.max(1, ...values);
  const step = 200 / Math.max(1, SAMPLES - 2);
  const offset = 200 - (values.length - 1) * step;
  const points = values.map((it, index) => `${(offset + index * step).toFixed(1)},${(39 - (it / most) * 36).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 200 40" preserveAspectRatio="none" role="img" aria-label={label}>
      {points.length > 1 && <><polygon points={`${offset.toFixed(1)},40 ${points.join(" ")} 200,40`} /><polyline points={points.join(" ")} /></>}
      <line x1="0" y1="39.500" x2="200" y2="39.500" />
    </svg>
  );
}

function Flow({ samples }: { samples: readonly Sample[] }): JSX.Element {
  const series: readonly [string, string, (stats: Stats) => number][] = [
    ["Accepted", "messages a second", (it) => it.accepted_messages],
    ["Delivered", "recipients a second", (it) => it.delivered_recipients],
    ["Returned", "recipients a second", (it) => it.bounced_recipients + it.expired_recipients],
  ];
  const now = samples.at(-1)?.stats;
  return (
    <section class="card" aria-labelledby="flow-title">
      <div class="card-head"><h2 id="flow-title" class="grow">Throughput</h2><span class="muted">last {span((SAMPLES * POLL_MS) / 1000)}, {now ? plural(now.sessions, "session") : "sessions"} open</span></div>
      <div class="trio">
        {series.map(([name, unit, of]) => {
          const values = rates(samples, of);
          const last = values.slice(-3);
          const rate = last.length ? last.reduce((sum, it) => sum + it, 0) / last.length : 0;
          return (
            <div key={name} class="figure">
              <span class="muted">{name}</span><span class="value">{short(rate)}<span class="unit"> {unit}</span></span>
              <Spark values={values} label={`${name}: ${short(rate)} ${unit} now, at most ${short(Math.max(0, ...values))}`} />
              <span class="muted small">{now ? `${count(of(now))} since the start` : ""}</span>
            </div>
          );
        })}
      </div>
    </section>
  );
}

function Waiting({ now }: { now: Stats | undefined }): JSX.Element {
  const parts: readonly [string, number, string][] = now ? [["Active", now.active_recipients, "active"], ["Deferred", now.deferred_recipients, "deferred"], ["On hold", now.held_recipients, "held"]] : [];
  return (
    <section class="card" aria-labelledby="spool-title">
      <div class="card-head"><h2 id="spool-title" class="grow">Waiting mail</h2><a href={href("spool")}>Spool</a></div>
      <div class="card-body stack">
        <div class="figures">
          <div class="figure"><span class="value">{now ? count(now.spool_messages) : "…"}<span class="unit"> {now?.spool_messages === 1 ? "message" : "messages"}</span></span><span class="muted">{now ? bytes(now.spool_bytes) : ""} used on its disk</span></div>
          <div class="figure"><span class="value">{now?.oldest_seconds ? span(now.oldest_seconds) : "–"}</span><span class="muted">oldest</span></div>
          <div class="figure"><span class="value">{now ? bytes(now.free_bytes) : "…"}</span><span class="muted">free there</span></div>
        </div>
        <dl class="facts">{parts.map(([name, n, state]) => <Fragment key={name}><dt><a href={href(`spool?state=${state}`)}>{name}</a></dt><dd class="number">{plural(n, "recipient")}</dd></Fragment>)}</dl>
      </div>
    </section>
  );
}

function SiteStrip({ list }: { list: Resource<SiteList> }): JSX.Element {
  return (
    <Loaded of={list} rows={2}>{(it) => (
      <ul class="plain strip" aria-label="Sites">{it.sites.map((site) => (
        <li key={site.name} class={`card site-tile ${site.state}`}><a href={href("sites")}>
          <span class="line"><strong class="grow">{siteName(site.name)}</strong><Badge state={site.state} /></span>
          <span class="muted">{site.state === "up" ? `${plural(site.connections, "connection")}, ` : ""}{plural(site.queued_recipients, "recipient")} waiting{site.oldest_seconds ? `, oldest ${span(site.oldest_seconds)}` : ""}</span>
          {site.reason && site.state !== "up" && <span class="small">{site.reason}</span>}
        </a></li>
      ))}</ul>
    )}</Loaded>
  );
}

export function Overview(): JSX.Element {
  const stats = useResource("stats", (signal) => api.get<Stats>("/stats", {}, signal), POLL_MS);
  const sites = useResource("sites", (signal) => api.get<SiteList>("/sites", {}, signal), POLL_MS * 2);
  const changes = useResource(`last ${table.value?.generation}`, (signal) => api.get<{ generations: Generation[] }>("/table/history", { limit: 5 }, signal));
  const alerts = useResource("alerts", (signal) => api.get<{ alerts: Alert[] }>("/alerts", {}, signal), POLL_MS * 5);
  const samples = useRef<Sample[]>([]);
  const [, paint] = useState(0);
  useEffect(() => {
    if (!stats.data) return;
    samples.current = [...samples.current, { at: stats.at, stats: stats.data }].slice(-SAMPLES);
    paint((it) => it + 1);
  }, [stats.at]);
  const firing = alerts.data?.alerts.filter((it) => it.state === "firing") ?? [];
  return (
    <>
      <Head title="Overview" about={stats.data ? `Up for ${span(stats.data.uptime_seconds)}. ${plural(stats.data.table_entries, "mailbox", "mailboxes")} in the table.` : undefined} />
      <SiteStrip list={sites} />
      <div class="board">
        <Loaded of={stats}>{() => <Flow samples={samples.current} />}</Loaded>
        <Waiting now={stats.data} />
        <section class="card" aria-labelledby="changes-title">
          <div class="card-head"><h2 id="changes-title" class="grow">Last changes of the table</h2><a href={href("changes")}>All changes</a></div>
          <Loaded of={changes} rows={4}>{(it) => it.generations.length === 0 ? <Empty title="Nothing was changed yet" /> : (
            <ol class="plain timeline">{it.generations.map((one) => (
              <li key={one.generation}><a href={href(`changes/${one.generation}`)}><span class="mono version">{count(one.generation)}</span><span class="what"><strong>{one.reason || "No reason given"}</strong><span class="muted">{one.author}, <At time={one.at} age /></span></span><Counts {...one} /></a></li>
            ))}</ol>
          )}</Loaded>
        </section>
        <section class="card" aria-labelledby="alerts-title">
          <div class="card-head"><h2 id="alerts-title" class="grow">Alerts</h2><a href={href("alerts")}>All alerts</a></div>
          <Loaded of={alerts} rows={2} absent="Alerts come from your monitoring">{() => firing.length === 0 ? <Empty title="Nothing wants your attention" /> : (
            <ul class="plain">{firing.map((it) => <li key={it.name + JSON.stringify(it.labels)} class="alert-row"><Badge state={it.severity} /><span class="grow">{it.summary}</span><span class="muted"><At time={it.since} age /></span></li>)}</ul>
          )}</Loaded>
        </section>
      </div>
    </>
  );
}
