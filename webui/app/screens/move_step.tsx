// A step of a move: of some mailboxes as they were seen, or of a whole batch; what it does, why, and
// what stands in its way.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Move, MoveState, RowConflict, Transitioned, Transitions } from "../api/types.ts";
import { count, moveState, plural, siteName } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { stepName, stepsFrom, wayBack } from "../lib/steps.ts";
import { refreshTable, siteNames } from "../lib/table.ts";
import { MoveBadge } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Input, Select } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Failure } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";
import { isOverridden, overridesOf, Rail, type Reasons } from "./rails.tsx";

/** What moves: mailboxes of one state as they were seen, or everything in that state of a batch. */
export type Subject = { from: MoveState; moves: readonly Move[] } | { from: MoveState; batch: string };

const nameOf = (it: Subject): string => ("batch" in it ? `batch ${it.batch}` : it.moves.length === 1 ? it.moves[0]!.address : plural(it.moves.length, "mailbox", "mailboxes"));

async function undo(done: Transitioned, to: MoveState, reason: string, reload: () => void): Promise<void> {
  try {
    await api.post("/moves/transitions", { moves: done.moves.map(({ address, generation }) => ({ address, generation, to })), reason });
    toast(`${plural(done.moves.length, "mailbox is", "mailboxes are")} back in ${moveState(to).toLowerCase()}.`);
    reload();
  } catch (caught) {
    toast(asError(caught).message, { bad: true });
  }
}

function Conflicts({ conflicts, again }: { conflicts: readonly RowConflict[]; again: () => void }): JSX.Element {
  return (
    <div class="notice bad" role="alert"><Icon name="cross" /><div class="grow stack tight">
      <p><strong>Somebody was faster.</strong> {plural(conflicts.length, "mailbox is", "mailboxes are")} not as you saw {conflicts.length === 1 ? "it" : "them"}. Nothing was changed.</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Mailboxes that changed meanwhile"><table>
        <thead><tr><th>Mailbox</th><th>Version of its row that you saw</th><th>Now</th></tr></thead>
        <tbody>{conflicts.slice(0, 50).map((it) => <tr key={it.address}><td class="mono">{it.address}</td><td>{it.expected ?? <span class="muted">any</span>}</td><td>{it.state ? <><MoveBadge state={it.state} /> version {it.actual}</> : "not listed"}</td></tr>)}</tbody>
      </table></div>
      {conflicts.length > 50 && <p class="muted">and {count(conflicts.length - 50)} more</p>}
      <p><button type="button" class="button small" onClick={again}>Look again</button></p>
    </div></div>
  );
}

/** What mail makes worth knowing before the step to the new home. */
function Warnings({ subject, to }: { subject: Subject; to: MoveState }): JSX.Element | null {
  if ("batch" in subject || subject.from !== "cutover") return null;
  const doubts = subject.moves.reduce((sum, it) => sum + it.in_doubt_total, 0);
  const leases = subject.moves.reduce((sum, it) => sum + it.leases_total, 0);
  if (to !== "cloud" || doubts + leases === 0) return null;
  return (
    <div class="notice warn" role="status"><Icon name="warning" /><div>
      {leases > 0 && <p><strong>{plural(leases, "delivery is", "deliveries are")} under way.</strong> Wait until there is none: what the old home takes now is not in the copy.</p>}
      {doubts > 0 && <p><strong>{plural(doubts, "delivery is", "deliveries are")} in doubt.</strong> Unless you resolve {doubts === 1 ? "it" : "them"} first, the message may arrive twice.</p>}
    </div></div>
  );
}

/** A step as the API takes it. */
function requestOf(subject: Subject, to: MoveState, home: string): Partial<Transitions> {
  return "batch" in subject ? { batch: subject.batch, from: subject.from, to } : { moves: subject.moves.map(({ address, generation }) => ({ address, generation, to, home: home || undefined })) };
}

