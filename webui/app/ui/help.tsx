// `?`: every shortcut, and the switch that turns single keys off.
import type { JSX } from "preact";
import { prefs, setPref } from "../lib/prefs.ts";
import { Dialog } from "./dialog.tsx";
import { Check } from "./field.tsx";
import { SECTIONS } from "./sections.ts";

const ANYWHERE: readonly [string, string][] = [
  ["Ctrl K", "Go to anything"],
  ["/", "Filter or search"],
  ["e", "Explain an address"],
  ["p", "Review the draft as a plan"],
  ["u", "Undo the last change"],
  ["?", "This sheet"],
];
const LISTS: readonly [string, string][] = [
  ["j  k", "Next and previous row"],
  ["x", "Select the row"],
  ["Enter", "Open the row"],
  ["Space", "Look at it beside the list"],
  ["Home  End", "First and last row"],
];

function Keys({ title, rows }: { title: string; rows: readonly (readonly [string, string])[] }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      <dl class="keys">{rows.map(([keys, does]) => <div key={keys}><dt>{keys.split(/ +/).map((it) => <kbd key={it}>{it}</kbd>)}</dt><dd>{does}</dd></div>)}</dl>
    </section>
  );
}

export function Help({ close }: { close: () => void }): JSX.Element {
  return (
    <Dialog title="Keyboard shortcuts" close={close} wide>
      <div class="columns">
        <div><Keys title="Anywhere" rows={ANYWHERE} /><Keys title="In a list" rows={LISTS} /></div>
        <Keys title="Go to" rows={SECTIONS.map((it) => [`g ${it.key}`, it.title] as const)} />
      </div>
      <Check label="Single keys work as shortcuts" hint="Turn this off if you speak to your computer. Ctrl K and everything with Tab and the arrow keys work all the same." value={prefs.value.singleKeys} set={(on) => setPref("singleKeys", on)} />
    </Dialog>
  );
}
