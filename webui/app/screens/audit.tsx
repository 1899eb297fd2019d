// Who did what, in a chain that shows if a link was touched.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { AuditRecord, AuditVerification } from "../api/types.ts";
import { capital, count, plural, words } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { query, setQuery } from "../lib/router.ts";
import { Badge } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";

const PAGE = 100;
const NAMES = ["actor", "action", "after", "before"] as const;
const KINDS: Record<string, ["good" | "bad" | "warn" | "info" | "none", string]> = {
  begun: ["info", "Begun"], ended: ["good", "Done"], refused: ["bad", "Refused"], shown: ["none", "Looked at"], login: ["info", "Login"], kept: ["none", "Older ones let go"],
};

interface Page {
  records: AuditRecord[];
  next_cursor?: string | null;
}

function Verify(): JSX.Element {
  const [result, setResult] = useState<AuditVerification | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setResult(await api.get<AuditVerification>("/audit/verify"));
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  return (
    <>
      {error && <Failure error={error} />}
      <div class={`notice ${result ? (result.intact ? "good" : "bad") : ""}`} role="status">
        <Icon name={result && !result.intact ? "cross" : "audit"} />
        <div class="grow">
          {!result ? <p>Each record carries the fingerprint of the one before, so that none can be changed or taken out unseen.</p>
            : result.intact ? <p><strong>The chain is whole.</strong> {plural(result.records, "record")}, {count(result.first_seq)} to {count(result.last_seq)}. Note its end to compare later: <code>{result.head_hash}</code></p>
              : <p><strong>The chain is broken at record {result.broken_seq}.</strong> {capital(result.broken ?? "")}</p>}
        </div>
        <button type="button" class="button small" disabled={busy} onClick={() => void run()}>{busy ? "Checking…" : "Check the chain"}</button>
      </div>
    </>
  );
}

function Details({ text }: { text: string }): JSX.Element | null {
  try {
    const entries = Object.entries(JSON.parse(text || "{}") as Record<string, unknown>).filter(([, value]) => value !== null && value !== "");
    return entries.length ? <span class="muted small">{entries.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ")}</span> : null;
  } catch {
    return <span class="muted small">{text}</span>;
  }
}

export function Audit(): JSX.Element {
  const asked = Object.fromEntries(NAMES.flatMap((it) => { const value = query.value.get(it); return value ? [[it, value]] : []; }));
  const times = { ...asked, ...Object.fromEntries((["after", "before"] as const).flatMap((it) => (asked[it] ? [[it, new Date(asked[it]).toISOString()]] : []))) };
  const [more, setMore] = useState<AuditRecord[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const list = useResource(JSON.stringify(asked), async (signal) => {
    const page = await api.get<Page>("/audit", { ...times, limit: PAGE }, signal);
    setMore([]);
    setCursor(page.next_cursor ?? null);
    return page.records;
  });
  const further = async () => {
    const page = await api.get<Page>("/audit", { ...times, limit: PAGE, cursor });
    setMore([...more, ...page.records]);
    setCursor(page.next_cursor ?? null);
  };
  const field = (name: (typeof NAMES)[number]) => (value: string) => setQuery({ [name]: value || null });
  const clear = () => setQuery(Object.fromEntries(NAMES.map((it) => [it, null])));
  return (
    <>
      <Head title="Audit" about="Every call that changed something, was refused, or showed what is private." />
      <Verify />
      <div class="filters" role="search">
        <Input label="Who" type="search" value={asked.actor ?? ""} set={field("actor")} data-filter />
        <Input label="Action begins with" type="search" placeholder="POST /api/v1/plans" value={asked.action ?? ""} set={field("action")} />
        <Input label="From" type="datetime-local" value={asked.after ?? ""} set={field("after")} />
        <Input label="Until" type="datetime-local" value={asked.before ?? ""} set={field("before")} />
      </div>
      <Loaded of={list} absent="This gateway keeps no audit log">{(it) => it.length === 0 ? <div class="card">{Object.keys(asked).length ? <FilteredEmpty what="records" clear={clear} /> : <Empty title="Nothing was done yet" />}</div> : (
        <section class="card" aria-label="Records">
          <div class="scroll" tabIndex={0} role="region" aria-label="Audit records"><table>
            <thead><tr><th class="end">Record</th><th>When</th><th>Who</th><th>Result</th><th>Action</th><th>From</th></tr></thead>
            <tbody>{[...it, ...more].map((one) => {
              const [tone, name] = KINDS[one.kind] ?? ["none", one.kind];
              return (
                <tr key={one.seq}><td class="end mono">{one.seq}</td><td><At time={one.at} /></td><td>{one.actor}<br /><span class="muted small">{capital(words(one.via))}</span></td>
                  <td><Badge state={one.kind} as={tone} label={name} />{one.status ? <span class="muted small"> {one.status} {one.code}</span> : null}</td>
                  <td><span class="mono">{one.action}</span>{one.target && <> <strong class="mono">{one.target}</strong></>}<br /><Details text={one.details} /></td><td class="mono muted">{one.source}</td></tr>
              );
            })}</tbody>
          </table></div>
          {cursor && <p class="pad"><button type="button" class="button small" onClick={() => void further()}>Older records</button></p>}
        </section>
      )}</Loaded>
    </>
  );
}
