// Asks before something that cannot be undone, in a dialog of ours: the button names what it does.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../api/client.ts";
import { asError } from "../lib/resource.ts";
import { Dialog } from "./dialog.tsx";
import { Failure } from "./states.tsx";

interface Props {
  title: string;
  /** On the button: a verb with its object. */
  verb: string;
  /** Closes it when it is done; a failure is shown instead. */
  run: () => Promise<unknown>;
  close: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, verb, run, close, children }: Props): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await run();
      close();
    } catch (caught) {
      setError(asError(caught));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p>{children}</p>
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close} autofocus>Cancel</button><button type="submit" class="button danger" disabled={busy}>{verb}</button></div>
      </form>
    </Dialog>
  );
}
