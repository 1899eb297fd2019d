// One plan: what it changes, for whom, what stands in its way, and the button that applies it.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { Blocked, Change, Plan, RowConflict, RowList } from "../api/types.ts";
import { draft, edit, put } from "../lib/draft.ts";
import { capital, clock, count, plural, siteName, words } from "../lib/format.ts";
import { prefs } from "../lib/prefs.ts";
import { asError, useResource } from "../lib/resource.ts";
import { go, href } from "../lib/router.ts";
import { may, who } from "../lib/session.ts";
import { refreshTable } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded, Prose } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { announce, toast } from "../ui/toast.tsx";
import { Conflicts } from "./conflicts.tsx";
import { ChangeList } from "./diff.tsx";
import { PLAN_STATES } from "./plans.tsx";
import { SimulateCard } from "./simulate.tsx";

const POLL_MS = 3000;
const OVER = ["applied", "rolled_back", "cancelled", "failed"];
const RAILS: Record<string, string> = {
  large_change: "Large change", domain_row: "Every mailbox of a domain", site_not_healthy: "Site not healthy", recipient_refused: "Recipient refused by the future site",
  loop: "Mail would loop", batch_not_synced: "Batch not copied yet", freeze_window: "Freeze window", second_person: "Second person",
};
/** Rails that ask whether so much is meant: repeating the text answers. */
const ASKS = ["large_change", "domain_row"];
const railName = (rail: string): string => RAILS[rail] ?? capital(words(rail));

