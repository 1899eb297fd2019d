// Rows before and after.
import type { JSX } from "preact";
import type { Change, Entry } from "../api/types.ts";
import type { Draft } from "../lib/draft.ts";
import { capital, moveState, siteName } from "../lib/format.ts";

type Kind = "add" | "change" | "remove" | "unchanged";
const SIGNS: Record<Kind, string> = { add: "+", change: "~", remove: "−", unchanged: "=" };
const WORDS: Record<Kind, string> = { add: "Added", change: "Changed", remove: "Removed", unchanged: "Unchanged" };
const FIELDS = ["home", "state", "batch", "cloud_address", "aliases", "note"] as const;

export function kindOf(change: Change): Kind {
  if (!change.before) return change.after ? "add" : "unchanged";
  if (!change.after) return "remove";
  return FIELDS.some((it) => shown(it, change.before) !== shown(it, change.after)) ? "change" : "unchanged";
}

function shown(field: (typeof FIELDS)[number], entry: Partial<Entry> | null | undefined): string {
  const value = entry?.[field];
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(" ");
  return field === "state" ? moveState(value) : field === "home" ? siteName(value) : value;
}

export function Difference({ before, after }: { before?: Partial<Entry> | null; after?: Partial<Entry> | null }): JSX.Element {
  const names: Record<string, string> = { cloud_address: "Cloud address" };
  const parts = FIELDS.filter((it) => (before && after ? shown(it, before) !== shown(it, after) : shown(it, before ?? after) !== ""));
  return (
    <span class="difference">
      {parts.map((it) => (
        <span key={it}><span class="muted">{names[it] ?? capital(it)}</span>{" "}
          {before && after ? <><del>{shown(it, before) || "none"}</del> <span aria-hidden="true">→</span><span class="visually-hidden"> becomes </span> <ins>{shown(it, after) || "none"}</ins></> : shown(it, before ?? after)}
        </span>
      ))}
    </span>
  );
}

function Row({ kind, address, before, after }: { kind: Kind; address: string; before?: Partial<Entry> | null; after?: Partial<Entry> | null }): JSX.Element {
  return (
    <li class={`diff ${kind}`}>
      <span class="sign" aria-hidden="true">{SIGNS[kind]}</span><span class="visually-hidden">{WORDS[kind]}: </span>
      <span class="mono address">{address}</span>
      <Difference before={before} after={after} />
    </li>
  );
}

export function ChangeList({ changes }: { changes: readonly Change[] }): JSX.Element {
  return <ul class="plain diffs">{changes.map((it) => <Row key={it.address} kind={kindOf(it)} address={it.address} before={it.before} after={it.after} />)}</ul>;
}

const SHOWN = 200;

export function EditList({ edits }: { edits: readonly Draft[] }): JSX.Element {
  return (
    <ul class="plain diffs tall" tabIndex={0} aria-label="Edits">
      {edits.slice(0, SHOWN).map(({ address, before, patch }) => (
        <Row key={address} kind={!patch ? "remove" : before ? "change" : "add"} address={address} before={before} after={patch ? ({ ...(before ?? {}), ...patch } as Partial<Entry>) : null} />
      ))}
      {edits.length > SHOWN && <li class="muted pad">and {edits.length - SHOWN} more</li>}
    </ul>
  );
}
