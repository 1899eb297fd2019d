// What wants a person, and the page that says what to do about it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Alert, AlertTest } from "../api/types.ts";
import { asError, useResource } from "../lib/resource.ts";
import { may } from "../lib/session.ts";
import { Badge } from "../ui/badge.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded } from "../ui/states.tsx";
import { Since } from "../ui/time.tsx";

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

/** Whom a test reached, and why not. */
function Sent({ list }: { list: AlertTest["sent"] }): JSX.Element {
  if (list.length === 0) return <div class="notice warn" role="status"><Icon name="warning" /><p><strong>Nobody was told:</strong> the section <code>[alerts]</code> of the configuration names nobody. Alerts are on this page only.</p></div>;
  const good = list.every((it) => it.ok);
  return (
    <div class={`notice ${good ? "good" : "bad"}`} role="status"><Icon name={good ? "check" : "cross"} /><ul class="plain">
      {list.map((it) => <li key={it.to}><strong>{it.ok ? "Sent" : "Not sent"}</strong> to <span class="mono">{it.to}</span>{it.detail && <span class="muted">: {it.detail}</span>}</li>)}
    </ul></div>
  );
}

export function Alerts(): JSX.Element {
  const list = useResource("alerts", (signal) => api.get<{ alerts: Alert[] }>("/alerts", {}, signal), POLL_MS);
  const [error, setError] = useState<ApiError | undefined>();
  const [sent, setSent] = useState<AlertTest["sent"] | undefined>();
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setError(undefined);
    setSent(undefined);
    setBusy(true);
    try {
      setSent((await api.post<AlertTest>("/alerts/test")).sent);
      list.reload();
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  return (
    <>
      <Head title="Alerts" about="What the gateway itself finds wrong. Each has a page that says what it means and what to do; the gateway serves it, without internet.">
        {may("operator") && <button type="button" class="button" disabled={busy} onClick={() => void test()}><Icon name="alerts" size={14} /> {busy ? "Sending…" : "Send a test alert"}</button>}
      </Head>
      {error && <Failure error={error} />}
      {sent && <Sent list={sent} />}
      <Loaded of={list} absent="This gateway has no alerts of its own">{(it) => it.alerts.length === 0 ? <div class="card"><Empty title="Nothing wants your attention">No alert fires, and none has lately.</Empty></div> : (
        <section class="card" aria-label="Alerts"><ul class="plain">{it.alerts.toSorted((a, b) => (RANK[a.state] ?? 3) - (RANK[b.state] ?? 3)).map((one) => <Row key={one.name + JSON.stringify(one.labels)} it={one} />)}</ul></section>
      )}</Loaded>
    </>
  );
}