function Rows({ plan }: { plan: Plan }): JSX.Element {
  const kinds = ([["add", plan.added], ["change", plan.changed], ["remove", plan.removed], ["unchanged", plan.unchanged]] as const).filter(([, n]) => n > 0);
  const [kind, setKind] = useState<string>(kinds[0]?.[0] ?? "change");
  const [more, setMore] = useState<Change[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const path = `/plans/${segment(plan.id)}/rows`;
  const rows = useResource(`${plan.id} ${kind}`, async (signal) => {
    const page = await api.get<RowList>(path, { kind, limit: 200 }, signal);
    setMore([]);
    setCursor(page.next_cursor ?? null);
    return page.rows;
  });
  const further = async () => {
    const page = await api.get<RowList>(path, { kind, cursor, limit: 200 });
    setMore([...more, ...page.rows]);
    setCursor(page.next_cursor ?? null);
  };
  const names: Record<string, string> = { add: "Added", change: "Changed", remove: "Removed", unchanged: "Unchanged" };
  return (
    <section class="card" aria-label="Rows">
      <div class="tabs" role="tablist" aria-label="Rows of the plan">
        {kinds.map(([it, n]) => <button key={it} type="button" role="tab" id={`tab-${it}`} aria-controls="plan-rows" aria-selected={it === kind} tabIndex={it === kind ? 0 : -1} onClick={() => setKind(it)}
          onKeyDown={(event) => { const at = kinds.findIndex(([one]) => one === kind); const to = event.key === "ArrowRight" ? at + 1 : event.key === "ArrowLeft" ? at - 1 : -1; const next = kinds[to]; if (next) { setKind(next[0]); document.getElementById(`tab-${next[0]}`)?.focus(); } }}>{names[it]} <span class="number">{count(n)}</span></button>)}
      </div>
      <div role="tabpanel" id="plan-rows" aria-labelledby={`tab-${kind}`} tabIndex={0}>
        {kinds.length === 0 ? <Empty title="This plan changes nothing" /> : <Loaded of={rows} rows={4}>{(it) => <><ChangeList changes={[...it, ...more]} />{cursor && <p class="pad"><button type="button" class="button small" onClick={() => void further()}>Show more</button></p>}</>}</Loaded>}
      </div>
    </section>
  );
}

function Impact({ plan }: { plan: Plan }): JSX.Element | null {
  if (plan.impact.length === 0) return null;
  const name = (site: string | null | undefined) => (site ? siteName(site) : "refused");
  return (
    <section class="card" aria-labelledby="impact">
      <div class="card-head"><h2 id="impact">Whose mail goes elsewhere</h2></div>
      <div class="scroll"><table>
        <thead><tr><th>Domain</th><th>From</th><th>To</th><th class="end">Mailboxes</th></tr></thead>
        <tbody>{plan.impact.map((it) => <tr key={`${it.domain} ${it.from} ${it.to}`}><td class="mono">{it.domain}</td><td>{name(it.from)}</td><td>{name(it.to)}</td><td class="end">{count(it.n)}</td></tr>)}</tbody>
      </table></div>
    </section>
  );
}

function Rail({ it, reason, set }: { it: Blocked; reason: string | undefined; set?: (reason: string | undefined) => void }): JSX.Element {
  const passed = Boolean(it.overridden_by);
  return (
    <li class={`notice ${passed ? "good" : set ? "bad" : "warn"}`}>
      <Icon name={passed ? "check" : "warning"} />
      <div class="grow stack tight">
        <p><strong>{railName(it.rail)}.</strong> {capital(it.message)}{/[.!?]$/.test(it.message) ? "" : "."}</p>
        {it.hint && <Prose text={ASKS.includes(it.rail) ? "Look at the rows. If all of it is meant, repeat the text below" : it.hint} />}
        {it.examples.length > 0 && <p class="mono small">{it.examples.slice(0, 5).join(", ")}{it.rows > it.examples.length || it.examples.length > 5 ? ` and others, ${plural(it.rows, "row")} in all` : ""}</p>}
        {passed && <p>Overridden by {it.overridden_by}.</p>}
        {set && !passed && it.overridable && (
          reason === undefined
            ? <p><button type="button" class="button small" onClick={() => set("")}>Override {railName(it.rail).toLowerCase()}…</button></p>
            : <Input label={`Why ${railName(it.rail).toLowerCase()} may be overridden`} hint="Goes into the history under your name." value={reason} set={set} autofocus />
        )}
      </div>
    </li>
  );
}

function Canary({ plan }: { plan: Plan }): JSX.Element | null {
  const { canary, canary_progress: now } = plan;
  if (!canary) return null;
  return (
    <div class="notice wait"><Icon name="flow" /><div class="grow">
      <p><strong>Canary:</strong> {canary.recipients ? plural(canary.recipients, "row") : `${canary.percent} % of the rows`} first, the rest {[canary.after_deliveries ? `after ${plural(canary.after_deliveries, "delivery", "deliveries")}` : "", canary.after_seconds ? `after ${Math.round(canary.after_seconds / 60)} min` : ""].filter(Boolean).join(" or ") || "after 15 min"}. It goes back by itself above {canary.bounce_percent_max ?? 2} % of returned mail.</p>
      {now && <p>{plural(now.rows, "row")} applied <At time={now.since} age />: {count(now.delivered)} delivered, {count(now.bounced)} returned.</p>}
    </div></div>
  );
}

interface Blockade {
  error?: ApiError;
  conflicts: RowConflict[];
}

function ApplyForm({ plan, reload, overrides, busy, setBusy, fail }: { plan: Plan; reload: (plan: Plan) => void; overrides: Record<string, string>; busy: boolean; setBusy: (busy: boolean) => void; fail: (it: Blockade) => void }): JSX.Element {
  const [confirm, setConfirm] = useState("");
  const open = plan.blocked.filter((it) => !it.overridden_by);
  const confirmed = plan.confirm !== null && plan.confirm !== undefined && confirm.trim() === plan.confirm;
  const overridden = (it: Blocked) => it.overridable && (overrides[it.rail]?.trim() ?? "") !== "";
  const asks = plan.confirm && open.some((it) => ASKS.includes(it.rail) && !overridden(it));
  const met = open.every((it) => overridden(it) || (confirmed && ASKS.includes(it.rail)));
  const rows = plan.added + plan.changed + plan.removed;
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const list = Object.entries(overrides).filter(([, reason]) => reason.trim()).map(([rail, reason]) => ({ rail, reason: reason.trim() }));
      const done = await api.post<Plan>(`/plans/${segment(plan.id)}/apply`, { confirm: asks ? confirm.trim() : undefined, overrides: list });
      reload(done);
      void refreshTable();
      if (done.state === "applied" && done.generation) toast(`Applied as version ${count(done.generation)} of the table.`, { undo: { label: "Undo…", run: () => void undo(done.generation!) } });
      else announce(PLAN_STATES[done.state] ?? done.state);
      fail({ conflicts: [] });
    } catch (caught) {
      const error = asError(caught);
      fail({ error, conflicts: error.problem.conflicts ?? [] });
    }
    setBusy(false);
  };
  return (
    <form class="card card-body form apply" onSubmit={(event) => void submit(event)} aria-label="Apply the plan">
      {asks && <Input label={`Type “${plan.confirm}” to confirm`} value={confirm} set={setConfirm} required error={confirm && !confirmed ? "Not the same yet." : undefined} />}
      {!met && open.some((it) => !ASKS.includes(it.rail) && !overridden(it)) && <p class="muted">{open.some((it) => !it.overridable) ? "What blocks this plan has to be mended, then check again." : "Say why each rail above may be overridden, or mend its cause and check again."}</p>}
      <div class="dialog-foot"><button type="submit" class="button primary" disabled={busy || !met}>{busy ? "Applying…" : plan.not_before ? `Schedule ${plural(rows, "change")}` : `Apply ${plural(rows, "change")}`}</button></div>
    </form>
  );
}

