// The routing table: a million rows to look through, edits that collect in a draft.
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Entry, EntryList, EntryPatch } from "../api/types.ts";
import { draft, drafted, edit, MOST, put } from "../lib/draft.ts";
import { count, MOVE_STATES, moveState, plural, siteName } from "../lib/format.ts";
import { useKeys } from "../lib/keys.ts";
import { Pages } from "../lib/pages.ts";
import { asError } from "../lib/resource.ts";
import { go, href, query, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { siteNames, table } from "../lib/table.ts";
import type { ApiError } from "../api/client.ts";
import { MoveBadge } from "../ui/badge.tsx";
import { Input, Select } from "../ui/field.tsx";
import { type Column, Grid } from "../ui/grid.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, FilteredEmpty, isLost, Skeleton } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { announce, toast } from "../ui/toast.tsx";
import { download } from "./download.ts";
import { EntryPanel, NewEntry } from "./entry.tsx";
import { PastBar, PickVersion } from "./past.tsx";

const FILTERS = ["matching", "home", "state", "batch", "domain", "changed_after"] as const;
const NAMES: Record<string, string> = { matching: "Contains", home: "Home", state: "State", batch: "Batch", domain: "Domain", changed_after: "Changed after version" };
const TYPING_MS = 250;

export const stateOptions = MOVE_STATES.map((it) => [it, moveState(it)] as const);

function usePages(filter: string): { pages: Pages<Entry>; error: ApiError | undefined; seen: (first: number, last: number) => void; refresh: () => void } {
  const [, paint] = useState(0);
  const [error, setError] = useState<ApiError | undefined>();
  const span = useRef<[number, number]>([0, 0]);
  const pages = useMemo(() => {
    const asked = Object.fromEntries(new URLSearchParams(filter));
    return new Pages<Entry>(
      async (offset, limit, signal) => {
        const got = await api.get<EntryList>("/table/entries", { ...asked, offset, limit }, signal);
        return { total: got.total ?? got.entries.length, generation: got.generation, rows: got.entries };
      },
      () => { setError(undefined); paint((it) => it + 1); },
      (failed) => setError(asError(failed)),
    );
  }, [filter]);
  useEffect(() => {
    pages.want(0, 0);
    return () => pages.close();
  }, [pages]);
  const seen = useCallback((first: number, last: number) => {
    span.current = [first, last];
    pages.want(first, last);
  }, [pages]);
  const refresh = useCallback(() => pages.refresh(...span.current), [pages]);
  return { pages, error, seen, refresh };
}

function filterText(): string {
  const kept = new URLSearchParams();
  for (const name of FILTERS) {
    const value = query.value.get(name);
    if (value) kept.set(name, value);
  }
  return kept.toString();
}

const clearFilters = () => setQuery(Object.fromEntries(FILTERS.map((it) => [it, null])));

function Filters(): JSX.Element {
  const asked = query.value;
  const [text, setText] = useState(asked.get("matching") ?? "");
  const [more, setMore] = useState(Boolean(asked.get("batch") || asked.get("domain") || asked.get("changed_after")));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(asked.get("matching") ?? ""), [asked.get("matching")]);
  const later = (name: string, value: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ [name]: value || null }), TYPING_MS);
  };
  return (
    <div class="stack tight">
      <div class="filters" role="search">
        <div class="search">
          <Input label="Find an address" hideLabel type="search" placeholder="Find an address or alias" value={text} data-filter set={(value) => { setText(value); later("matching", value.trim()); }} />
        </div>
        <Select label="Home" hideLabel value={asked.get("home") ?? ""} set={(value) => setQuery({ home: value || null })} options={[["", "Any home"], ...siteNames().map((it) => [it, siteName(it)] as const)]} />
        <Select label="State" hideLabel value={asked.get("state") ?? ""} set={(value) => setQuery({ state: value || null })} options={[["", "Any state"], ...stateOptions]} />
        <button type="button" class="button" aria-expanded={more} onClick={() => setMore(!more)}>More filters <Icon name="down" size={12} /></button>
      </div>
      {more && (
        <div class="filters">
          <Input label="Batch" value={asked.get("batch") ?? ""} set={(value) => later("batch", value.trim())} />
          <Input label="Domain" value={asked.get("domain") ?? ""} set={(value) => later("domain", value.trim())} />
          <Input label="Changed after version" inputMode="numeric" value={asked.get("changed_after") ?? ""} set={(value) => later("changed_after", value.replace(/\D/g, ""))} />
        </div>
      )}
      {FILTERS.some((it) => asked.get(it)) && (
        <div class="line" aria-label="Active filters" role="group">
          {FILTERS.filter((it) => asked.get(it)).map((it) => (
            <span key={it} class="chip">{NAMES[it]}: {it === "state" ? moveState(asked.get(it)!) : it === "home" ? siteName(asked.get(it)!) : asked.get(it)}
              <button type="button" class="icon-button" aria-label={`Remove filter ${NAMES[it]}`} onClick={() => setQuery({ [it]: null })}><Icon name="cross" size={12} /></button>
            </span>
          ))}
          <button type="button" class="link" onClick={clearFilters}>Clear all</button>
        </div>
      )}
    </div>
  );
}

