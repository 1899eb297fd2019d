// Who exists, by the directories: how fresh their copies are, who is in them, and where they and the
// routing table disagree.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { DirectorySource, DirectoryStatus, DirectorySync, DriftList, Recipient, RecipientList } from "../api/types.ts";
import { capital, count, milliseconds, plural, span, words } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { href, query, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { copy } from "./download.ts";

const POLL_MS = 5000;
const KINDS: Record<string, string> = { ldap: "Directory service", csv: "File", callout: "Asks the site" };
const STATES: Record<string, [Tone, string]> = {
  waiting: ["none", "Not read yet"], ok: ["good", "Up to date"], failed: ["bad", "Cannot be read"], needs_confirmation: ["warn", "Wants your agreement"], asking: ["info", "Asks for each recipient"],
};
const DRIFTS: Record<string, string> = {
  not_in_table: "Not in the table", not_in_directory: "In no directory", home_differs: "Another home", alias_differs: "Alias not in the directory", alias_conflict: "Alias of two mailboxes",
};

function SyncResult({ it, accept }: { it: DirectorySync; accept: () => void }): JSX.Element {
  const pending = it.pending_removals;
  if (pending) {
    return (
      <div class="notice warn" role="status"><Icon name="warning" /><div class="grow stack tight">
        <p><strong>Nothing was changed.</strong> This read would remove {plural(pending.recipients, "recipient")} with {plural(pending.addresses, "address", "addresses")} of {count(pending.of_addresses)}, which is more than the bound.</p>
        <p class="mono small">{pending.examples.slice(0, 5).join(", ")}</p>
        {may("operator") && <p><button type="button" class="button danger small" onClick={accept}>Remove {plural(pending.recipients, "recipient")} all the same</button></p>}
      </div></div>
    );
  }
  return <div class="notice good" role="status"><Icon name="check" /><p>{it.dry_run ? "Would add" : "Added"} {count(it.added)}, {it.dry_run ? "change" : "changed"} {count(it.changed)}, {it.dry_run ? "remove" : "removed"} {count(it.removed)} of {plural(it.entries, "entry", "entries")} in {milliseconds(it.milliseconds)}.</p></div>;
}

function Source({ it, reload }: { it: DirectorySource; reload: () => void }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<DirectorySync | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [tone, name] = STATES[it.state] ?? ["none", capital(words(it.state))];
  const sync = async (body: { dry_run?: boolean; accept_removals?: boolean }) => {
    setBusy(true);
    setError(undefined);
    try {
      setResult(await api.post<DirectorySync>(`/directory/sources/${segment(it.name)}/sync`, body, { deadlineMs: 300_000 }));
      reload();
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  return (
    <section class="card" aria-label={it.name}>
      <div class="card-head"><h2>{it.name}</h2><Badge state={it.state} as={tone} label={name} /><span class="muted grow">{KINDS[it.kind] ?? it.kind}, <span class="mono">{it.place}</span></span>
        {may("operator") && it.kind !== "callout" && <><button type="button" class="button small" disabled={busy} onClick={() => void sync({ dry_run: true })}>Try {it.name}</button><button type="button" class="button small" disabled={busy} onClick={() => void sync({})}>{busy ? "Reading…" : `Read ${it.name} now`}</button></>}</div>
      <div class="card-body stack">
        <div class="figures">
          <div class="figure"><span class="value">{count(it.recipients)}</span><span class="muted">recipients</span></div>
          <div class="figure"><span class="value">{count(it.addresses)}</span><span class="muted">addresses</span></div>
          <div class="figure"><span class="value">{it.age_seconds === null || it.age_seconds === undefined ? "–" : span(it.age_seconds)}</span><span class="muted">old</span></div>
          <div class="figure"><span class="value small">{it.fresh ? "Unknown ones are refused" : "Unknown ones are put off"}</span><span class="muted">at RCPT</span></div>
        </div>
        {it.last_error && <div class="notice bad"><Icon name="warning" /><p>{capital(it.last_error)}. {it.good_at && <>The copy of <At time={it.good_at} /> serves.</>}</p></div>}
        {!result && it.pending_removals && <SyncResult it={{ dry_run: false, full: true, entries: 0, added: 0, changed: 0, removed: 0, milliseconds: 0, pending_removals: it.pending_removals }} accept={() => void sync({ accept_removals: true })} />}
        {error && <Failure error={error} />}
        {result && <SyncResult it={result} accept={() => void sync({ accept_removals: true })} />}
        {it.mistakes > 0 && <details><summary>{plural(it.mistakes, "entry is", "entries are")} wrong in some way</summary><ul class="plain mistakes">{it.mistakes_listed.map((one) => <li key={one.entry + one.message}><code>{one.entry}</code> {one.message}</li>)}</ul></details>}
      </div>
    </section>
  );
}

function Recipients(): JSX.Element {
  const asked = query.value.get("matching") ?? "";
  const [more, setMore] = useState<Recipient[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const list = useResource(`recipients ${asked}`, async (signal) => {
    const page = await api.get<RecipientList>("/directory/recipients", { matching: asked, limit: 100 }, signal);
    setMore([]);
    setCursor(page.next_cursor ?? null);
    return page.recipients;
  });
  const further = async () => {
    const page = await api.get<RecipientList>("/directory/recipients", { matching: asked, cursor, limit: 100 });
    setMore([...more, ...page.recipients]);
    setCursor(page.next_cursor ?? null);
  };
  return (
    <section class="card" aria-labelledby="recipients">
      <div class="card-head"><h2 id="recipients" class="grow">Recipients</h2>
        <Input label="Find a recipient" hideLabel type="search" placeholder="Find an address" value={asked} set={(value) => setQuery({ matching: value.trim() || null })} data-filter /></div>
      <Loaded of={list} rows={4}>{(it) => it.length === 0 ? (asked ? <FilteredEmpty what="recipients" clear={() => setQuery({ matching: null })} /> : <Empty title="No recipients">They appear once a directory was read.</Empty>) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Recipients"><table><thead><tr><th>Address</th><th>Kind</th><th>Other addresses</th><th>Mail goes on to</th><th>Directory</th></tr></thead>
          <tbody>{[...it, ...more].map((one) => <tr key={one.source + one.id}><td><a class="mono" href={href(`explain?address=${encodeURIComponent(one.address)}`)}>{one.address}</a></td><td>{capital(words(one.kind))}</td><td class="mono muted">{one.aliases.join(", ")}</td><td class="mono">{one.target_address}</td><td>{one.source}</td></tr>)}</tbody></table>
          {cursor && <p class="pad"><button type="button" class="button small" onClick={() => void further()}>Show more</button></p>}</div>
      )}</Loaded>
    </section>
  );
}

function DriftReport(): JSX.Element {
  const list = useResource("drift", (signal) => api.get<DriftList>("/directory/drift", { limit: 200 }, signal));
  return (
    <section class="card" aria-labelledby="drift">
      <div class="card-head"><h2 id="drift" class="grow">Where table and directories disagree</h2><button type="button" class="button small" onClick={list.reload}><Icon name="refresh" size={14} /> Compare again</button></div>
      <Loaded of={list} rows={3}>{(it) => it.rows.length === 0 ? <Empty title="They agree">Every mailbox of the one is in the other.</Empty> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Disagreements"><table><thead><tr><th>Address</th><th>What</th><th>Table</th><th>Directory</th><th>To bring the table in line</th></tr></thead>
          <tbody>{it.rows.map((one) => <tr key={one.address + one.kind}><td><a class="mono" href={href(`routes?matching=${encodeURIComponent(one.address)}`)}>{one.address}</a></td><td>{DRIFTS[one.kind] ?? words(one.kind)}</td><td>{one.table ?? "–"}</td><td>{one.directory ?? "–"}</td>
            <td>{one.suggestion && <><code>{one.suggestion}</code> <button type="button" class="icon-button" aria-label={`Copy the command for ${one.address}`} onClick={() => void copy(one.suggestion!, "Command")}><Icon name="copy" size={14} /></button></>}</td></tr>)}</tbody></table>
          {it.next_cursor && <p class="muted pad">These are the first {it.rows.length}. <code>causeway directory drift</code> lists all.</p>}</div>
      )}</Loaded>
    </section>
  );
}

export function Directory(): JSX.Element {
  const status = useResource("directory", (signal) => api.get<DirectoryStatus>("/directory", {}, signal), POLL_MS);
  return (
    <>
      <Head title="Directory" about="Who exists. The last good copy serves while a directory is down: whom it knows is accepted, others are put off, nobody is wrongly refused." />
      <Loaded of={status} absent="This gateway reads no directories">{(it) => it.sources.length === 0
        ? <div class="card"><Empty title="No directory is configured">Recipients are known from the routing table only. A section <code>[directory.NAME]</code> in the configuration adds Active Directory, another LDAP server or a file.</Empty></div>
        : <div class="stack">
          {it.conflicts > 0 && <div class="notice warn"><Icon name="warning" /><p>{plural(it.conflicts, "address", "addresses")} belong to more than one recipient. The first keeps them.</p></div>}
          {it.sources.map((source) => <Source key={source.name} it={source} reload={status.reload} />)}
          <Recipients /><DriftReport />
        </div>}</Loaded>
    </>
  );
}
