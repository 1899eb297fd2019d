// This browser's preferences, and what this gateway is.
import type { JSX } from "preact";
import { prefs, setPref } from "../lib/prefs.ts";
import { href } from "../lib/router.ts";
import { version } from "../lib/session.ts";
import { Check, Segmented } from "../ui/field.tsx";
import { Head } from "../ui/shell.tsx";
import { At } from "../ui/time.tsx";
import { EffectiveConfiguration } from "./configuration.tsx";
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

export function Settings(): JSX.Element {
  const it = version.value;
  return (
    <>
      <Head title="Settings" />
      <Preferences />
      <OwnAccess />
      <section class="card" aria-labelledby="about">
        <div class="card-head"><h2 id="about">About</h2></div>
        <div class="card-body"><dl class="facts">
          <dt>Gateway</dt><dd>{it?.hostname}</dd><dt>Version</dt><dd class="mono">{it?.version}</dd><dt>Started</dt><dd><At time={it?.started_at} /></dd>
          <dt>For programs</dt><dd>Everything here is a call of the API: <a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">its description</a>. The command <code>causeway</code> does the same.</dd>
          <dt>Access</dt><dd><a href={href("people")}>Users, tokens and sessions</a></dd>
        </dl></div>
      </section>
      <EffectiveConfiguration />
    </>
  );
}
