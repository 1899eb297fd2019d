// One mailbox in its move: where it is, what mail of it is under way, in doubt or held, and the next step.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { Cut, CutRequest, InDoubt, Move, MoveState, QueueList, Resolve, Resolved } from "../api/types.ts";
import { capital, count, plural, siteName, span } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { stepsFrom } from "../lib/steps.ts";
import { MoveBadge } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded } from "../ui/states.tsx";
import { At, now } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { StepDialog } from "./move_step.tsx";
import { Copied, GoesBack } from "./moves.tsx";
import { ActionDialog, type Wish } from "./queue_action.tsx";

const POLL_MS = 2000;
const HELD_SHOWN = 50;
/** Who holds mail that no operator can release. */
const CUTOVER = "cutover";

function ResolveDialog({ move, it, delivered, close, done }: { move: Move; it: InDoubt; delivered: boolean; close: () => void; done: () => void }): JSX.Element {
  const [evidence, setEvidence] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const body: Resolve = { message: it.message, delivered, evidence: evidence.trim() || null };
      const answer = await api.post<Resolved>(`/moves/${segment(move.address)}/resolve`, body);
      toast(`${plural(answer.recipients, "recipient")} ${delivered ? "settled as delivered" : "will be delivered"}.`);
      done();
      close();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={delivered ? "The message is in the mailbox" : "The message is not in the mailbox"} close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p>{delivered ? "It counts as delivered and is not delivered again. If it is not there after all, it is lost." : "It is delivered as if it had never been attempted. If it is there after all, it arrives twice."}</p>
        <dl class="facts"><dt>Message</dt><dd class="mono">{it.message}</dd><dt>Recipient</dt><dd class="mono">{it.recipient}</dd></dl>
        <Input label={delivered ? "Where it was found" : "Where it was looked for"} hint="Kept in the ledger." value={evidence} set={setEvidence} required autofocus />
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button danger">{delivered ? "Settle as delivered" : "Deliver the message"}</button></div>
      </form>
    </Dialog>
  );
}

function Doubts({ move, reload }: { move: Move; reload: () => void }): JSX.Element | null {
  const [asked, setAsked] = useState<{ it: InDoubt; delivered: boolean } | null>(null);
  if (move.in_doubt_total === 0) return null;
  return (
    <section class="card" aria-labelledby="doubts">
      <div class="card-head"><Icon name="warning" /><h2 id="doubts" class="grow">{plural(move.in_doubt_total, "delivery", "deliveries")} in doubt</h2></div>
      <p class="card-body muted">The answer of {siteName(move.home)} was lost: the mailbox may have the message or not. Look for it there by its id, which is in its Received field, and say what you found. What nobody resolves is delivered again.</p>
      <ul class="plain">{move.in_doubt.map((it) => (
        <li key={it.message + it.recipient} class="alert-row"><div class="grow stack tight">
          <p><a class="mono" href={href(`trace?q=${encodeURIComponent(it.message)}`)}>{it.message}</a> <span class="muted">to</span> <span class="mono">{it.recipient}</span></p>
          <p class="muted small">At {siteName(it.hop)}, {plural(it.attempts, "attempt")}{it.first_failed_at && <>, first <At time={it.first_failed_at} age /></>}: {it.last_reply ? <span class="mono">{it.last_reply}</span> : "the gateway was stopped meanwhile"}</p></div>
          {may("operator") && <span class="line"><button type="button" class="button small" onClick={() => setAsked({ it, delivered: true })}>It is there…<span class="visually-hidden"> message {it.message}</span></button><button type="button" class="button small" onClick={() => setAsked({ it, delivered: false })}>It is not there…<span class="visually-hidden"> message {it.message}</span></button></span>}
        </li>
      ))}</ul>
      {move.in_doubt_total > move.in_doubt.length && <p class="muted pad">These are the first {count(move.in_doubt.length)}.</p>}
      {asked && <ResolveDialog move={move} it={asked.it} delivered={asked.delivered} close={() => setAsked(null)} done={reload} />}
    </section>
  );
}

