// The bar with the draft, and how it becomes a plan.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import { draft, draftCount, edits, put } from "../lib/draft.ts";
import { plural } from "../lib/format.ts";
import { asError } from "../lib/resource.ts";
import { go } from "../lib/router.ts";
import { table } from "../lib/table.ts";
import { bodyOf, PLAIN, type Terms } from "../lib/terms.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Input } from "../ui/field.tsx";
import { Failure } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";
import { EditList } from "./diff.tsx";
import { TermsFields } from "./terms.tsx";

const reviewing = signal(false);
export const review = (): void => { reviewing.value = true; };

function ReviewDialog({ close }: { close: () => void }): JSX.Element {
  const [reason, setReason] = useState("");
  const [ticket, setTicket] = useState("");
  const [terms, setTerms] = useState<Terms>(PLAIN);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const plan = await api.post<{ id: string }>("/plans", { edits: edits(), base_generation: table.value?.generation, reason: reason.trim() || undefined, ticket: ticket.trim() || undefined, ...bodyOf(terms) });
      put(new Map());
      close();
      go(`plans/${encodeURIComponent(plan.id)}`);
    } catch (caught) {
      setError(asError(caught));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Review ${plural(draftCount.value, "edit")}`} close={close} wide>
      <EditList edits={[...draft.value.values()]} />
      <form class="form" onSubmit={(event) => void submit(event)}>
        <div class="form-row">
          <Input label="Reason" hint="Everybody who looks at the history reads it." value={reason} set={setReason} required autofocus />
          <Input label="Ticket" hint="If there is one." value={ticket} set={setTicket} />
        </div>
        <TermsFields terms={terms} set={setTerms} />
        {error && <Failure error={error} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>Keep editing</button>
          <button type="submit" class="button primary" disabled={busy || draftCount.value === 0}>{busy ? "Checking…" : "Make the plan"}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function DraftBar(): JSX.Element | null {
  const n = draftCount.value;
  if (n === 0) return null;
  const discard = () => {
    const before = draft.value;
    put(new Map());
    toast(`${plural(n, "edit")} discarded.`, { undo: { label: "Undo", run: () => put(before) } });
  };
  return (
    <>
      <div class="draft-bar" role="region" aria-label="Draft">
        <strong>{plural(n, "edit")}</strong>
        <button type="button" class="link" onClick={discard}>Discard</button>
        <button type="button" class="button primary" onClick={review}>Review plan</button>
      </div>
      {reviewing.value && <ReviewDialog close={() => { reviewing.value = false; }} />}
    </>
  );
}
