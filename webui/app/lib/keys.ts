// Shortcuts: single keys, `g` and a key, and Ctrl or ⌘ with K. WCAG 2.1.4: single keys can be off.
import { useEffect } from "preact/hooks";
import { prefs } from "./prefs.ts";

export type Handler = (event: KeyboardEvent) => void;
interface Layer {
  keys: Record<string, Handler>;
}

const layers: Layer[] = [];
const SEQUENCE_MS = 1200;
let prefix = "";
let prefixAt = 0;

/** Keys that work while the component is there; the newest layer wins. */
export function useKeys(keys: Record<string, Handler>, on = true): void {
  useEffect(() => {
    if (!on) return;
    const layer = { keys };
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  });
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit"].includes(target.type);
}

function named(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  return mod + (event.key === " " ? "Space" : event.key);
}

function find(name: string): Handler | undefined {
  for (let at = layers.length - 1; at >= 0; at -= 1) {
    const handler = layers[at]!.keys[name];
    if (handler) return handler;
  }
  return undefined;
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey) return;
  const name = named(event);
  const chord = name.startsWith("mod+");
  const inDialog = document.querySelector("dialog[open]") !== null;
  if (!chord && (typing(event.target) || inDialog || !prefs.value.singleKeys)) return;
  const second = prefix && performance.now() - prefixAt < SEQUENCE_MS ? `${prefix} ${name}` : "";
  prefix = "";
  const handler = (second && find(second)) || find(name);
  if (handler) {
    const onControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
    if (onControl && (name === "Enter" || name === "Space")) return;
    event.preventDefault();
    handler(event);
  } else if (name === "g") {
    prefix = name;
    prefixAt = performance.now();
  }
});
