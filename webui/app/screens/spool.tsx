// Mail that waits: by site and age, message by message, and what can be done about it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Action, Hop, QueuedMessage, QueueList, QueueSummary, Selector } from "../api/types.ts";
import { bytes, capital, count, plural, siteName, span } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { href, query, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge } from "../ui/badge.tsx";
import { Input, Select } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { ActionDialog, type Wish } from "./queue_action.tsx";

const POLL_MS = 5000;
const FILTERS = ["site", "state", "recipient", "sender", "older_than_seconds"] as const;
const AGES = [["", "Any age"], ["60", "Over 1 minute"], ["900", "Over 15 minutes"], ["3600", "Over 1 hour"], ["14400", "Over 4 hours"], ["86400", "Over 1 day"]] as const;

const asked = (): Record<string, string> => Object.fromEntries(FILTERS.flatMap((it) => { const value = query.value.get(it); return value ? [[it, value]] : []; }));
const clear = () => setQuery(Object.fromEntries(FILTERS.map((it) => [it, null])));

/** Lighter for few, darker for many; the number is there in any case. */
function heat(n: number, most: number): string {
  if (n === 0) return "h0";
  return `h${Math.min(4, 1 + Math.floor((Math.log10(n + 1) / Math.log10(most + 1)) * 3.99))}`;
}

function Matrix({ summary }: { summary: QueueSummary }): JSX.Element {
  const bounds = summary.age_bounds_seconds;
  const most = Math.max(1, ...summary.hops.flatMap((it) => it.by_age));
  const title = (at: number) => (at < bounds.length ? `≤ ${span(bounds[at]!)}` : `> ${span(bounds.at(-1) ?? 0)}`);
  const cell = (hop: Hop, n: number, at: number) => (
    <td key={at} class={`end heat ${heat(n, most)}`}>
      {n > 0 ? <a href={href(`spool?site=${encodeURIComponent(hop.name)}${at > 0 ? `&older_than_seconds=${bounds[at - 1]}` : ""}`)} aria-label={`${count(n)} for ${siteName(hop.name)}, ${title(at)}`}>{count(n)}</a> : <span class="muted" aria-label="none">·</span>}
    </td>
  );
  return (
    <section class="card" aria-labelledby="matrix">
      <div class="card-head"><h2 id="matrix" class="grow">Recipients by site and age</h2><span class="muted">{plural(summary.messages, "message")}, {bytes(summary.bytes)}</span></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Recipients by site and age">
        <table class="matrix">
          <thead><tr><th>Site</th>{summary.hops[0]?.by_age.map((_, at) => <th key={at} class="end">{title(at)}</th>)}<th class="end">Active</th><th class="end">Deferred</th><th class="end">On hold</th><th class="end">Oldest</th></tr></thead>
          <tbody>{summary.hops.map((hop) => (
            <tr key={hop.name}><th scope="row"><a href={href(`spool?site=${encodeURIComponent(hop.name)}`)}>{siteName(hop.name)}</a></th>{hop.by_age.map((n, at) => cell(hop, n, at))}
              <td class="end">{count(hop.active)}</td><td class="end">{count(hop.deferred)}</td><td class="end">{count(hop.held)}</td><td class="end nowrap">{hop.oldest_seconds === null || hop.oldest_seconds === undefined ? "–" : span(hop.oldest_seconds)}</td></tr>
          ))}</tbody>
        </table>
      </div>
    </section>
  );
}

function Message({ it, act }: { it: QueuedMessage; act: (wish: Wish) => void }): JSX.Element {
  return (
    <li class="waiting">
      <div class="line"><a class="mono" href={href(`trace?q=${encodeURIComponent(it.id)}`)}>{it.reverse_path || "no return address"}</a><span class="muted">{bytes(it.size_bytes)}, waits for {span(it.age_seconds)}</span><span class="grow" />
        {may("operator") && <button type="button" class="link" aria-label={`Retry the message of ${it.reverse_path || "nobody"} with id ${it.id}`} onClick={() => act({ action: "retry", selector: { ids: [it.id] } })}>Retry…</button>}</div>
      <ul class="plain">{it.recipients.map((one) => (
        <li key={one.address} class="waiting-recipient"><Badge state={one.state} /><span class="mono">{one.address}</span><span class="muted">for {siteName(one.hop)}, {plural(one.attempts, "attempt")}{one.next_attempt_at && <>, next <At time={one.next_attempt_at} age /></>}</span>
          {(one.last_reply || one.reason) && <span class="mono reply">{one.last_reply ?? one.reason}</span>}{one.held_by && <span class="muted">Held by {one.held_by}</span>}</li>
      ))}</ul>
    </li>
  );
}