async function undo(generation: number): Promise<void> {
  try {
    const plan = await api.post<Plan>("/plans/rollback", { undo_generation: generation, reason: `Undo version ${generation}` });
    go(`plans/${encodeURIComponent(plan.id)}`);
  } catch (caught) {
    toast(asError(caught).message, { bad: true });
  }
}

function Facts({ plan }: { plan: Plan }): JSX.Element {
  return (
    <dl class="facts">
      <dt>By</dt><dd>{plan.author}, <At time={plan.created_at} /></dd>
      {plan.approvers.length > 0 && <><dt>Approved by</dt><dd>{plan.approvers.join(", ")}</dd></>}
      {plan.ticket && <><dt>Ticket</dt><dd>{plan.ticket}</dd></>}
      <dt>Made from</dt><dd>table version <a href={href(`changes/${plan.base_generation}`)}>{count(plan.base_generation)}</a></dd>
      {plan.generation && <><dt>Became</dt><dd>table version <a href={href(`changes/${plan.generation}`)}>{count(plan.generation)}</a></dd></>}
      {plan.not_before && <><dt>Not before</dt><dd><At time={plan.not_before} /> <span class="muted">({clock(plan.not_before, !prefs.value.utc)} {prefs.value.utc ? "local" : "UTC"})</span></dd></>}
      {!OVER.includes(plan.state) && <><dt>Lapses</dt><dd><At time={plan.expires_at} age /></dd></>}
    </dl>
  );
}

/** The plan's edits as a draft again, on top of the table as it is now. */
async function again(plan: Plan): Promise<void> {
  const before = draft.value;
  for (const kind of ["add", "change", "remove"]) {
    let cursor: string | null | undefined;
    do {
      const page: RowList = await api.get<RowList>(`/plans/${segment(plan.id)}/rows`, { kind, cursor, limit: 1000 });
      for (const { address, before: was, after } of page.rows) {
        const { home, state, batch, cloud_address, aliases, note } = after ?? {};
        edit([was ?? { address }], after ? { home, state, batch, cloud_address, aliases, note } : null);
      }
      cursor = page.next_cursor;
    } while (cursor);
  }
  toast("The plan's edits are in the draft.", { undo: { label: "Undo", run: () => put(before) } });
  go("routes");
}

