// The sites behind the gateway: health, hosts, a probe on request, an operator's override.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { OverrideRequest, Probe, Site, SiteList } from "../api/types.ts";
import { capital, count, milliseconds, plural, siteName, span, words } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { refreshSites } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Input, Segmented, Select } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Failure, Loaded } from "../ui/states.tsx";
import { At, Since } from "../ui/time.tsx";
import { announce, toast } from "../ui/toast.tsx";

export const TLS: Record<string, string> = { none: "never", opportunistic: "when offered", require: "required", verify: "required, certificate checked" };
const POLL_MS = 5000;

function ProbeResult({ probe }: { probe: Probe }): JSX.Element {
  const most = Math.max(1, ...probe.stages.map((it) => it.milliseconds));
  return (
    <div class="probe">
      <p class="line"><Badge state={probe.ok ? "up" : "down"} label={probe.ok ? "Answers as it should" : "Does not answer as it should"} /></p>
      <ol class="plain stages">
        {probe.stages.map((it, index) => (
          <li key={index} class={it.ok ? undefined : "failed"}>
            <span class="stage-name"><Icon name={it.ok ? "check" : "cross"} size={14} /><span class="visually-hidden">{it.ok ? "Worked: " : "Failed: "}</span>{capital(words(it.stage))}</span>
            <span class="mono muted host">{it.host}</span>
            <span class="bar" aria-hidden="true"><span style={{ width: `${Math.max(2, (it.milliseconds / most) * 100)}%` }} /></span>
            <span class="number end">{milliseconds(it.milliseconds)}</span>
            <span class="mono detail">{it.detail}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const SPANS = [["900", "15 minutes"], ["3600", "1 hour"], ["14400", "4 hours"], ["86400", "1 day"], ["604800", "1 week"], ["", "No end"]] as const;

function OverrideDialog({ site, close, done }: { site: Site; close: () => void; done: () => void }): JSX.Element {
  const [to, setTo] = useState<OverrideRequest["to"]>(site.state === "up" ? "down" : "up");
  const [seconds, setSeconds] = useState("3600");
  const [reason, setReason] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const name = siteName(site.name);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await api.put(`/sites/${segment(site.name)}/override`, { to, reason: reason.trim(), for_seconds: seconds ? Number(seconds) : null } satisfies OverrideRequest);
      toast(`${name} is ${to === "up" ? "delivered to" : "held"} by your word.`, { undo: { label: "Undo", run: () => void clear(site, done) } });
      done();
      close();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={`Override ${name}`} close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <Segmented label="From now on" value={to} set={setTo} options={[["down", "Keep its mail"], ["up", "Deliver, whatever probes say"]]} />
        <p class="hint">{to === "down" ? `Mail for ${name} is accepted and kept. Nothing is attempted and nothing is probed.` : `Mail for ${name} is attempted even if probes fail. What it refuses for good is returned to its sender.`}</p>
        <Select label="For" value={seconds} set={setSeconds} options={SPANS} />
        <Input label="Reason" hint="Shown on this page and kept in the log." value={reason} set={setReason} required autofocus />
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class={`button ${to === "down" ? "danger" : "primary"}`}>{to === "down" ? `Keep mail for ${name}` : `Deliver to ${name}`}</button></div>
      </form>
    </Dialog>
  );
}

async function clear(site: Site, done: () => void): Promise<void> {
  try {
    await api.put(`/sites/${segment(site.name)}/override`, { to: "auto", reason: "" } satisfies OverrideRequest);
    toast(`Probes decide about ${siteName(site.name)} again.`);
    done();
  } catch (caught) {
    toast(asError(caught).message, { bad: true });
  }
}

function SiteCard({ site, reload }: { site: Site; reload: () => void }): JSX.Element {
  const [probe, setProbe] = useState<Probe | undefined>();
  const [probing, setProbing] = useState(false);
  const [error, setError] = useState<ApiError | undefined>();
  const [overriding, setOverriding] = useState(false);
  const name = siteName(site.name);
  const run = async () => {
    setProbing(true);
    setError(undefined);
    try {
      const result = await api.post<Probe>(`/sites/${segment(site.name)}/probe`, undefined, { deadlineMs: 95_000 });
      setProbe(result);
      announce(`${name} ${result.ok ? "answers" : "does not answer"}`);
    } catch (caught) {
      setError(asError(caught));
    }
    setProbing(false);
  };
  return (
    <section class="card" aria-label={name}>
      <div class="card-head">
        <h2>{name}</h2><Badge state={site.state} />
        <span class="muted grow">{site.since && <Since time={site.since} />}</span>
        <button type="button" class="button small" disabled={probing} onClick={() => void run()}>{probing ? "Probing…" : `Probe ${name} now`}</button>
        {may("operator") && (site.override
          ? <button type="button" class="button small" onClick={() => void clear(site, reload)}>Remove override</button>
          : <button type="button" class="button small" onClick={() => setOverriding(true)}>Override…</button>)}
      </div>
      <div class="card-body stack">
        {site.override && <div class="notice wait"><Icon name="people" /><p>{capital(site.override.by)} says <strong>{site.override.to}</strong>: {site.override.reason || "no reason given"}. {site.override.until ? <>Ends <At time={site.override.until} age />.</> : "It has no end."}</p></div>}
        {site.reason && !site.override && site.state !== "up" && <div class="notice bad"><Icon name="warning" /><p>{capital(site.reason)}</p></div>}
        <div class="figures">
          <a class="figure" href={href(`spool?site=${encodeURIComponent(site.name)}`)}><span class="value">{count(site.queued_recipients)}</span><span class="muted">recipients wait{site.oldest_seconds ? `, oldest ${span(site.oldest_seconds)}` : ""}</span></a>
          <div class="figure"><span class="value">{count(site.held_recipients)}</span><span class="muted">on hold</span></div>
          <div class="figure"><span class="value">{count(site.connections)}</span><span class="muted">of {plural(site.connections_max, "connection")} in use</span></div>
          <div class="figure"><span class="value small">TLS {TLS[site.tls] ?? site.tls}</span><span class="muted">towards this site</span></div>
        </div>
        <div class="scroll" tabIndex={0} role="region" aria-label={`Hosts of ${name}`}><table>
          <thead><tr><th>Host</th><th>State</th><th>Last error</th></tr></thead>
          <tbody>{site.hosts.map((host) => <tr key={host.name}><td class="mono">{host.name}</td><td><Badge state={host.state} /></td><td>{host.last_error ?? <span class="muted">none</span>}</td></tr>)}</tbody>
        </table></div>
        {error && <Failure error={error} retry={() => void run()} />}
        {probe && <ProbeResult probe={probe} />}
      </div>
      {overriding && <OverrideDialog site={site} close={() => setOverriding(false)} done={reload} />}
    </section>
  );
}

export function Sites(): JSX.Element {
  const list = useResource("sites", (signal) => api.get<SiteList>("/sites", {}, signal), POLL_MS);
  const reload = () => {
    list.reload();
    void refreshSites();
  };
  return (
    <>
      <Head title="Sites" about="The mail systems behind this gateway. Mail for one that is down is kept; the others do not notice." />
      <Loaded of={list}>{(it) => <div class="stack">{it.sites.map((site) => <SiteCard key={site.name} site={site} reload={reload} />)}</div>}</Loaded>
    </>
  );
}
