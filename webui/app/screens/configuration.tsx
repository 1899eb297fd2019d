// The configuration that runs: every key with its value, where it is from and what it means, and
// what the file says by now.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Configuration, ConfigurationDifference, ConfigurationKey, FieldError, Reloaded } from "../api/types.ts";
import { capital, count, plural } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { query, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge } from "../ui/badge.tsx";
import { Check, Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Failure, FilteredEmpty, Loaded } from "../ui/states.tsx";

const POLL_MS = 10_000;

/** Those that have all words of `text` somewhere in their name, value or meaning. */
export function matching(keys: readonly ConfigurationKey[], text: string, changed: boolean): ConfigurationKey[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return keys.filter((it) => (!changed || isChanged(it)) && words.every((word) => `${it.key} ${it.value ?? ""} ${it.about}`.toLowerCase().includes(word)));
}

/** Written in the file, and not what it would be without. */
const isChanged = (it: ConfigurationKey): boolean => it.source === "file" && it.value !== it.default;

function Value({ it }: { it: ConfigurationKey }): JSX.Element {
  if (it.value === null || it.value === undefined) return <span class="muted">{it.unset_means ?? "nothing"}</span>;
  return <code class={isChanged(it) ? "changed" : undefined}>{it.value}</code>;
}

function Row({ it }: { it: ConfigurationKey }): JSX.Element {
  const usual = it.default ?? it.unset_means;
  return (
    <tr>
      <th scope="row"><code>{it.name}</code></th>
      <td><Value it={it} />{isChanged(it) && usual && <><br /><span class="muted small">else {it.default ? <code>{usual}</code> : usual}</span></>}</td>
      <td class="muted">{it.about} <span class="small">{capital(it.wants)}. {it.takes === "restart" ? "Takes a restart." : ""}{it.line ? ` Line ${it.line}.` : ""}</span></td>
    </tr>
  );
}

function Section({ name, about, keys }: { name: string; about: string; keys: readonly ConfigurationKey[] }): JSX.Element {
  return (
    <section class="card" aria-label={name}>
      <div class="card-head"><h3><code>{name}</code></h3><span class="muted grow">{about}</span></div>
      <div class="scroll" tabIndex={0} role="region" aria-label={`Keys of ${name}`}><table class="settings">
        <thead class="visually-hidden"><tr><th>Key</th><th>Value</th><th>Meaning</th></tr></thead>
        <tbody>{keys.map((it) => <Row key={it.key} it={it} />)}</tbody>
      </table></div>
    </section>
  );
}

function Mistakes({ list }: { list: readonly FieldError[] }): JSX.Element {
  return <ul class="plain mistakes">{list.map((it) => <li key={it.place + it.message}><code>{it.place}</code> {it.message}</li>)}</ul>;
}

const shown = (value: string | null | undefined): JSX.Element => (value === null || value === undefined ? <span class="muted">nothing</span> : <code>{value}</code>);

function Differences({ list }: { list: readonly ConfigurationDifference[] }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="What the file says by now"><table>
      <thead><tr><th>Key</th><th>Runs</th><th>The file says</th><th>Takes</th></tr></thead>
      <tbody>{list.map((it) => <tr key={it.key}><td><code>{it.key}</code></td><td>{shown(it.running)}</td><td>{shown(it.file)}</td><td>{it.takes === "restart" ? <Badge state="restart" as="warn" label="A restart" /> : <Badge state="reload" as="info" label="A reload" />}</td></tr>)}</tbody>
    </table></div>
  );
}

/** Whether the file is what runs, and the button that makes it so. */
function FileState({ it, reload }: { it: Configuration; reload: () => void }): JSX.Element {
  const [result, setResult] = useState<Reloaded | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setError(undefined);
    setResult(undefined);
    try {
      setResult(await api.post<Reloaded>("/reload"));
      reload();
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  const same = it.mistakes.length + it.differences.length === 0;
  return (
    <section class="card" aria-labelledby="configuration">
      <div class="card-head"><h2 id="configuration" class="grow">Configuration</h2><span class="mono muted file">{it.file}</span>
        {may("administrator") && <button type="button" class="button small" disabled={busy} onClick={() => void run()}>{busy ? "Reading…" : "Read the file again"}</button>}</div>
      <div class="card-body stack">
        {error && <Failure error={error} />}
        {result && (
          <div class="notice good" role="status"><div>
            {result.applied.length + result.needs_restart.length === 0 && <p>Nothing in the file has changed.</p>}
            {result.applied.length > 0 && <p><strong>{plural(result.applied.length, "key")} in force:</strong> <span class="mono">{result.applied.join(", ")}</span></p>}
            {result.needs_restart.length > 0 && <p><strong>{plural(result.needs_restart.length, "key")} wait for a restart:</strong> <span class="mono">{result.needs_restart.join(", ")}</span></p>}
          </div></div>
        )}
        {it.mistakes.length > 0 && <div class="notice bad" role="alert"><Icon name="cross" /><div class="grow"><p><strong>The file has {plural(it.mistakes.length, "mistake")}: it would not be read.</strong> What runs goes on.</p><Mistakes list={it.mistakes} /></div></div>}
        {it.differences.length > 0 && <div class="notice warn"><Icon name="warning" /><p><strong>The file says something else by now about {plural(it.differences.length, "key")}.</strong></p></div>}
        {it.warnings.length > 0 && <div class="notice"><Icon name="warning" /><div class="grow"><p>Unwise, but it runs:</p><Mistakes list={it.warnings} /></div></div>}
        {same && !result && <p class="line"><Badge state="ok" label="The file is what runs" /></p>}
      </div>
      {it.differences.length > 0 && <Differences list={it.differences} />}
    </section>
  );
}

function Keys({ it }: { it: Configuration }): JSX.Element {
  const text = query.value.get("key") ?? "";
  const changed = query.value.get("changed") !== null;
  const found = matching(it.keys, text, changed);
  const sections = it.sections.filter((section) => found.some((key) => key.section === section.name));
  return (
    <>
      <div class="filters" role="search">
        <div class="search"><Input label="Find a key" hideLabel type="search" placeholder="Find a key, a value or a meaning" value={text} set={(value) => setQuery({ key: value || null })} data-filter /></div>
        <Check label="Only what was changed" value={changed} set={(on) => setQuery({ changed: on ? "1" : null })} />
        <span class="muted" role="status">{count(found.length)} of {plural(it.keys.length, "key")}</span>
      </div>
      {found.length === 0 ? <div class="card"><FilteredEmpty what="keys" clear={() => setQuery({ key: null, changed: null })} /></div>
        : sections.map((section) => <Section key={section.name} {...section} keys={found.filter((key) => key.section === section.name)} />)}
    </>
  );
}

export function EffectiveConfiguration(): JSX.Element {
  const it = useResource("configuration", (signal) => api.get<Configuration>("/configuration", {}, signal), POLL_MS);
  return <Loaded of={it} rows={6} absent="This gateway does not show its configuration">{(one) => <><FileState it={one} reload={it.reload} /><Keys it={one} /></>}</Loaded>;
}
