// Short notes at the bottom left: what was done, and for ten seconds the way back.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "./icon.tsx";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  undo?: { label: string; run: () => void };
}

const KEEP_MS = 10_000;
const MOST = 4;
const toasts = signal<Toast[]>([]);
/** Read out by a screen reader; not seen. */
export const announced = signal("");
let next = 1;

export function announce(text: string): void {
  announced.value = text;
}

export function toast(text: string, options: { bad?: boolean; undo?: { label: string; run: () => void } } = {}): void {
  const id = next;
  next += 1;
  toasts.value = [...toasts.value, { id, text, bad: options.bad ?? false, undo: options.undo }].slice(-MOST);
  setTimeout(() => drop(id), KEEP_MS);
}

/** Runs the newest undo that is still offered. */
export function undoLast(): boolean {
  const last = toasts.value.findLast((it) => it.undo);
  if (!last?.undo) return false;
  drop(last.id);
  last.undo.run();
  return true;
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((it) => it.id !== id);
}

export function Toasts(): JSX.Element {
  return (
    <>
      <div class="visually-hidden" role="status" aria-live="polite">{announced.value}</div>
      <div class="toasts" role="region" aria-label="Notes" aria-live="polite">
        {toasts.value.map((it) => (
          <div key={it.id} class={`toast${it.bad ? " bad" : ""}`}>
            <Icon name={it.bad ? "warning" : "check"} />
            <span class="grow">{it.text}</span>
            {it.undo && <button type="button" class="link" onClick={() => { drop(it.id); it.undo?.run(); }}>{it.undo.label}</button>}
            <button type="button" class="icon-button" aria-label="Close note" onClick={() => drop(it.id)}><Icon name="cross" size={14} /></button>
          </div>
        ))}
      </div>
    </>
  );
}