export function StepDialog({ subject, first, close, done }: { subject: Subject; first?: MoveState; close: () => void; done: () => void }): JSX.Element {
  const steps = stepsFrom(subject.from);
  const [to, setTo] = useState<MoveState>(first ?? steps[0]!.to);
  const [home, setHome] = useState("");
  const [reason, setReason] = useState("");
  const [digest, setDigest] = useState("");
  const [reasons, setReasons] = useState<Reasons>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>();
  const step = steps.find((it) => it.to === to) ?? steps[0]!;
  const name = nameOf(subject);
  // What it would do and what stands in its way, before anybody says so.
  const seen = useResource(`${to} ${home}`, (signal) => api.post<Transitioned>("/moves/transitions", { ...requestOf(subject, to, home), dry_run: true }, { signal }));
  const n = seen.data?.moves.length;
  const blocked = error?.code === "blocked" ? error.problem.blocked ?? [] : seen.data?.blocked ?? [];
  const conflicts = (error ?? seen.error)?.problem.conflicts ?? [];
  const failure = error && error.code !== "blocked" ? error : seen.error;
  const met = blocked.every((it) => it.overridden_by || isOverridden(it, reasons));
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const body = { ...requestOf(subject, to, home), reason: reason.trim(), digest: digest.trim() || undefined, overrides: overridesOf(reasons) };
      const answer = await api.post<Transitioned>("/moves/transitions", body, { deadlineMs: 120_000 });
      const back = wayBack(subject.from, to);
      toast(`${plural(answer.moves.length, "mailbox is", "mailboxes are")} in ${moveState(to).toLowerCase()}.`, back && answer.moves.length > 0 ? { undo: { label: "Undo", run: () => void undo(answer, back, `Undo: ${reason.trim()}`, done) } } : {});
      void refreshTable();
      done();
      close();
    } catch (caught) {
      setError(asError(caught));
      setBusy(false);
    }
  };
  const change = (next: () => void) => {
    next();
    setError(undefined);
    setReasons({});
  };
  return (
    <Dialog title={`${step.verb}: ${name}`} close={close} wide>
      <form class="form" onSubmit={(event) => void submit(event)}>
        {"batch" in subject
          ? <p>Every mailbox of batch <strong>{subject.batch}</strong> that is in <strong>{moveState(subject.from).toLowerCase()}</strong>{n === undefined ? "" : `, ${count(n)} now`}. All of them move, as one version of the table, or none.</p>
          : subject.moves.length > 1 && <p class="mono small">{subject.moves.slice(0, 8).map((it) => it.address).join(", ")}{subject.moves.length > 8 ? ` and ${count(subject.moves.length - 8)} more` : ""}</p>}
        <div class="form-row">
          <Select label="Step" value={to} set={(value) => change(() => setTo(value as MoveState))} options={steps.map((it) => [it.to, stepName(subject.from, it.to)] as const)} />
          {step.home && !("batch" in subject) && siteNames().length > 2 && <Select label="New home" value={home} set={(value) => change(() => setHome(value))} options={[["", step.back ? "Where it came from" : "Choose…"], ...siteNames().map((it) => [it, siteName(it)] as const)]} />}
        </div>
        <p class="hint">{step.does}</p>
        <Warnings subject={subject} to={to} />
        <div class="form-row">
          <Input label="Reason" hint="Everybody who looks at the history reads it." value={reason} set={setReason} required autofocus />
          <Input label="Digest" hint="Of the copy's report that justifies it, if there is one." value={digest} set={setDigest} />
        </div>
        {conflicts.length > 0 ? <Conflicts conflicts={conflicts} again={() => { done(); close(); }} /> : failure && <Failure error={failure} />}
        {blocked.length > 0 && <section aria-label="What stands in its way" role="alert"><ul class="plain stack tight">{blocked.map((it) => <Rail key={it.rail} it={it} repeats={false} reason={reasons[it.rail]} set={(text) => setReasons(({ [it.rail]: _, ...others }) => (text === undefined ? others : { ...others, [it.rail]: text }))} />)}</ul></section>}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class={`button ${step.back ? "danger" : "primary"}`} disabled={busy || !met || conflicts.length > 0 || n === 0}>{busy ? "Moving…" : `${step.verb}: ${name}`}</button></div>
      </form>
    </Dialog>
  );
}
