// What wants a person, and the page that says what to do about it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Alert } from "../api/types.ts";
import { asError, useResource } from "../lib/resource.ts";
import { may } from "../lib/session.ts";
import { Badge } from "../ui/badge.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded } from "../ui/states.tsx";
import { Since } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

const POLL_MS = 5000;
const RANK: Record<string, number> = { firing: 0, pending: 1, resolved: 2 };
const SEVERITIES: Record<string, string> = { page: "Wake somebody", warning: "Warning", info: "For information" };

function Row({ it }: { it: Alert }): JSX.Element {
  return (
    <li class="alert-row">
      <Badge state={it.state} />
      <div class="grow"><p><strong>{it.summary}</strong></p><p class="muted small">{it.name}{Object.entries(it.labels).map(([name, value]) => `, ${name} ${value}`).join("")}</p></div>
      <span>{SEVERITIES[it.severity] ?? it.severity}</span>
      <span class="muted nowrap"><Since time={it.since} /></span>
      <a href={it.runbook} target="_blank" rel="noreferrer">What to do<span class="visually-hidden"> about {it.name}</span></a>
    </li>
  );
}

export function Alerts(): JSX.Element {
  const list = useResource("alerts", (signal) => api.get<{ alerts: Alert[] }>("/alerts", {}, signal), POLL_MS);
  const [error, setError] = useState<ApiError | undefined>();
  const test = async () => {
    setError(undefined);
    try {
      await api.post("/alerts/test");
      toast("A test alert was sent by every way that is configured.");
      list.reload();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <>
      <Head title="Alerts" about="What the gateway itself finds wrong. Each has a page that says what it means and what to do; the gateway serves it, without internet.">
        {may("operator") && <button type="button" class="button" onClick={() => void test()}><Icon name="alerts" size={14} /> Send a test alert</button>}
      </Head>
      {error && <Failure error={error} />}
      <Loaded of={list} absent="This gateway has no alerts of its own">{(it) => it.alerts.length === 0 ? <div class="card"><Empty title="Nothing wants your attention">No alert fires, and none has lately.</Empty></div> : (
        <section class="card" aria-label="Alerts"><ul class="plain">{it.alerts.toSorted((a, b) => (RANK[a.state] ?? 3) - (RANK[b.state] ?? 3)).map((one) => <Row key={one.name + JSON.stringify(one.labels)} it={one} />)}</ul></section>
      )}</Loaded>
    </>
  );
}
