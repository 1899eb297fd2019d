// The rows of a plan, and what becomes of mail by it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, segment } from "../api/client.ts";
import type { Change, Effect, Plan, RowList } from "../api/types.ts";
import { count, siteName } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { Empty, Loaded } from "../ui/states.tsx";
import { ChangeList } from "./diff.tsx";

export function Rows({ plan }: { plan: Plan }): JSX.Element {
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

const EFFECTS: Record<Effect, string> = {
  moves: "goes elsewhere",
  held: "is held (cutover)",
  readdressed: "goes to another cloud address",
  alias_lost: "to lost aliases",
};

export function Impact({ plan }: { plan: Plan }): JSX.Element | null {
  if (plan.impact.length === 0) return null;
  const name = (site: string | null | undefined) => (site ? siteName(site) : "refused");
  const row = (it: Plan["impact"][number]) => {
    const effect = it.effect ?? "moves";
    return (
      <tr key={`${it.domain} ${it.from} ${it.to} ${effect}`}>
        <td class="mono">{it.domain}</td>
        <td>{EFFECTS[effect]}</td>
        <td>{name(it.from)}</td>
        <td>{effect === "held" ? "nowhere yet" : name(it.to)}</td>
        <td class="end">{count(it.n)}</td>
      </tr>
    );
  };
  return (
    <section class="card" aria-labelledby="impact">
      <div class="card-head"><h2 id="impact">What becomes of mail</h2></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="What becomes of mail, by domain"><table>
        <thead><tr><th>Domain</th><th>Mail</th><th>From</th><th>To</th><th class="end">Mailboxes</th></tr></thead>
        <tbody>{plan.impact.map(row)}</tbody>
      </table></div>
    </section>
  );
}

