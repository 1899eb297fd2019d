// Rows that somebody else changed meanwhile: as they were, as they are now, as the plan wants them.
import type { JSX } from "preact";
import type { Entry, RowConflict } from "../api/types.ts";
import { capital, moveState, plural, siteName } from "../lib/format.ts";
import { Icon } from "../ui/icon.tsx";

const FIELDS = ["home", "state", "batch", "cloud_address", "aliases", "note"] as const;

function text(entry: Entry | null | undefined, field: (typeof FIELDS)[number]): string {
  if (!entry) return "not listed";
  const value = entry[field];
  if (!value || (Array.isArray(value) && value.length === 0)) return "none";
  if (Array.isArray(value)) return value.join(" ");
  return field === "state" ? moveState(value) : field === "home" ? siteName(value) : value;
}

export function Conflicts({ conflicts, again }: { conflicts: readonly RowConflict[]; again: () => void }): JSX.Element {
  return (
    <section class="card" aria-labelledby="conflicts" role="alert">
      <div class="card-head"><Icon name="warning" /><h2 id="conflicts" class="grow">Somebody else changed {plural(conflicts.length, "row")} meanwhile</h2></div>
      {conflicts.map((it) => (
        <div key={it.address} class="scroll" tabIndex={0} role="region" aria-label={`Conflict of ${it.address}`}><table class="conflict">
          <caption class="mono">{it.address}</caption>
          <thead><tr><th><span class="visually-hidden">Field</span></th><th>When you planned</th><th>Now</th><th>Your plan</th></tr></thead>
          <tbody>{FIELDS.filter((field) => new Set([text(it.base, field), text(it.theirs, field), text(it.yours, field)]).size > 1).map((field) => (
            <tr key={field}><th scope="row">{field === "cloud_address" ? "Cloud address" : capital(field)}</th><td>{text(it.base, field)}</td><td class={text(it.base, field) !== text(it.theirs, field) ? "differs" : undefined}>{text(it.theirs, field)}</td><td class={text(it.base, field) !== text(it.yours, field) ? "differs" : undefined}>{text(it.yours, field)}</td></tr>
          ))}</tbody>
        </table></div>
      ))}
      <div class="card-body stack"><p>Nothing was applied. Take your edits into the draft again, look at these rows, and make a new plan from the table as it is now.</p>
        <div><button type="button" class="button primary" onClick={again}>Put the edits into the draft again</button></div></div>
    </section>
  );
}
