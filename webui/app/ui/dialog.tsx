// A modal dialog on the browser's own: focus stays in it, Escape closes it, focus goes back after.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
  side?: boolean;
  bare?: boolean;
}

export function Dialog({ title, close, children, wide, side, bare }: Props): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => { if (before instanceof HTMLElement && before.isConnected) before.focus(); };
  }, []);
  const kind = `${wide ? " wide" : ""}${side ? " side" : ""}${bare ? " bare" : ""}`;
  return (
    <dialog ref={ref} class={`dialog${kind}`} aria-labelledby={id} onCancel={(event) => { if (event.target !== ref.current) return; event.preventDefault(); close(); }}
      onClick={(event) => { if (event.target === ref.current) close(); }}>
      <div class="dialog-body">
        <div class={bare ? "visually-hidden" : "dialog-head"}>
          <h2 id={id}>{title}</h2>
          {!bare && <button type="button" class="icon-button" aria-label="Close" onClick={close}><Icon name="cross" /></button>}
        </div>
        {children}
      </div>
    </dialog>
  );
}
