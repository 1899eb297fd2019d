// How a plan is applied, as a part of the form that makes it.
import { Fragment, type JSX } from "preact";
import { useId } from "preact/hooks";
import { ago, clock } from "../lib/format.ts";
import { moment, type Terms, wallOf } from "../lib/terms.ts";
import { Check, Input, Segmented, Select } from "../ui/field.tsx";
import { now } from "../ui/time.tsx";

const ZONES: readonly string[] = ["UTC", ...Intl.supportedValuesOf("timeZone")];

function When({ terms, set }: { terms: Terms; set: (terms: Terms) => void }): JSX.Element {
  const id = useId();
  const at = moment(terms.at, terms.zone.trim());
  const past = at !== undefined && at < now.value;
  const skipped = at !== undefined && wallOf(at, terms.zone.trim()) !== terms.at;
  return (
    <div class="stack tight">
      <div class="form-row">
        <Input label="Not before" type="datetime-local" value={terms.at} set={(to) => set({ ...terms, at: to })} required error={past ? "This is over already." : undefined} />
        <Input label="Time zone" list={id} value={terms.zone} set={(zone) => set({ ...terms, zone })} required error={ZONES.includes(terms.zone.trim()) ? undefined : "Write it as Europe/Berlin."} />
        <datalist id={id}>{ZONES.map((it) => <option key={it} value={it} />)}</datalist>
      </div>
      {at !== undefined && !past && <p class="hint" role="status">{skipped && "No clock there shows this time, because the clocks go forward over it: the hour after counts. "}That is <strong>{clock(at, true, true, false)} UTC</strong>, {ago(at, now.value)}. You apply the plan before; the gateway makes it then, if no rail stands in its way at that moment.</p>}
    </div>
  );
}

function First({ terms, set }: { terms: Terms; set: (terms: Terms) => void }): JSX.Element {
  const digits = (name: "amount" | "deliveries" | "minutes" | "bounces") => (text: string) => set({ ...terms, [name]: text.replace(/\D/g, "") });
  const endless = terms.deliveries !== "" && terms.minutes === "";
  return (
    <div class="stack tight">
      <div class="form-row narrow">
        <Input label="So many first" inputMode="numeric" value={terms.amount} set={digits("amount")} required />
        <Select label="Counted in" value={terms.unit} set={(unit) => set({ ...terms, unit: unit as Terms["unit"] })} options={[["rows", "Mailboxes"], ["percent", "Percent of them"]]} />
        <Input label="Rest after deliveries" inputMode="numeric" placeholder="any" value={terms.deliveries} set={digits("deliveries")} />
        <Input label="Or after minutes" inputMode="numeric" placeholder={terms.deliveries ? "no limit" : "15"} value={terms.minutes} set={digits("minutes")} />
        <Input label="Back above (%)" inputMode="numeric" placeholder="2" value={terms.bounces} set={digits("bounces")} />
      </div>
      <p class="hint">Their mail decides: the rest follows {terms.deliveries ? `after ${terms.deliveries} of it ${terms.deliveries === "1" ? "is" : "are"} delivered` : ""}{terms.deliveries && !endless ? " or " : ""}{endless ? "" : `after ${terms.minutes || "15"} min`}. Once five outcomes are known and more than {terms.bounces || "2"} % of them were returned, the first rows go back by themselves.</p>
    </div>
  );
}

export function TermsFields({ terms, set }: { terms: Terms; set: (terms: Terms) => void }): JSX.Element {
  return (
    <Fragment>
      <div class="form-row">
        <Segmented label="When" value={terms.when} set={(when) => set({ ...terms, when })} options={[["now", "When it is applied"], ["later", "Not before a time"]]} />
        <Segmented label="How much" value={terms.first} set={(first) => set({ ...terms, first })} options={[["all", "All of it"], ["some", "A few first"]]} />
      </div>
      {terms.when === "later" && <When terms={terms} set={set} />}
      {terms.first === "some" && <First terms={terms} set={set} />}
      <Check label="Somebody else has to agree" hint="An approver other than you, whatever the configuration says." value={terms.second} set={(second) => set({ ...terms, second })} />
    </Fragment>
  );
}
