// A plan, or the draft, against yesterday's mail: which messages would have gone elsewhere.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, isAbsent } from "../api/client.ts";
import type { Simulate, Simulation } from "../api/types.ts";
import { draftCount, edits } from "../lib/draft.ts";
import { count, plural } from "../lib/format.ts";
import { asError } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { Failure } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";

/** Rows that are shown; who wants all of them asks the command. */
const SHOWN = 200;

function SimulationResult({ it }: { it: Simulation }): JSX.Element {
  return (
    <>
      <p><strong>{it.changed.length === 0 ? "Nothing would have gone elsewhere." : `${plural(it.changed.length, "recipient")}${it.next_cursor ? " or more" : ""} would have gone elsewhere.`}</strong> <span class="muted">{count(it.messages_seen)} messages to {count(it.recipients_seen)} recipients were looked at.</span></p>
      {it.changed.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Messages that would have gone elsewhere">
          <table>
            <thead><tr><th>Accepted</th><th>Recipient</th><th>Went</th><th>Would go</th><th>Why</th></tr></thead>
            <tbody>{it.changed.slice(0, SHOWN).map((row) => (
              <tr key={row.id + row.recipient}><td><At time={row.accepted_at} /></td><td><a class="mono" href={href(`trace?q=${encodeURIComponent(row.id)}`)}>{row.recipient}</a></td><td>{row.went}</td><td>{row.would_go}</td><td class="muted">{row.why}</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}

/** `plan` by its id, or the draft. */
export function SimulateCard({ plan }: { plan?: string }): JSX.Element | null {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Simulation | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  if (!plan && draftCount.value === 0) return null;
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const what: Simulate = plan ? { plan } : { edits: edits() };
      let sum: Simulation | undefined;
      // A page may be empty and not the last: each looks at a part of the mail.
      do {
        const page: Simulation = await api.post<Simulation>("/explain/simulate", { ...what, cursor: sum?.next_cursor, limit: SHOWN });
        sum = sum ? { ...page, messages_seen: sum.messages_seen + page.messages_seen, recipients_seen: sum.recipients_seen + page.recipients_seen, changed: [...sum.changed, ...page.changed] } : page;
        setResult(sum);
      } while (sum.next_cursor && sum.changed.length < SHOWN);
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  if (error && isAbsent(error)) return null;
  return (
    <section class="card" aria-labelledby="simulate">
      <div class="card-head"><h2 id="simulate" class="grow">Against the last day's mail</h2>
        <button type="button" class="button small" disabled={busy} onClick={() => void run()}>{busy ? "Simulating…" : plan ? "Simulate this plan" : `Simulate the draft (${plural(draftCount.value, "edit")})`}</button></div>
      <div class="card-body stack">
        {error && <Failure error={error} />}
        {result ? <SimulationResult it={result} /> : !error && <p class="muted">Runs the last day's recipients through the changed table and lists whose mail would have gone elsewhere. Changes nothing.</p>}
      </div>
    </section>
  );
}
