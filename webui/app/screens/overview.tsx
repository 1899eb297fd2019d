// Everything at a glance: the sites, what flows, what waits, what changed, what wants a person.
import { Fragment, type JSX } from "preact";
import { api } from "../api/client.ts";
import type { Generation, SiteList, Stats } from "../api/types.ts";
import { bytes, count, plural, siteName, span } from "../lib/format.ts";
import { type Resource, useResource } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { table } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, isLost, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { Attention } from "./attention.tsx";
import { Counts } from "./changes.tsx";
import { Throughput } from "./throughput.tsx";

const POLL_MS = 2000;

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
  return (
    <>
      <Head title="Overview" about={stats.data ? `Up for ${span(stats.data.uptime_seconds)}. ${plural(stats.data.table_entries, "mailbox", "mailboxes")} in the table.` : undefined} />
      {stats.error && !isLost(stats.error) && <Failure error={stats.error} retry={stats.reload} at={stats.at} />}
      <SiteStrip list={sites} />
      <div class="board"><Attention stats={stats.data} /><div class={stats.error ? "stale" : undefined}><Waiting now={stats.data} /></div></div>
      <Throughput stats={stats.data} />
      <section class="card" aria-labelledby="changes-title">
        <div class="card-head"><h2 id="changes-title" class="grow">Last changes of the table</h2><a href={href("changes")}>All changes</a></div>
        <Loaded of={changes} rows={4}>{(it) => it.generations.length === 0 ? <Empty title="Nothing was changed yet" /> : (
          <ol class="plain timeline">{it.generations.map((one) => (
            <li key={one.generation}><a href={href(`changes/${one.generation}`)}><span class="mono version">{count(one.generation)}</span><span class="what"><strong>{one.reason || "No reason given"}</strong><span class="muted">{one.author}, <At time={one.at} age /></span></span><Counts {...one} /></a></li>
          ))}</ol>
        )}</Loaded>
      </section>
    </>
  );
}
