// What wants a person now, the most pressing first: alerts, cutovers, doubts, plans, mail on hold.
import type { ComponentChildren, JSX } from "preact";
import { api } from "../api/client.ts";
import type { Alert, DirectoryStatus, EntryList, MoveList, Plan, PlanList, Stats } from "../api/types.ts";
import { plural, span } from "../lib/format.ts";
import { type Resource, useResource } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { table } from "../lib/table.ts";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Empty, Failure, isLost, Skeleton } from "../ui/states.tsx";
import { At, now } from "../ui/time.tsx";
import { isBlocked, PLAN_STATES } from "./plans.tsx";

const POLL_MS = 5000;
const CUT_SHOWN = 1000;
const WAITING: readonly Plan["state"][] = ["awaiting_approval", "ready", "canary", "scheduled"];

interface Item {
  key: string;
  tone: Tone;
  label: string;
  text: ComponentChildren;
  to: string;
  when?: ComponentChildren;
}

const byAlert = (it: Alert): Item => ({ key: it.name + JSON.stringify(it.labels), tone: it.severity === "page" ? "bad" : "warn", label: it.severity === "page" ? "Alert" : "Warning", text: it.summary, to: "alerts", when: <At time={it.since} age /> });

function byPlan(it: Plan): Item {
  const [tone, label]: [Tone, string] = isBlocked(it) ? ["bad", "Blocked by a rail"] : [it.state === "canary" ? "warn" : it.state === "scheduled" ? "info" : "wait", PLAN_STATES[it.state] ?? it.state];
  const when = it.state === "scheduled" && it.not_before ? <At time={it.not_before} age /> : it.canary_progress && it.state === "canary" ? `${it.canary_progress.delivered} delivered, ${it.canary_progress.bounced} returned` : <At time={it.created_at} age />;
  return { key: it.id, tone, label, text: <>Plan: {it.reason || it.id}</>, to: `plans/${encodeURIComponent(it.id)}`, when };
}

function byCutover(found: MoveList): Item[] {
  const ends = found.moves.flatMap((it) => (it.hold_until ? [new Date(it.hold_until).getTime()] : []));
  const left = (Math.min(...ends) - now.value) / 1000;
  const doubts = found.moves.reduce((sum, it) => sum + it.in_doubt_total, 0);
  const n = `${plural(found.moves.length, "mailbox is", "mailboxes are")}${found.next_cursor ? " or more" : ""}`;
  const items: Item[] = [];
  if (found.moves.length > 0) items.push({ key: "cutover", tone: left < 300 ? "bad" : "wait", label: "Cutover", text: `${n} cut over; mail for ${found.moves.length === 1 ? "it" : "them"} is held`, to: "moves?state=cutover", when: ends.length > 0 ? `goes back in ${span(left)}` : undefined });
  if (doubts > 0) items.push({ key: "doubts", tone: "bad", label: "In doubt", text: `${plural(doubts, "delivery", "deliveries")} to mailboxes that are cut over`, to: "moves?state=cutover" });
  return items;
}

function byDirectory(found: DirectoryStatus): Item[] {
  return found.sources.flatMap((it) => (it.pending_removals ? [{ key: it.name, tone: "warn" as const, label: "Directory", text: `${it.name} would remove ${plural(it.pending_removals.recipients, "recipient")}, which wants your agreement`, to: "directory" }] : []));
}

/** Mailboxes that are cut over. A list by position is kept by the gateway, so that asking whether there are any is cheap. */
async function cutOver(signal: AbortSignal): Promise<MoveList> {
  const some = await api.get<EntryList>("/table/entries", { state: "cutover", offset: 0, limit: 1 }, signal);
  if (!some.total) return { generation: some.generation, moves: [], next_cursor: null };
  return api.get<MoveList>("/moves", { state: "cutover", limit: CUT_SHOWN }, signal);
}

export function Attention({ stats }: { stats: Stats | undefined }): JSX.Element {
  const alerts = useResource("alerts", (signal) => api.get<{ alerts: Alert[] }>("/alerts", {}, signal), POLL_MS);
  const plans = useResource(`waiting ${table.value?.generation}`, async (signal) => (await Promise.all(WAITING.map((state) => api.get<PlanList>("/plans", { state, limit: 20 }, signal)))).flatMap((it) => it.plans), POLL_MS);
  const cut = useResource(`cut ${table.value?.generation}`, cutOver, POLL_MS * 2);
  const directory = useResource("directory", (signal) => api.get<DirectoryStatus>("/directory", {}, signal), POLL_MS * 2);
  const all: readonly Omit<Resource<unknown>, "set">[] = [alerts, plans, cut, directory];
  const items: Item[] = [
    ...(alerts.data?.alerts.filter((it) => it.state === "firing").map(byAlert) ?? []), ...(cut.data ? byCutover(cut.data) : []),
    ...(plans.data ?? []).map(byPlan), ...(directory.data ? byDirectory(directory.data) : []),
  ];
  // What a cutover holds goes on with its mailbox, and is told there.
  const held = (stats?.held_recipients ?? 0) - (cut.data?.moves.reduce((sum, it) => sum + it.held_messages, 0) ?? 0);
  if (held > 0) items.push({ key: "held", tone: "wait", label: "On hold", text: `${plural(held, "recipient waits", "recipients wait")} for somebody's word`, to: "spool?state=held" });
  const failed = all.find((it) => it.error && it.error.status !== 404);
  return (
    <section class="card" aria-labelledby="attention">
      <div class="card-head"><h2 id="attention" class="grow">Wants a person</h2><a href={href("alerts")}>All alerts</a></div>
      {failed?.error && !isLost(failed.error) && <Failure error={failed.error} retry={failed.reload} at={failed.at} />}
      {items.length > 0 ? (
        <ul class={`plain${failed ? " stale" : ""}`}>{items.map((it) => (
          <li key={it.key} class="attention"><a href={href(it.to)}><Badge state={it.label} as={it.tone} label={it.label} /><span class="grow">{it.text}</span>{it.when && <span class="muted small number">{it.when}</span>}</a></li>
        ))}</ul>
      ) : failed ? <Empty title="Not known">Not everything could be asked: nobody can say that nothing waits.</Empty> : all.some((it) => it.data === undefined && !it.error) ? <Skeleton rows={2} /> : <Empty title="Nothing waits for a person">No alert fires, no plan and no mail waits for a decision.</Empty>}
    </section>
  );
}