function columns(toggle: (row: Entry) => void, chosen: ReadonlyMap<string, Entry>, sites: readonly string[], past: boolean): Column<Entry>[] {
  const editable = may("operator") && !past;
  const pick = (row: Entry, name: "home" | "state", value: string, options: readonly (readonly [string, string])[]) => (
    <select aria-label={`${name === "home" ? "Home" : "State"} of ${row.address}`} value={value} onChange={(event) => edit([row], { [name]: event.currentTarget.value } as EntryPatch)}>
      {options.map(([key, text]) => <option key={key} value={key} selected={key === value}>{text}</option>)}
    </select>
  );
  const homes = sites.map((it) => [it, siteName(it)] as const);
  const asNow = (row: Entry) => (past ? row : drafted(row));
  const all: Column<Entry>[] = [
    { id: "select", title: "", width: "28px", render: (row, live) => <label><span class="visually-hidden">Select {row.address}</span><input type="checkbox" tabIndex={live ? 0 : -1} checked={chosen.has(row.address)} onChange={() => toggle(row)} /></label> },
    { id: "address", title: "Address", width: "minmax(0, 2.4fr)", render: (row) => <span class="mono" title={row.aliases.length ? `Also ${row.aliases.join(", ")}` : undefined}>{row.address}</span> },
    { id: "home", title: "Home", width: "minmax(84px, 1fr)", render: (row, live) => editable && live ? pick(row, "home", drafted(row).home, homes) : <span class="value-text">{siteName(asNow(row).home)}</span> },
    { id: "state", title: "State", width: "minmax(84px, 1fr)", render: (row, live) => editable && live ? pick(row, "state", drafted(row).state, stateOptions) : <MoveBadge state={asNow(row).state} /> },
    { id: "batch", title: "Batch", width: "minmax(80px, 1fr)", wide: true, render: (row) => asNow(row).batch ?? <span class="muted">–</span> },
    { id: "aliases", title: "Aliases", width: "64px", wide: true, end: true, render: (row) => <span class="number">{row.aliases.length || <span class="muted">–</span>}</span> },
    { id: "changed", title: "Changed", width: "120px", wide: true, render: (row) => <span class="muted"><At time={row.changed_at} age /></span> },
  ];
  return past ? all.slice(1) : all;
}

/** What can be done to all rows that are ticked. */
function Selection({ chosen, clear, all, total }: { chosen: Map<string, Entry>; clear: () => void; all: () => void; total: number }): JSX.Element | null {
  if (chosen.size === 0) return null;
  const rows = [...chosen.values()];
  const apply = (patch: EntryPatch | null, text: string) => {
    const before = draft.value;
    edit(rows, patch);
    clear();
    toast(text, { undo: { label: "Undo", run: () => put(before) } });
  };
  return (
    <div class="selection" role="group" aria-label="Selected rows">
      <strong>{plural(chosen.size, "row")} selected</strong>
      {chosen.size < total && total <= MOST && <button type="button" class="link" onClick={all}>Select all {count(total)}</button>}
      <Select label="Set home of the selected rows" hideLabel value="" set={(value) => value && apply({ home: value }, `Home ${siteName(value)} for ${plural(rows.length, "row")}, in the draft.`)} options={[["", "Set home…"], ...siteNames().map((it) => [it, siteName(it)] as const)]} />
      <Select label="Set state of the selected rows" hideLabel value="" set={(value) => value && apply({ state: value as Entry["state"] }, `State ${moveState(value)} for ${plural(rows.length, "row")}, in the draft.`)} options={[["", "Set state…"], ...stateOptions]} />
      <button type="button" class="button" onClick={() => apply(null, `Removal of ${plural(rows.length, "row")}, in the draft.`)}>Remove {plural(rows.length, "row")}</button>
      <button type="button" class="link" onClick={clear}>Clear selection</button>
    </div>
  );
}

