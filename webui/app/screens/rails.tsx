// Safety rails: what each stands for, what it says, and the reason with which it may be passed.
import type { JSX } from "preact";
import type { Blocked, RailOverride } from "../api/types.ts";
import { capital, plural, words } from "../lib/format.ts";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Prose } from "../ui/states.tsx";

const RAILS: Record<string, string> = {
  large_change: "Large change", domain_row: "Every mailbox of a domain", site_not_healthy: "Site not healthy", recipient_refused: "Recipient refused by the future site",
  loop: "Mail would loop", batch_not_synced: "Batch not copied yet", freeze_window: "Freeze window", second_person: "Second person",
};
/** Rails that ask whether so much is meant: repeating the text answers. */
export const ASKS = ["large_change", "domain_row"];
export const railName = (rail: string): string => RAILS[rail] ?? capital(words(rail));

/** Reasons by rail, as they are typed. */
export type Reasons = Record<string, string>;

/** Those that say something, as the API takes them. */
export const overridesOf = (reasons: Reasons): RailOverride[] => Object.entries(reasons).filter(([, reason]) => reason.trim()).map(([rail, reason]) => ({ rail: rail as RailOverride["rail"], reason: reason.trim() }));
export const isOverridden = (it: Blocked, reasons: Reasons): boolean => it.overridable && (reasons[it.rail]?.trim() ?? "") !== "";

/** With `set` a reason can be given; with `repeats` a text is repeated somewhere below instead. */
export function Rail({ it, reason, set, repeats = true }: { it: Blocked; reason: string | undefined; set?: (reason: string | undefined) => void; repeats?: boolean }): JSX.Element {
  const passed = Boolean(it.overridden_by);
  return (
    <li class={`notice ${passed ? "good" : set ? "bad" : "warn"}`}>
      <Icon name={passed ? "check" : "warning"} />
      <div class="grow stack tight">
        <p><strong>{railName(it.rail)}.</strong> {capital(it.message)}{/[.!?]$/.test(it.message) ? "" : "."}</p>
        {it.hint && <Prose text={repeats && ASKS.includes(it.rail) ? "Look at the rows. If all of it is meant, repeat the text below" : it.hint} />}
        {it.examples.length > 0 && <p class="mono small">{it.examples.slice(0, 5).join(", ")}{it.rows > it.examples.length || it.examples.length > 5 ? ` and others, ${plural(it.rows, "row")} in all` : ""}</p>}
        {passed && <p>Overridden by {it.overridden_by}.</p>}
        {set && !passed && it.overridable && (
          reason === undefined
            ? <p><button type="button" class="button small" onClick={() => set("")}>Override {railName(it.rail).toLowerCase()}…</button></p>
            : <Input label={`Why ${railName(it.rail).toLowerCase()} may be overridden`} hint="Goes into the history under your name." value={reason} set={set} autofocus />
        )}
      </div>
    </li>
  );
}