function Review({ plan, set, reload }: { plan: Plan; set: (plan: Plan) => void; reload: () => void }): JSX.Element {
  const [overrides, setOverrides] = useState<Record<string, string>>({});
  const [blockade, setBlockade] = useState<Blockade>({ conflicts: [] });
  const [busy, setBusy] = useState(false);
  const call = async (what: "approve" | "cancel" | "check") => {
    setBusy(true);
    try {
      set(await api.post<Plan>(`/plans/${segment(plan.id)}/${what}`));
      setBlockade({ conflicts: [] });
      announce({ approve: "Approved", cancel: "Cancelled", check: "Checked again" }[what]);
    } catch (caught) {
      setBlockade({ error: asError(caught), conflicts: [] });
    }
    setBusy(false);
  };
  const over = OVER.includes(plan.state);
  const waits = plan.state === "awaiting_approval";
  const mine = plan.author === who.value?.name;
  const setReason = (rail: string) => (reason: string | undefined) => setOverrides(({ [rail]: _, ...others }) => (reason === undefined ? others : { ...others, [rail]: reason }));
  return (
    <>
      <Head title={plan.reason || "Plan"} about={<><Badge state={plan.state} label={PLAN_STATES[plan.state]} /> <span class="mono">{plan.id}</span></>}>
        {!over && <button type="button" class="button" disabled={busy} onClick={() => void call("check")}><Icon name="refresh" size={14} /> Check again</button>}
        {!over && may("operator") && <button type="button" class="button" disabled={busy} onClick={() => void call("cancel")}>Cancel plan</button>}
        {plan.state === "applied" && plan.generation && may("operator") && <button type="button" class="button" onClick={() => void undo(plan.generation!)}>Undo this change…</button>}
      </Head>
      {plan.failure && <div class="notice bad" role="alert"><Icon name="cross" /><p>{capital(plan.failure)}</p></div>}
      {plan.state === "checking" && <div class="notice"><Icon name="refresh" /><p>The sites are being asked whether they know its recipients.</p></div>}
      <div class="split plan">
        <div class="stack">
          <div class="figures card card-body">
            <div class="figure"><span class="value plus">+{count(plan.added)}</span><span class="muted">added</span></div>
            <div class="figure"><span class="value tilde">~{count(plan.changed)}</span><span class="muted">changed</span></div>
            <div class="figure"><span class="value minus">−{count(plan.removed)}</span><span class="muted">removed</span></div>
            <div class="figure"><span class="value">{count(plan.unchanged)}</span><span class="muted">already so</span></div>
          </div>
          <Rows plan={plan} />
          <Impact plan={plan} />
          <SimulateCard plan={plan.id} />
        </div>
        <div class="stack">
          <section class="card card-body"><Facts plan={plan} /></section>
          <Canary plan={plan} />
          {plan.remarks.length > 0 && <div class="notice"><Icon name="warning" /><ul class="plain">{plan.remarks.map((it) => <li key={it}>{it}</li>)}</ul></div>}
          {plan.blocked.length > 0 && <section aria-labelledby="rails"><h2 id="rails" class="after">{over ? "Rails" : "What stands in its way"}</h2><ul class="plain stack tight">{plan.blocked.map((it) => <Rail key={it.rail + it.message} it={it} reason={overrides[it.rail]} set={over || waits ? undefined : setReason(it.rail)} />)}</ul></section>}
          {plan.warnings.length > 0 && <section aria-labelledby="warnings"><h2 id="warnings" class="after">Worth a look</h2><ul class="plain stack tight">{plan.warnings.map((it) => <Rail key={it.rail + it.message} it={it} reason={undefined} />)}</ul></section>}
          {plan.blocked.length === 0 && !over && plan.state !== "checking" && <div class="notice good"><Icon name="check" /><p>No rail stands in its way{plan.checked_at && <>, as of <At time={plan.checked_at} age /></>}.</p></div>}
          {blockade.conflicts.length > 0 ? <Conflicts conflicts={blockade.conflicts} again={() => void again(plan)} /> : blockade.error && <Failure error={blockade.error} retry={reload} />}
          {waits && (mine || !may("approver")
            ? <div class="notice wait"><Icon name="people" /><p>Somebody else with the right to approve has to agree. Give them this page's address.</p></div>
            : <button type="button" class="button primary" disabled={busy} onClick={() => void call("approve")}>Approve this plan</button>)}
          {plan.state === "ready" && may("operator") && <ApplyForm plan={plan} reload={set} overrides={overrides} busy={busy} setBusy={setBusy} fail={setBlockade} />}
        </div>
      </div>
    </>
  );
}

export function PlanReview({ id }: { id: string }): JSX.Element {
  const [over, setOver] = useState(false);
  const plan = useResource(id, (signal) => api.get<Plan>(`/plans/${segment(id)}`, {}, signal), over ? 0 : POLL_MS);
  useEffect(() => { if (plan.data) setOver(OVER.includes(plan.data.state)); }, [plan.data?.state]);
  return (
    <>
      {!plan.data && <Head title="Plan" />}
      <Loaded of={plan} rows={10}>{(it) => <Review plan={it} set={plan.set} reload={plan.reload} />}</Loaded>
      <p class="after"><a href={href("plans")}>All plans</a></p>
    </>
  );
}