const OUTCOMES: Record<Cut["leases"][number]["outcome"], string> = { aborted: "broken off in time: the site has not got it, and it is held", in_doubt: "in doubt: resolve it", settled: "over before it was cut", under_way: "not over yet" };

/** Breaks off deliveries that a cutover should not wait for. */
function CutDialog({ move, close, done }: { move: Move; close: () => void; done: () => void }): JSX.Element {
  const [reason, setReason] = useState("");
  const [cut, setCut] = useState<Cut | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      setCut(await api.post<Cut>(`/moves/${segment(move.address)}/cut`, { reason: reason.trim() } satisfies CutRequest));
      done();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={`Cut off deliveries to ${move.address}`} close={close}>
      {cut ? (
        <div class="form">
          {cut.leases.length === 0 && <p>None was under way any more.</p>}
          <ul class="plain stack tight">{cut.leases.map((it) => <li key={it.message + it.recipient}><span class="mono">{it.message}</span>: {OUTCOMES[it.outcome]}</li>)}</ul>
          {cut.others_in_doubt > 0 && <p class="muted">{plural(cut.others_in_doubt, "recipient")} of other mailboxes shared a connection and {cut.others_in_doubt === 1 ? "is" : "are"} in doubt too.</p>}
          <div class="dialog-foot"><button type="button" class="button primary" onClick={close}>Done</button></div>
        </div>
      ) : (
        <form class="form" onSubmit={(event) => void submit(event)}>
          <p>{plural(move.leases_total, "delivery is", "deliveries are")} broken off. What was sent to its end and has no answer is in doubt then, and wants somebody to look for it in the mailbox.</p>
          <Input label="Reason" hint="Goes into the audit log." value={reason} set={setReason} required autofocus />
          {error && <Failure error={error} />}
          <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button danger">Cut off {plural(move.leases_total, "delivery", "deliveries")}</button></div>
        </form>
      )}
    </Dialog>
  );
}

function Leases({ move, reload }: { move: Move; reload: () => void }): JSX.Element {
  const [cutting, setCutting] = useState(false);
  return (
    <section class="card" aria-labelledby="leases">
      <div class="card-head"><h2 id="leases" class="grow">{move.leases_total === 0 ? "No delivery is under way" : `${plural(move.leases_total, "delivery", "deliveries")} under way`}</h2>
        {move.state === "cutover" && move.leases_total > 0 && may("operator") && <button type="button" class="button small" onClick={() => setCutting(true)}>Cut off…</button>}</div>
      {cutting && <CutDialog move={move} close={() => setCutting(false)} done={reload} />}
      {move.leases_total === 0 ? <p class="card-body muted">{move.state === "cutover" ? "None begins while it is cut over: the last difference can be copied now." : "The next begins when mail comes."}</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Deliveries under way"><table>
          <thead><tr><th>Message</th><th>Recipient</th><th>At</th><th>Begun</th><th class="end">Table version</th></tr></thead>
          <tbody>{move.leases.map((it) => <tr key={it.message + it.recipient}><td><a class="mono" href={href(`trace?q=${encodeURIComponent(it.message)}`)}>{it.message}</a></td><td class="mono">{it.recipient || "not known yet"}</td><td>{siteName(it.hop)}</td><td><At time={it.since} age /></td><td class="end">{count(it.generation)}</td></tr>)}</tbody>
        </table></div>
      )}
    </section>
  );
}

