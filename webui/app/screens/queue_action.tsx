// Something done to mail that waits: first how much it concerns, then why, then done.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { Acted, Action, ActionRequest, Selector } from "../api/types.ts";
import { capital, plural } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Input } from "../ui/field.tsx";
import { Failure, Loaded } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";

export interface Wish {
  action: Action;
  selector: Partial<Selector>;
}

const DOES: Record<Action, string> = {
  retry: "They are attempted now instead of when they are due.",
  hold: "They stay here until somebody releases them. Their lifetime goes on.",
  release: "They are attempted again as usual.",
  bounce: "We give up on them now and tell their senders. This cannot be undone.",
  discard: "We give up on them now and tell nobody. This cannot be undone.",
};
const BACK: Partial<Record<Action, Action>> = { hold: "release", release: "hold" };

export function ActionDialog({ wish, close, done }: { wish: Wish; close: () => void; done: () => void }): JSX.Element {
  const { action, selector } = wish;
  const final = action === "bounce" || action === "discard";
  const [reason, setReason] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(false);
  const key = JSON.stringify(wish);
  const counted = useResource(key, (signal) => api.post<Acted>("/queue/actions", { action, selector, dry_run: true, reason: "counting" } as ActionRequest, { signal }));
  const send = (what: Action, why: string) => api.post<Acted>("/queue/actions", { action: what, selector, reason: why } as ActionRequest);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const acted = await send(action, reason.trim());
      const back = BACK[action];
      toast(`${capital(action)}: ${plural(acted.recipients, "recipient")} of ${plural(acted.messages, "message")}.`, back ? { undo: { label: "Undo", run: () => void send(back, `Undo: ${reason.trim()}`).then(done, (it: unknown) => toast(asError(it).message, { bad: true })) } } : {});
      done();
      close();
    } catch (caught) {
      setError(asError(caught));
      setBusy(false);
    }
  };
  const n = counted.data?.recipients ?? 0;
  return (
    <Dialog title={`${capital(action)} waiting mail`} close={close}>
      <Loaded of={counted} rows={2}>{(it) => (
        <div class="stack">
          <p><strong>{plural(it.recipients, "recipient")} of {plural(it.messages, "message")}</strong> match. {DOES[action]}</p>
          {it.busy_recipients > 0 && <p class="muted">{plural(it.busy_recipients, "recipient")} are being delivered this moment and are left alone.</p>}
          {(it.table_held_recipients ?? 0) > 0 && <p class="muted">{plural(it.table_held_recipients ?? 0, "recipient")} are held by a cutover in the table. Changing the mailbox's state lets them go.</p>}
        </div>
      )}</Loaded>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <Input label="Reason" hint="Kept in the ledger beside what was done." value={reason} set={setReason} required autofocus />
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button>
          <button type="submit" class={`button ${final ? "danger" : "primary"}`} disabled={busy || n === 0}>{capital(action)} {plural(n, "recipient")}</button></div>
      </form>
    </Dialog>
  );
}
