// Every version of the table: who, when, why, what; and the way back.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Generation, TableDiff } from "../api/types.ts";
import { count, plural } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { go, href, rest } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { table } from "../lib/table.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { ChangeList } from "./diff.tsx";
import { download } from "./download.ts";

const PAGE = 50;

export function Counts({ added, changed, removed }: { added: number; changed: number; removed: number }): JSX.Element {
  return (
    <span class="counts number">
      {added > 0 && <span class="plus"><span aria-hidden="true">+</span>{count(added)}<span class="visually-hidden"> added</span></span>}
      {changed > 0 && <span class="tilde"><span aria-hidden="true">~</span>{count(changed)}<span class="visually-hidden"> changed</span></span>}
      {removed > 0 && <span class="minus"><span aria-hidden="true">−</span>{count(removed)}<span class="visually-hidden"> removed</span></span>}
      {added + changed + removed === 0 && <span class="muted">no rows</span>}
    </span>
  );
}

export function RollBack({ to, close }: { to: number; close: () => void }): JSX.Element {
  const [reason, setReason] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const plan = await api.post<{ id: string }>("/plans/rollback", { to_generation: to, reason: reason.trim() });
      close();
      go(`plans/${encodeURIComponent(plan.id)}`);
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={`Roll back to version ${count(to)}`} close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p>This makes a plan that turns the table back into what it was. Nothing changes until you have looked at it and applied it.</p>
        <Input label="Reason" value={reason} set={setReason} required autofocus />
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button primary">Make the plan</button></div>
      </form>
    </Dialog>
  );
}

function Detail({ revision }: { revision: Generation }): JSX.Element {
  const [back, setBack] = useState<number | null>(null);
  const n = revision.generation;
  const diff = useResource(`diff ${n}`, (signal) => api.get<TableDiff>("/table/diff", { from: revision.parent ?? n - 1, to: n, limit: 200 }, signal));
  return (
    <section class="card" aria-label={`Version ${n}`}>
      <div class="card-head"><h2 class="grow">Version {count(n)}</h2>
        <button type="button" class="button small" onClick={() => void download("/table/export", { generation: n }, `routes-${n}.csv`)}>Export as it was</button>
        {may("operator") && n !== table.value?.generation && <button type="button" class="button small" onClick={() => setBack(n)}>Roll back to here…</button>}
        {may("operator") && n === table.value?.generation && n > 0 && <button type="button" class="button small" onClick={() => setBack(revision.parent ?? n - 1)}>Undo this change…</button>}
      </div>
      <div class="card-body">
        <dl class="facts">
          <dt>By</dt><dd>{revision.author}{revision.approvers?.length ? `, approved by ${revision.approvers.join(", ")}` : ""}</dd>
          <dt>When</dt><dd><At time={revision.at} /></dd>
          <dt>Reason</dt><dd>{revision.reason || <span class="muted">none given</span>}</dd>
          {revision.ticket && <><dt>Ticket</dt><dd>{revision.ticket}</dd></>}
          {revision.plan && <><dt>Plan</dt><dd><a href={href(`plans/${encodeURIComponent(revision.plan)}`)}>{revision.plan}</a></dd></>}
          {revision.overrides?.length ? <><dt>Rails overridden</dt><dd>{revision.overrides.join("; ")}</dd></> : null}
          {n !== table.value?.generation && <><dt>The table then</dt><dd><a href={href(`routes?generation=${n}`)}>Look at it</a></dd></>}
          {revision.hash && <><dt>Fingerprint</dt><dd class="mono" title={revision.hash}>{revision.hash.slice(0, 16)}…</dd></>}
        </dl>
      </div>
      <Loaded of={diff} rows={3} absent="This gateway does not list the rows of a change">
        {(it) => it.rows.length === 0 ? <Empty title="No rows differ" /> : <><ChangeList changes={it.rows} />{it.next_cursor && <p class="muted pad">These are the first {it.rows.length} of {plural(revision.added + revision.changed + revision.removed, "row")}. Export both versions to compare all of them.</p>}</>}
      </Loaded>
      {back !== null && <RollBack to={back} close={() => setBack(null)} />}
    </section>
  );
}

export function Changes(): JSX.Element {
  const chosen = rest.value[0] ? Number(rest.value[0]) : undefined;
  const [older, setOlder] = useState<Generation[]>([]);
  const [more, setMore] = useState(true);
  const list = useResource(`history ${table.value?.generation}`, async (signal) => {
    const page = await api.get<{ generations: Generation[] }>("/table/history", { limit: PAGE }, signal);
    setOlder([]);
    setMore(page.generations.length === PAGE);
    return page.generations;
  });
  const all = [...(list.data ?? []), ...older];
  const shown = all.find((it) => it.generation === chosen) ?? all[0];
  const further = async () => {
    const page = await api.get<{ generations: Generation[] }>("/table/history", { limit: PAGE, before: all.at(-1)?.generation });
    setOlder([...older, ...page.generations]);
    setMore(page.generations.length === PAGE);
  };
  return (
    <>
      <Head title="Changes" about="Every version of the routing table. None is ever lost: going back is a change like any other." />
      <Loaded of={list}>{() => all.length === 0
        ? <div class="card"><Empty title="Nothing was changed yet" action={<a class="button" href={href("routes")}>Go to the routes</a>}>The table is as it was when the gateway first started: empty.</Empty></div>
        : (
          <div class="split">
            <section class="card" aria-label="Versions">
              <ol class="plain timeline">
                {all.map((it) => (
                  <li key={it.generation}>
                    <a href={href(`changes/${it.generation}`)} aria-current={it === shown ? "true" : undefined}>
                      <span class="mono version">{count(it.generation)}</span>
                      <span class="what"><strong>{it.reason || "No reason given"}</strong><span class="muted">{it.author}, <At time={it.at} age /></span></span>
                      <Counts {...it} />
                    </a>
                  </li>
                ))}
              </ol>
              {more && <p class="pad"><button type="button" class="button small" onClick={() => void further()}>Older changes <Icon name="down" size={12} /></button></p>}
            </section>
            {shown && <Detail key={shown.generation} revision={shown} />}
          </div>
        )}</Loaded>
    </>
  );
}