function Held({ move }: { move: Move }): JSX.Element | null {
  const [wish, setWish] = useState<Wish | null>(null);
  const list = useResource(`held ${move.address} ${move.generation}`, (signal) => api.get<QueueList>("/queue", { recipient: move.address, state: "held", limit: HELD_SHOWN }, signal), POLL_MS * 2);
  const messages = list.data?.messages ?? [];
  if (move.held_messages === 0 && messages.length === 0) return null;
  const byPeople = messages.some((it) => it.recipients.some((one) => one.held_by && one.held_by !== CUTOVER));
  return (
    <section class="card" aria-labelledby="held">
      <div class="card-head"><h2 id="held" class="grow">Mail on hold</h2><a href={href(`spool?state=held&recipient=${encodeURIComponent(move.address)}`)}>In the spool</a>
        {may("operator") && byPeople && <button type="button" class="button small" onClick={() => setWish({ action: "release", selector: { recipient: move.address, state: "held" } })}>Release…</button>}</div>
      {move.held_messages > 0 && <p class="card-body"><strong>{plural(move.held_messages, "message")} held by the cutover.</strong> The next step of the mailbox lets {move.held_messages === 1 ? "it" : "them"} go.</p>}
      <ul class="plain">{messages.map((it) => (
        <li key={it.id} class="waiting"><span class="line"><a class="mono" href={href(`trace?q=${encodeURIComponent(it.id)}`)}>{it.reverse_path || "no return address"}</a><span class="muted">waits for {span(it.age_seconds)}{it.recipients[0]?.reason && `: ${it.recipients[0].reason}`}</span></span></li>
      ))}</ul>
      {wish && <ActionDialog wish={wish} close={() => setWish(null)} done={list.reload} />}
    </section>
  );
}

function Facts({ move }: { move: Move }): JSX.Element {
  const { sync } = move;
  return (
    <section class="card card-body"><dl class="facts">
      <dt>State</dt><dd><MoveBadge state={move.state} /> since <At time={move.since} /></dd>
      {move.hold_until && <><dt>Goes back by itself</dt><dd><GoesBack until={move.hold_until} />, at <At time={move.hold_until} /></dd></>}
      <dt>Home</dt><dd>{siteName(move.home)}</dd>
      <dt>Batch</dt><dd>{move.batch ? <a href={href(`moves?batch=${encodeURIComponent(move.batch)}`)}>{move.batch}</a> : <span class="muted">none</span>}</dd>
      <dt>Row</dt><dd>as of table version <a href={href(`changes/${move.generation}`)}>{count(move.generation)}</a></dd>
      <dt>Copied</dt><dd><Copied sync={sync} />{sync && <> <span class="muted">{count(sync.items_done)} of {plural(sync.items_total, "item")}, {sync.last_sync_at ? <>in step <At time={sync.last_sync_at} age /></> : "never in step yet"}; reported <At time={sync.reported_at} age /></span></>}</dd>
    </dl></section>
  );
}

export function MailboxMove({ address }: { address: string }): JSX.Element {
  const move = useResource(`move ${address}`, (signal) => api.get<Move>(`/moves/${segment(address)}`, {}, signal), POLL_MS);
  const [to, setTo] = useState<MoveState | null>(null);
  const it = move.data;
  const left = it?.hold_until ? (new Date(it.hold_until).getTime() - now.value) / 1000 : undefined;
  return (
    <>
      <Head title={address} about={<><a href={href("moves")}>All moves</a>, <a href={href(`explain?address=${encodeURIComponent(address)}`)}>where its mail goes</a>, <a href={href(`trace?q=${encodeURIComponent(address)}`)}>what became of its mail</a></>}>
        {it && may("operator") && stepsFrom(it.state).map((step, at) => <button key={step.to} type="button" class={`button${at === 0 ? " primary" : ""}`} onClick={() => setTo(step.to)}>{step.verb}…</button>)}
      </Head>
      {move.error?.status === 404 && !it ? <div class="card"><Empty title={`${address} is not in the table`} action={<a class="button" href={href("moves")}>All moves</a>}>{capital(move.error.message)}</Empty></div> : (
        <Loaded of={move} rows={6}>{(one) => (
          <div class="stack">
            {left !== undefined && <div class={`notice ${left < 300 ? "bad" : "wait"}`} role="status"><Icon name="pause" /><p><strong>Mail for it is held here.</strong> {left > 0 ? <>Unless somebody goes on, it goes back in {span(left)} to where it was before.</> : "Its time is up: it is going back."}</p></div>}
            <Facts move={one} /><Doubts move={one} reload={move.reload} /><Leases move={one} reload={move.reload} /><Held move={one} />
          </div>
        )}</Loaded>
      )}
      {it && to && <StepDialog subject={{ from: it.state, moves: [it] }} first={to} close={() => setTo(null)} done={move.reload} />}
    </>
  );
}