function Filters(): JSX.Element {
  const now = asked();
  return (
    <div class="filters" role="search">
      <Input label="Recipient" hideLabel placeholder="Recipient or @domain" type="search" value={now.recipient ?? ""} set={(value) => setQuery({ recipient: value.trim() || null })} data-filter />
      <Input label="Sender" hideLabel placeholder="Sender or @domain" type="search" value={now.sender ?? ""} set={(value) => setQuery({ sender: value.trim() || null })} />
      <Select label="State" hideLabel value={now.state ?? ""} set={(value) => setQuery({ state: value || null })} options={[["", "Any state"], ["active", "Active"], ["deferred", "Deferred"], ["held", "On hold"]]} />
      <Select label="Age" hideLabel value={now.older_than_seconds ?? ""} set={(value) => setQuery({ older_than_seconds: value || null })} options={AGES.some(([it]) => it === (now.older_than_seconds ?? "")) ? AGES : [...AGES, [now.older_than_seconds!, `Over ${span(Number(now.older_than_seconds))}`]]} />
      {now.site && <span class="chip">Site: {siteName(now.site)}<button type="button" class="icon-button" aria-label="Remove filter Site" onClick={() => setQuery({ site: null })}><Icon name="cross" size={12} /></button></span>}
      {Object.keys(now).length > 0 && <button type="button" class="link" onClick={clear}>Clear all</button>}
    </div>
  );
}

const ACTIONS: readonly Action[] = ["retry", "hold", "release", "bounce"];

export function Spool(): JSX.Element {
  const filter = asked();
  const [wish, setWish] = useState<Wish | null>(null);
  const summary = useResource("summary", (signal) => api.get<QueueSummary>("/queue/summary", {}, signal), POLL_MS);
  const list = useResource(`queue ${JSON.stringify(filter)}`, (signal) => api.get<QueueList>("/queue", { ...filter, limit: 200 }, signal), POLL_MS);
  const reload = () => {
    summary.reload();
    list.reload();
  };
  const filtered = Object.keys(filter).length > 0;
  const selector: Partial<Selector> = filtered ? { ...filter, ...(filter.older_than_seconds ? { older_than_seconds: Number(filter.older_than_seconds) } : {}) } as Partial<Selector> : { all: true };
  return (
    <>
      <Head title="Spool" about="Mail that was accepted and has not reached its site yet. It is on disk, and leaves only by delivery, a return to its sender, or your word." />
      <Loaded of={summary} rows={3}>{(it) => it.hops.length === 0 ? null : (
        <>{it.recovering && <div class="notice warn"><Icon name="warning" /><p>The spool is still being read after a start. These figures are too low until it is done.</p></div>}<Matrix summary={it} /></>
      )}</Loaded>
      <Filters />
      <Loaded of={list}>{(it) => it.messages.length === 0 ? (
        <div class="card">{filtered ? <FilteredEmpty what="waiting messages" clear={clear} /> : <Empty title="Nothing waits">Everything that was accepted has reached its site.</Empty>}</div>
      ) : (
        <section class="card" aria-label="Waiting messages">
          <div class="card-head"><h2 class="grow">{plural(it.messages.length, "message")}{it.next_cursor ? ", the first" : ""}</h2>
            {may("operator") && ACTIONS.map((action) => <button key={action} type="button" class="button small" onClick={() => setWish({ action, selector })}>{capital(action)} {filtered ? "all that match" : "all"}…</button>)}</div>
          <ul class="plain">{it.messages.map((message) => <Message key={message.id} it={message} act={setWish} />)}</ul>
        </section>
      )}</Loaded>
      {wish && <ActionDialog wish={wish} close={() => setWish(null)} done={reload} />}
    </>
  );
}
