// The table's past: which version is looked at, what has changed since, and the way back to it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Generation, TableDiff } from "../api/types.ts";
import { ago, count, plural } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { href, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { table } from "../lib/table.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Empty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { Counts, RollBack } from "./changes.tsx";
import { ChangeList } from "./diff.tsx";

const SHOWN = 50;
const ROWS = 200;

const look = (generation: number | null) => setQuery({ generation: generation === null || generation === table.value?.generation ? null : String(generation) });

/** Picks a version from the history, or by its number. */
export function PickVersion({ close }: { close: () => void }): JSX.Element {
  const [number, setNumber] = useState("");
  const now = table.value?.generation ?? 0;
  const list = useResource("pick", (signal) => api.get<{ generations: Generation[] }>("/table/history", { limit: SHOWN }, signal));
  const wanted = Number(number);
  const wrong = number !== "" && wanted > now;
  const pick = (generation: number) => {
    look(generation);
    close();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (number && !wrong) pick(wanted);
  };
  return (
    <Dialog title="Look at an older table" close={close} wide>
      <form class="ask" onSubmit={submit}>
        <Input label="Version" inputMode="numeric" placeholder={`0 to ${now}`} value={number} set={(text) => setNumber(text.replace(/\D/g, ""))} error={wrong ? `The newest is ${count(now)}.` : undefined} autofocus />
        <button type="submit" class="button primary" disabled={!number || wrong}>Look at it</button>
      </form>
      <Loaded of={list} rows={6}>{(it) => it.generations.length === 0 ? <Empty title="Nothing was changed yet" /> : (
        <ol class="plain timeline pick" aria-label="Versions">{it.generations.map((one) => (
          <li key={one.generation}><button type="button" onClick={() => pick(one.generation)}><span class="mono version">{count(one.generation)}</span><span class="what"><strong>{one.reason || "No reason given"}</strong><span class="muted">{one.author}, <At time={one.at} age /></span></span><Counts {...one} /></button></li>
        ))}</ol>
      )}</Loaded>
    </Dialog>
  );
}

function Since({ from, close }: { from: number; close: () => void }): JSX.Element {
  const diff = useResource(`since ${from} ${table.value?.generation}`, (signal) => api.get<TableDiff>("/table/diff", { from, limit: ROWS }, signal));
  return (
    <Dialog title={`From version ${count(from)} to now`} close={close} wide>
      <Loaded of={diff} rows={5}>{(it) => it.rows.length === 0 ? <Empty title="No rows differ">The table is again what it was.</Empty> : (
        <><div class="card"><ChangeList changes={it.rows} /></div>{it.next_cursor && <p class="muted">These are the first {it.rows.length}. <code>causeway route diff {from}</code> lists all.</p>}</>
      )}</Loaded>
    </Dialog>
  );
}

/** Says that what is seen is the past, and leads out of it. */
export function PastBar({ generation }: { generation: number }): JSX.Element {
  const [open, setOpen] = useState<"pick" | "since" | "back" | null>(null);
  const at = useResource(`at ${generation}`, async (signal) => (await api.get<{ generations: Generation[] }>("/table/history", { before: generation + 1, limit: 1 }, signal)).generations[0]);
  const it = at.data?.generation === generation ? at.data : undefined;
  const since = (table.value?.generation ?? generation) - generation;
  const close = () => setOpen(null);
  return (
    <div class="notice wait past" role="region" aria-label="Past table"><Icon name="changes" />
      <div class="grow"><p><strong>This is the table as of version {count(generation)}.</strong> {it ? `${it.author} made it ${ago(it.at)}: ${it.reason || "no reason given"}. ` : ""}{plural(since, "change has", "changes have")} been made since; nothing can be edited here.</p></div>
      <div class="line">
        <button type="button" class="button small" onClick={() => setOpen("since")}>What differs from now</button>
        <a class="button small" href={href(`changes/${generation}`)}>What it changed</a>
        <button type="button" class="button small" onClick={() => setOpen("pick")}>Another version…</button>
        {may("operator") && <button type="button" class="button small" onClick={() => setOpen("back")}>Roll back to here…</button>}
        <button type="button" class="button small primary" onClick={() => look(null)}>Back to now</button>
      </div>
      {open === "pick" && <PickVersion close={close} />}
      {open === "since" && <Since from={generation} close={close} />}
      {open === "back" && <RollBack to={generation} close={close} />}
    </div>
  );
}
