// This browser's preferences, and what this gateway is.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Reloaded } from "../api/types.ts";
import { plural } from "../lib/format.ts";
import { prefs, setPref } from "../lib/prefs.ts";
import { asError } from "../lib/resource.ts";
import { href } from "../lib/router.ts";
import { may, version } from "../lib/session.ts";
import { Check, Segmented } from "../ui/field.tsx";
import { Head } from "../ui/shell.tsx";
import { Failure } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { OwnAccess } from "./own_access.tsx";

function Preferences(): JSX.Element {
  const now = prefs.value;
  return (
    <section class="card" aria-labelledby="preferences">
      <div class="card-head"><h2 id="preferences">Preferences</h2><span class="muted">of this browser</span></div>
      <div class="card-body form">
        <div class="form-row">
          <Segmented label="Theme" value={now.theme} set={(value) => setPref("theme", value)} options={[["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
          <Segmented label="Rows" value={now.density} set={(value) => setPref("density", value)} options={[["compact", "Compact"], ["comfortable", "Comfortable"]]} />
          <Segmented label="Times" value={now.utc ? "utc" : "local"} set={(value) => setPref("utc", value === "utc")} options={[["local", "Local"], ["utc", "UTC"]]} />
        </div>
        <Check label="Single keys work as shortcuts" hint="Press ? to see them." value={now.singleKeys} set={(on) => setPref("singleKeys", on)} />
      </div>
    </section>
  );
}

function Reload(): JSX.Element {
  const [result, setResult] = useState<Reloaded | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setError(undefined);
    setResult(undefined);
    try {
      setResult(await api.post<Reloaded>("/reload"));
    } catch (caught) {
      setError(asError(caught));
    }
    setBusy(false);
  };
  return (
    <section class="card" aria-labelledby="configuration">
      <div class="card-head"><h2 id="configuration" class="grow">Configuration</h2>{may("administrator") && <button type="button" class="button small" disabled={busy} onClick={() => void run()}>{busy ? "Reading…" : "Read the file again"}</button>}</div>
      <div class="card-body stack">
        <p class="muted">The configuration is a file on the gateway's host. <code>causeway check</code> finds its mistakes before it is read; one that has mistakes changes nothing.</p>
        {error && <Failure error={error} />}
        {result && (
          <div class="notice good" role="status"><div>
            {result.applied.length + result.needs_restart.length === 0 && <p>Nothing in the file has changed.</p>}
            {result.applied.length > 0 && <p><strong>{plural(result.applied.length, "key")} in force:</strong> <span class="mono">{result.applied.join(", ")}</span></p>}
            {result.needs_restart.length > 0 && <p><strong>{plural(result.needs_restart.length, "key")} wait for a restart:</strong> <span class="mono">{result.needs_restart.join(", ")}</span></p>}
          </div></div>
        )}
      </div>
    </section>
  );
}

export function Settings(): JSX.Element {
  const it = version.value;
  return (
    <>
      <Head title="Settings" />
      <Preferences />
      <OwnAccess />
      <Reload />
      <section class="card" aria-labelledby="about">
        <div class="card-head"><h2 id="about">About</h2></div>
        <div class="card-body"><dl class="facts">
          <dt>Gateway</dt><dd>{it?.hostname}</dd><dt>Version</dt><dd class="mono">{it?.version}</dd><dt>Started</dt><dd><At time={it?.started_at} /></dd>
          <dt>For programs</dt><dd>Everything here is a call of the API: <a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">its description</a>. The command <code>causeway</code> does the same.</dd>
          <dt>Access</dt><dd><a href={href("people")}>Users, tokens and sessions</a></dd>
        </dl></div>
      </section>
    </>
  );
}
