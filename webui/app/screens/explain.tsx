// Where mail for an address goes, step by step, from the very table that routes; now or in the past.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Explanation } from "../api/types.ts";
import { bytes, capital, count, plural, siteName } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { href, query, setQuery } from "../lib/router.ts";
import { table } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Loaded } from "../ui/states.tsx";
import { copy } from "./download.ts";
import { TLS } from "./sites.tsx";
import { SimulateCard } from "./simulate.tsx";

const VERDICTS: Record<string, string> = { deliver: "Delivered to", hold: "Kept for", reject: "Refused" };

function Answer({ it }: { it: Explanation }): JSX.Element {
  return (
    <section class="card" aria-label="Explanation">
      <div class="card-head">
        <Badge state={it.verdict} label={VERDICTS[it.verdict] ?? capital(it.verdict)} />
        <h2 class="grow">{it.hop ? siteName(it.hop) : capital(it.conclusion)}</h2>
        <span class="muted">Table version {count(it.generation)}</span>
        <button type="button" class="button small" onClick={() => void copy(it.text, "Explanation")}><Icon name="copy" size={14} /> Copy as text</button>
      </div>
      <ol class="steps">
        {it.steps.map((step, index) => (
          <li key={index}><span class="step-number" aria-hidden="true">{index + 1}</span><div><p class="muted">{capital(step.question)}</p><p class="step-answer">{capital(step.answer)}</p></div></li>
        ))}
        <li class="conclusion"><span class="step-number" aria-hidden="true"><Icon name="right" size={14} /></span><div><p class="step-answer">{capital(it.conclusion)}</p></div></li>
      </ol>
      <div class="card-body">
        <dl class="facts">
          {it.expected && <><dt>What comes of it</dt><dd>{capital(it.expected)}</dd></>}
          {it.site_state && <><dt>The site is</dt><dd><Badge state={it.site_state} /></dd></>}
          {it.hosts && it.hosts.length > 0 && <><dt>Hosts, in this order</dt><dd><ul class="plain">{it.hosts.map((host) => <li key={host.name}><span class="mono">{host.name}</span> <Badge state={host.state} />{host.last_error && <span class="muted"> {host.last_error}</span>}</li>)}</ul></dd></>}
          {it.tls && <><dt>TLS</dt><dd>{capital(TLS[it.tls] ?? it.tls)}</dd></>}
          {it.limits && <><dt>Limits</dt><dd>{bytes(it.limits.message_bytes_max)} a message, {plural(it.limits.recipients_max, "recipient")} a transaction, {count(it.limits.connections)} of {plural(it.limits.connections_max, "connection")} in use</dd></>}
          {it.onward && <><dt>Recipient at that site</dt><dd class="mono">{it.onward}</dd></>}
          {it.copy_to && <><dt>Copy to</dt><dd>{siteName(it.copy_to)}</dd></>}
          {it.reply && <><dt>The sender's server hears</dt><dd class="mono">{it.reply}</dd></>}
        </dl>
      </div>
    </section>
  );
}

export function Explain(): JSX.Element {
  const asked = query.value;
  const address = asked.get("address") ?? "";
  const ip = asked.get("ip") ?? "";
  const generation = asked.get("generation") ?? "";
  const [form, setForm] = useState({ address, ip, generation });
  useEffect(() => setForm({ address, ip, generation }), [address, ip, generation]);
  const answer = useResource(address ? `${address} ${ip} ${generation} ${generation ? "" : table.value?.generation}` : null, (signal) => api.get<Explanation>("/explain", { address, ip, generation }, signal));
  const submit = (event: Event) => {
    event.preventDefault();
    setQuery({ address: form.address.trim() || null, ip: form.ip.trim() || null, generation: form.generation.trim() || null });
    if (form.address.trim() === address) answer.reload();
  };
  return (
    <>
      <Head title="Explain" about="Asks the table that routes mail, so that the answer is what would happen to a message now." />
      <form class="card card-body ask" onSubmit={submit} role="search">
        <Input label="Recipient" type="search" placeholder="name@domain" value={form.address} set={(value) => setForm({ ...form, address: value })} required data-filter />
        <Input label="Sending server (optional)" placeholder="192.0.2.7" hint="Which domains are relayed depends on who sends." value={form.ip} set={(value) => setForm({ ...form, ip: value })} />
        <Input label="Table version" inputMode="numeric" placeholder={`${table.value?.generation ?? ""} (now)`} hint="Empty for the present table." value={form.generation} set={(value) => setForm({ ...form, generation: value.replace(/\D/g, "") })} />
        <button type="submit" class="button primary">Explain</button>
      </form>
      {generation && Number(generation) !== table.value?.generation && (
        <div class="notice wait"><Icon name="changes" /><p class="grow">This is how version {count(Number(generation))} of the table would decide. The present one is {count(table.value?.generation ?? 0)}.</p>
          <button type="button" class="button small" onClick={() => setQuery({ generation: null })}>Back to now</button></div>
      )}
      {address ? <Loaded of={answer} rows={8}>{(it) => <><Answer it={it} /><p class="line after"><a href={href(`trace?q=${encodeURIComponent(it.address)}`)}>Trace the mail of {it.address}</a></p></>}</Loaded>
        : <div class="card"><Empty title="Whose mail?">Type an address. Each question that decides where its mail goes is listed with its answer.</Empty></div>}
      <SimulateCard />
    </>
  );
}
