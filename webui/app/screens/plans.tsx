// Plans: changes of the table that are looked at before they are made.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { type ApiError, api, withQuery } from "../api/client.ts";
import type { Plan, PlanList } from "../api/types.ts";
import { MOVE_STATES, moveState, siteName } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { go, href, query, rest, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { siteNames } from "../lib/table.ts";
import { PLAIN, queryOf, type Terms } from "../lib/terms.ts";
import { Badge } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Check, Input, Select } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { Counts } from "./changes.tsx";
import { PlanReview } from "./plan.tsx";
import { TermsFields } from "./terms.tsx";

const POLL_MS = 10_000;
const STATES = ["ready", "awaiting_approval", "scheduled", "canary", "applied", "rolled_back", "cancelled", "failed"] as const;
export const PLAN_STATES: Record<string, string> = { checking: "Being checked", ready: "Ready", awaiting_approval: "Waits for approval", scheduled: "Scheduled", canary: "Canary runs", applied: "Applied", rolled_back: "Rolled back", cancelled: "Cancelled", failed: "Failed" };
export const isBlocked = (it: Plan): boolean => it.state === "ready" && it.blocked.some((one) => !one.overridden_by);

export function PlanBadge({ plan }: { plan: Plan }): JSX.Element {
  return isBlocked(plan) ? <Badge state="blocked" label="Blocked by a rail" /> : <Badge state={plan.state} label={PLAN_STATES[plan.state]} />;
}

const FORMATS = [["auto", "Recognise it by its header"], ["causeway", "Ours: address, home, state, batch"], ["staged", "Microsoft staged migration"], ["imap", "Microsoft IMAP migration"], ["remote_move", "Microsoft remote move"]] as const;

/** Bytes as text, whatever byte order mark says they are. */
export function decode(bytes: Uint8Array): string {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (a === 0xfe && b === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return new TextDecoder("utf-8").decode(bytes);
}

function ImportDialog({ close }: { close: () => void }): JSX.Element {
  const [file, setFile] = useState<File | null>(null);
  const [form, setForm] = useState({ format: "auto", home: "", state: "", batch: "", reason: "", ticket: "" });
  const [replace, setReplace] = useState(false);
  const [terms, setTerms] = useState<Terms>(PLAIN);
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const field = (name: keyof typeof form) => (value: string) => setForm({ ...form, [name]: value });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!file) return;
    setBusy(true);
    setError(undefined);
    try {
      const text = decode(new Uint8Array(await file.arrayBuffer()));
      const plan = await api.post<Plan>(withQuery("/plans/import", { ...form, replace: replace || undefined, ...queryOf(terms) }), undefined, { raw: { text, type: "text/csv" }, deadlineMs: 300_000 });
      close();
      go(`plans/${encodeURIComponent(plan.id)}`);
    } catch (caught) {
      setError(asError(caught));
      setBusy(false);
      // A browser does not read a file again that was changed since it was chosen.
      setFile(null);
      if (input.current) input.current.value = "";
    }
  };
  return (
    <Dialog title="Import a file as a plan" close={close} wide>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <div class="field"><label for="plan-file">CSV file</label><input id="plan-file" ref={input} type="file" accept=".csv,text/csv" required onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
          <p class="hint">Nothing changes yet: the file becomes a plan that shows what it would do. Mistakes are listed with their line and column.</p></div>
        <Select label="Columns" value={form.format} set={field("format")} options={FORMATS} />
        <div class="form-row">
          <Select label="Home, where the file has none" value={form.home} set={field("home")} options={[["", "As it is"], ...siteNames().map((it) => [it, siteName(it)] as const)]} />
          <Select label="State, where the file has none" value={form.state} set={field("state")} options={[["", "As it is"], ...MOVE_STATES.map((it) => [it, moveState(it)] as const)]} />
          <Input label="Batch, where the file has none" value={form.batch} set={field("batch")} />
        </div>
        <div class="form-row"><Input label="Reason" value={form.reason} set={field("reason")} required /><Input label="Ticket" value={form.ticket} set={field("ticket")} /></div>
        <Check label="The file is the whole table" hint="Mailboxes that are not in it are removed." value={replace} set={setReplace} />
        <TermsFields terms={terms} set={setTerms} />
        {error && <><Failure error={error} /><p class="hint">Choose the file again once it is mended.</p></>}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button primary" disabled={busy}>{busy ? "Reading…" : "Make the plan"}</button></div>
      </form>
    </Dialog>
  );
}

function List(): JSX.Element {
  const state = query.value.get("state") ?? "";
  const list = useResource(`plans ${state}`, (signal) => api.get<PlanList>("/plans", { state, limit: 200 }, signal), POLL_MS);
  return (
    <>
      <Head title="Plans" about="A plan shows what a change would do before it is made, and what stands in its way.">
        {may("operator") && <button type="button" class="button primary" onClick={() => setQuery({ import: "1" })}><Icon name="plus" /> Import CSV</button>}
      </Head>
      <div class="filters"><Select label="State" hideLabel value={state} set={(value) => setQuery({ state: value || null })} options={[["", "Any state"], ...STATES.map((it) => [it, PLAN_STATES[it]!] as const)]} /></div>
      <Loaded of={list} absent="This gateway does not make plans">{(it) => it.plans.length === 0
        ? <div class="card">{state ? <FilteredEmpty what="plans" clear={() => setQuery({ state: null })} /> : <Empty title="There are no plans" action={<a class="button" href={href("routes")}>Go to the routes</a>}>Edit some routes and review the draft, or import a file.</Empty>}</div>
        : <div class="card scroll" tabIndex={0} role="region" aria-label="Plans"><table class="rows">
          <thead><tr><th>Reason</th><th>State</th><th>Rows</th><th>By</th><th>Made</th><th>Ends</th></tr></thead>
          <tbody>{it.plans.map((plan) => (
            <tr key={plan.id}>
              <td><a href={href(`plans/${encodeURIComponent(plan.id)}`)}><strong>{plan.reason || "No reason given"}</strong></a>{plan.ticket && <span class="muted"> {plan.ticket}</span>}</td>
              <td><PlanBadge plan={plan} /></td>
              <td><Counts {...plan} /></td><td>{plan.author}</td><td><At time={plan.created_at} age /></td>
              <td>{["applied", "cancelled", "failed", "rolled_back"].includes(plan.state) ? <span class="muted">–</span> : <At time={plan.expires_at} age />}</td>
            </tr>
          ))}</tbody>
        </table></div>}</Loaded>
      {query.value.get("import") && <ImportDialog close={() => setQuery({ import: null })} />}
    </>
  );
}

export function Plans(): JSX.Element {
  const id = rest.value[0];
  return id ? <PlanReview key={id} id={id} /> : <List />;
}