export function Routes(): JSX.Element {
  const past = query.value.get("generation");
  const filter = filterText();
  const { pages, error, seen, refresh } = usePages(past ? `${filter}&generation=${past}` : filter);
  const [picking, setPicking] = useState(false);
  const [chosen, setChosen] = useState<Map<string, Entry>>(new Map());
  const [shown, setShown] = useState<Entry | null>(null);
  const [adding, setAdding] = useState(false);
  const active = useRef<Entry | undefined>(undefined);
  const generation = table.value?.generation;
  useEffect(() => {
    if (!past && pages.loaded && generation !== undefined && generation !== pages.generation) refresh();
  }, [generation, pages, refresh, past]);
  useEffect(() => setChosen(new Map()), [filter, past]);
  useEffect(() => { if (pages.loaded) announce(`${plural(pages.total, "mailbox", "mailboxes")} found`); }, [pages.loaded, pages.total]);
  const toggle = useCallback((row: Entry) => setChosen((old) => {
    const next = new Map(old);
    if (!next.delete(row.address)) next.set(row.address, row);
    return next;
  }), []);
  const all = async () => {
    const next = new Map<string, Entry>();
    const asked = Object.fromEntries(new URLSearchParams(filter));
    for (let offset = 0; offset < pages.total; offset += 1000) {
      const page = await api.get<EntryList>("/table/entries", { ...asked, offset, limit: 1000 });
      for (const row of page.entries) next.set(row.address, row);
    }
    setChosen(next);
  };
  useKeys({ e: () => go(active.current ? `explain?address=${encodeURIComponent(active.current.address)}${past ? `&generation=${past}` : ""}` : "explain") });
  const total = pages.total;
  const open = (row: Entry) => (past ? go(`explain?address=${encodeURIComponent(row.address)}&generation=${past}`) : setShown(row));
  const whole = table.value?.entries;
  const names = siteNames().join(" ");
  const lists = useMemo(() => columns(toggle, chosen, names.split(" "), past !== null), [toggle, chosen, names, past]);
  return (
    <>
      <Head title="Routes" about={pages.loaded ? `${filter && !past && whole !== undefined ? `${count(total)} of ${plural(whole, "mailbox", "mailboxes")}` : plural(total, "mailbox", "mailboxes")}. ${past ? "" : "Edits collect in a draft and change nothing until their plan is applied."}` : "Where each mailbox lives."}>
        {!past && <button type="button" class="button" onClick={() => setPicking(true)}><Icon name="changes" size={14} /> Older tables…</button>}
        <button type="button" class="button" onClick={() => void download("/table/export", { generation: past }, `routes-${past ?? generation ?? 0}.csv`)}>Export CSV</button>
        {may("operator") && !past && <a class="button" href={href("plans?import=1")}>Import CSV</a>}
        {may("operator") && !past && <button type="button" class="button primary" onClick={() => setAdding(true)}><Icon name="plus" /> Add mailbox</button>}
      </Head>
      {past && <PastBar key={past} generation={Number(past)} />}
      <Filters />
      {error && !isLost(error) && <Failure error={error} retry={refresh} />}
      {!pages.loaded ? (isLost(error) ? <div class="card"><Empty title="Not known" /></div> : error ? null : <Skeleton rows={12} />) : total === 0 ? (
        past && !filter ? <Empty title="The table was empty then" /> : filter ? <FilteredEmpty what="mailboxes" clear={clearFilters} />
          : <Empty title="The table is empty" action={<a class="button" href={href("plans?import=1")}>Import a file</a>}>Every recipient is handled as its domain says for addresses that are not listed. Import a CSV file, or add mailboxes one by one.</Empty>
      ) : (
        <>
          <Selection chosen={chosen} clear={() => setChosen(new Map())} all={() => void all()} total={total} />
          <section class="card list" aria-label="Routing table">
            <Grid label="Routing table" total={total} columns={lists} row={(index) => pages.row(index)} seen={seen}
              open={open} peek={open} select={past ? undefined : toggle} selected={(row) => chosen.has(row.address)}
              marked={past ? undefined : (row) => { const change = draft.value.get(row.address); return change && (change.patch ? "edited" : "removed"); }}
              onActive={(row) => { active.current = row; }} />
          </section>
        </>
      )}
      {shown && <EntryPanel entry={shown} close={() => setShown(null)} />}
      {picking && <PickVersion close={() => setPicking(false)} />}
      {adding && <NewEntry close={() => setAdding(false)} />}
    </>
  );
}
