// One plan: what it changes, for whom, what stands in its way, and the button that applies it.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { Plan, RowConflict, RowList } from "../api/types.ts";
import { draft, edit, put } from "../lib/draft.ts";
import { capital, clock, count, plural } from "../lib/format.ts";
import { listen } from "../lib/live.ts";
import { prefs } from "../lib/prefs.ts";
import { asError, useResource } from "../lib/resource.ts";
import { go, href } from "../lib/router.ts";
import { may, who } from "../lib/session.ts";
import { refreshTable } from "../lib/table.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Failure, Loaded } from "../ui/states.tsx";
import { At, now } from "../ui/time.tsx";
import { announce, toast } from "../ui/toast.tsx";
import { Conflicts } from "./conflicts.tsx";
import { CanaryCard, ScheduleCard } from "./plan_progress.tsx";
import { Impact, Rows } from "./plan_rows.tsx";
import { PLAN_STATES, PlanBadge } from "./plans.tsx";
import { ASKS, isOverridden, overridesOf, Rail, type Reasons } from "./rails.tsx";
import { SimulateCard } from "./simulate.tsx";

const POLL_MS = 3000;
/** A canary moves while one looks. */
const CANARY_MS = 1000;
/** What can become a draft again: the terms of a plan do not change any more. */
const AGAIN = ["ready", "awaiting_approval", "rolled_back", "cancelled", "failed"];
const OVER = ["applied", "rolled_back", "cancelled", "failed"];
interface Blockade {
  error?: ApiError;
  conflicts: RowConflict[];
}

function ApplyForm({ plan, reload, overrides, busy, setBusy, fail }: { plan: Plan; reload: (plan: Plan) => void; overrides: Reasons; busy: boolean; setBusy: (busy: boolean) => void; fail: (it: Blockade) => void }): JSX.Element {
  const [confirm, setConfirm] = useState("");
  const open = plan.blocked.filter((it) => !it.overridden_by);
  const confirmed = plan.confirm !== null && plan.confirm !== undefined && confirm.trim() === plan.confirm;
  const asks = plan.confirm && open.some((it) => ASKS.includes(it.rail) && !isOverridden(it, overrides));
  const met = open.every((it) => isOverridden(it, overrides) || (confirmed && ASKS.includes(it.rail)));
  const rows = plan.added + plan.changed + plan.removed;
  const later = plan.not_before && new Date(plan.not_before).getTime() > now.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const done = await api.post<Plan>(`/plans/${segment(plan.id)}/apply`, { confirm: asks ? confirm.trim() : undefined, overrides: overridesOf(overrides) });
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
      {!met && open.some((it) => !ASKS.includes(it.rail) && !isOverridden(it, overrides)) && <p class="muted">{open.some((it) => !it.overridable) ? "What blocks this plan has to be mended, then check again." : "Say why each rail above may be overridden, or mend its cause and check again."}</p>}
      <div class="dialog-foot"><button type="submit" class="button primary" disabled={busy || !met}>{busy ? "Applying…" : later ? `Schedule ${plural(rows, "change")}` : `Apply ${plural(rows, "change")}`}</button></div>
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
  const [overrides, setOverrides] = useState<Reasons>({});
  const [blockade, setBlockade] = useState<Blockade>({ conflicts: [] });
  const [busy, setBusy] = useState(false);
  const [stopping, setStopping] = useState(false);
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
      <Head title={plan.reason || "Plan"} about={<><PlanBadge plan={plan} /> <span class="mono">{plan.id}</span></>}>
        {!over && <button type="button" class="button" disabled={busy} onClick={() => void call("check")}><Icon name="refresh" size={14} /> Check again</button>}
        {!over && may("operator") && <button type="button" class="button" disabled={busy} onClick={() => (plan.state === "canary" ? setStopping(true) : void call("cancel"))}>{plan.state === "canary" ? "Stop and go back…" : "Cancel plan"}</button>}
        {AGAIN.includes(plan.state) && may("operator") && <button type="button" class="button" onClick={() => void again(plan)}>Edit again as a draft</button>}
        {plan.state === "applied" && plan.generation && may("operator") && <button type="button" class="button" onClick={() => void undo(plan.generation!)}>Undo this change…</button>}
      </Head>
      {stopping && <Confirm title="Stop the canary" verb={`Take back ${plural(plan.canary_progress?.rows ?? 0, "row")}`} close={() => setStopping(false)} run={() => call("cancel")}>The rows that were applied first become what they were. Mail that they have got stays where it is.</Confirm>}
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
          <ScheduleCard plan={plan} />
          <CanaryCard plan={plan} />
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
  const [state, setState] = useState("");
  const plan = useResource(id, (signal) => api.get<Plan>(`/plans/${segment(id)}`, {}, signal), OVER.includes(state) ? 0 : state === "canary" ? CANARY_MS : POLL_MS);
  useEffect(() => { if (plan.data) setState(plan.data.state); }, [plan.data?.state]);
  useEffect(() => listen({ topics: "plans" }, (event) => { if ((event.data as { id?: string }).id === id) plan.reload(); }), [id, plan.reload]);
  return (
    <>
      {!plan.data && <Head title="Plan" />}
      <Loaded of={plan} rows={10}>{(it) => <Review plan={it} set={plan.set} reload={plan.reload} />}</Loaded>
      <p class="after"><a href={href("plans")}>All plans</a></p>
    </>
  );
}
