// Mailboxes on their way: by state and batch, and the steps that take them further.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { EntryList, Move, MoveList, MoveState } from "../api/types.ts";
import { count, MOVE_STATES, moveState, plural, siteName, span } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { href, query, rest, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { stateOf, stepsFrom } from "../lib/steps.ts";
import { table } from "../lib/table.ts";
import { Badge, MoveBadge } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { now, Since } from "../ui/time.tsx";
import { MailboxMove } from "./move.tsx";
import { StepDialog, type Subject } from "./move_step.tsx";

const POLL_MS = 5000;
const PAGE = 100;
const TYPING_MS = 250;

/** How far a copy is: done of all, and since when. */
export function Copied({ sync }: { sync: Move["sync"] }): JSX.Element {
  if (!sync) return <span class="muted">no report</span>;
  const share = sync.items_total > 0 ? Math.floor((sync.items_done / sync.items_total) * 100) : 100;
  const title = `${count(sync.items_done)} of ${plural(sync.items_total, "item")}`;
  return <span class="copied" title={title}><span class="bar" aria-hidden="true"><span style={{ width: `${share}%` }} /></span><span class="number">{share} %<span class="visually-hidden">, {title}</span></span></span>;
}

/** How long a cutover may last yet. */
export function GoesBack({ until }: { until: string | null | undefined }): JSX.Element | null {
  if (!until) return null;
  const left = (new Date(until).getTime() - now.value) / 1000;
  return <span class={`nowrap number${left < 300 ? " minus" : ""}`}>{left > 0 ? `in ${span(left)}` : "any moment"}</span>;
}

/** How many there are in each state, of one batch or of all. */
function States({ batch, state }: { batch: string; state: string }): JSX.Element {
  const counts = useResource(`states ${batch} ${table.value?.generation}`, async (signal) => {
    const found: [string, number][] = [];
    for (const it of MOVE_STATES) found.push([it, (await api.get<EntryList>("/table/entries", { batch, state: it, offset: 0, limit: 1 }, signal)).total ?? 0]);
    return new Map(found);
  });
  const all = counts.data ? [...counts.data.values()].reduce((sum, it) => sum + it, 0) : undefined;
  const tile = (key: string, name: string, n: number | undefined) => (
    <li key={key}><a href={href(`moves?${new URLSearchParams({ ...(key ? { state: key } : {}), ...(batch ? { batch } : {}) })}`)} aria-current={state === key ? "true" : undefined}><span class="value">{n === undefined ? "…" : count(n)}</span><span class="muted">{name}</span></a></li>
  );
  return (
    <nav aria-label="States"><ol class="plain states-row">
      {tile("", "All", all)}{MOVE_STATES.map((it) => tile(it, moveState(it), counts.data?.get(it)))}
    </ol></nav>
  );
}

function Filters({ batch }: { batch: string }): JSX.Element {
  const [text, setText] = useState(batch);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(batch), [batch]);
  const typed = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ batch: value.trim() || null }), TYPING_MS);
  };
  return (
    <div class="filters" role="search"><div class="search"><Input label="Batch" hideLabel type="search" placeholder="Batch" value={text} set={typed} data-filter /></div>
      {batch && <button type="button" class="link" onClick={() => setQuery({ batch: null })}>All batches</button>}</div>
  );
}

/** A number that is seldom more than none. */
const Few = ({ n }: { n: number }): JSX.Element => <span class={n === 0 ? "muted" : undefined}>{n === 0 ? "–" : count(n)}</span>;

function Row({ it, chosen, toggle, open }: { it: Move; chosen: boolean; toggle: () => void; open: boolean }): JSX.Element {
  return (
    <tr class={chosen ? "selected" : undefined}>
      {open && <td><input type="checkbox" aria-label={`Select ${it.address}`} checked={chosen} onChange={toggle} /></td>}
      <td><a class="mono" href={href(`moves/${encodeURIComponent(it.address)}`)}>{it.address}</a></td>
      <td><MoveBadge state={it.state} /></td><td>{siteName(it.home)}</td><td>{it.batch ? <a href={href(`moves?batch=${encodeURIComponent(it.batch)}`)}>{it.batch}</a> : <span class="muted">–</span>}</td>
      <td class="muted"><Since time={it.since} /></td><td><GoesBack until={it.hold_until} /></td>
      <td class="end"><Few n={it.held_messages} /></td><td class="end"><Few n={it.leases_total} /></td>
      <td class="end">{it.in_doubt_total > 0 ? <Badge state="in doubt" as="bad" label={count(it.in_doubt_total)} /> : <Few n={0} />}</td>
      <td><Copied sync={it.sync} /></td>
    </tr>
  );
}

/** Steps for the rows that are ticked, or for the whole batch that is shown. */
function Actions({ chosen, state, batch, act, clear }: { chosen: readonly Move[]; state: MoveState | undefined; batch: string; act: (subject: Subject, to: MoveState) => void; clear: () => void }): JSX.Element | null {
  if (!may("operator")) return null;
  if (chosen.length > 0) {
    const from = stateOf(chosen);
    return (
      <div class="selection" role="group" aria-label="Selected mailboxes"><strong>{plural(chosen.length, "mailbox", "mailboxes")} selected</strong>
        {from ? stepsFrom(from).map((it) => <button key={it.to} type="button" class="button" onClick={() => act({ from, moves: chosen }, it.to)}>{it.verb}…</button>) : <span class="muted">They are in several states: choose mailboxes of one.</span>}
        <button type="button" class="link" onClick={clear}>Clear selection</button></div>
    );
  }
  if (!batch || !state) return null;
  return (
    <div class="selection" role="group" aria-label={`All of batch ${batch}`}><strong>All of {batch} in {moveState(state).toLowerCase()}</strong>
      {stepsFrom(state).map((it) => <button key={it.to} type="button" class="button" onClick={() => act({ from: state, batch }, it.to)}>{it.verb}…</button>)}</div>
  );
}

function List(): JSX.Element {
  const state = query.value.get("state") ?? "";
  const batch = query.value.get("batch") ?? "";
  const [pages, setPages] = useState(1);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [step, setStep] = useState<{ subject: Subject; to: MoveState } | null>(null);
  useEffect(() => {
    setPages(1);
    setChosen(new Set());
  }, [state, batch]);
  const list = useResource(`moves ${state} ${batch} ${pages} ${table.value?.generation}`, async (signal) => {
    let page = await api.get<MoveList>("/moves", { state, batch, limit: PAGE }, signal);
    const moves = [...page.moves];
    for (let n = 1; n < pages && page.next_cursor; n += 1) {
      page = await api.get<MoveList>("/moves", { state, batch, cursor: page.next_cursor, limit: PAGE }, signal);
      moves.push(...page.moves);
    }
    return { moves, more: Boolean(page.next_cursor) };
  }, POLL_MS);
  const rows = list.data?.moves ?? [];
  const ticked = rows.filter((it) => chosen.has(it.address));
  const open = may("operator");
  const all = rows.length > 0 && ticked.length === rows.length;
  const toggle = (address: string) => setChosen((old) => {
    const next = new Set(old);
    if (!next.delete(address)) next.add(address);
    return next;
  });
  const done = () => {
    setChosen(new Set());
    list.reload();
  };
  return (
    <>
      <Head title="Moves" about="Mailboxes on their way from one site to the other. A step applies from the answer on, to mail that waits too; all mailboxes of a step move together or none does." />
      <States batch={batch} state={state} />
      <Filters batch={batch} />
      <Actions chosen={ticked} state={(state || undefined) as MoveState | undefined} batch={batch} act={(subject, to) => setStep({ subject, to })} clear={() => setChosen(new Set())} />
      <Loaded of={list} rows={8}>{(it) => it.moves.length === 0 ? (
        <div class="card">{state || batch ? <FilteredEmpty what="mailboxes" clear={() => setQuery({ state: null, batch: null })} /> : <Empty title="No mailbox is in the table" action={<a class="button" href={href("plans?import=1")}>Import a file</a>}>A mailbox moves once it is listed: import a file, or add it to the routes.</Empty>}</div>
      ) : (
        <section class="card" aria-label="Mailboxes">
          <div class="scroll" tabIndex={0} role="region" aria-label="Mailboxes in their move"><table class="rows">
            <thead><tr>{open && <th><input type="checkbox" aria-label={`Select all ${count(rows.length)} that are shown`} checked={all} onChange={() => setChosen(all ? new Set() : new Set(rows.map((one) => one.address)))} /></th>}<th>Mailbox</th><th>State</th><th>Home</th><th>Batch</th><th>Since</th><th>Goes back</th><th class="end">Held</th><th class="end">Under way</th><th class="end">In doubt</th><th>Copied</th></tr></thead>
            <tbody>{it.moves.map((one) => <Row key={one.address} it={one} open={open} chosen={chosen.has(one.address)} toggle={() => toggle(one.address)} />)}</tbody>
          </table></div>
          {it.more && <p class="pad"><button type="button" class="button small" onClick={() => setPages(pages + 1)}>Show more <Icon name="down" size={12} /></button></p>}
        </section>
      )}</Loaded>
      {step && <StepDialog subject={step.subject} first={step.to} close={() => setStep(null)} done={done} />}
    </>
  );
}

export function Moves(): JSX.Element {
  const address = rest.value[0];
  return address ? <MailboxMove key={address} address={address} /> : <List />;
}
