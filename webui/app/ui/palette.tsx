// Ctrl or ⌘ with K: go anywhere, or ask about an address, by typing.
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { go } from "../lib/router.ts";
import { prefs, setPref } from "../lib/prefs.ts";
import { Dialog } from "./dialog.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { SECTIONS } from "./sections.ts";

interface Command {
  title: string;
  hint?: string;
  icon: IconName;
  also?: string;
  run: () => void;
}

function commands(text: string): Command[] {
  const asked = text.trim();
  const found: Command[] = [];
  if (asked.includes("@")) {
    found.push(
      { title: `Explain ${asked}`, icon: "explain", run: () => go(`explain?address=${encodeURIComponent(asked)}`) },
      { title: `Trace mail of ${asked}`, icon: "trace", run: () => go(`trace?q=${encodeURIComponent(asked)}`) },
      { title: `Move of ${asked}`, icon: "moves", run: () => go(`moves/${encodeURIComponent(asked)}`) },
      { title: `Find ${asked} in the routes`, icon: "routes", run: () => go(`routes?matching=${encodeURIComponent(asked)}`) },
    );
  }
  const all: Command[] = [
    ...SECTIONS.map((it): Command => ({ title: it.title, hint: `g ${it.key}`, icon: it.icon, also: it.also, run: () => go(it.id) })),
    { title: "Import a file as a plan", icon: "plus", also: "csv upload", run: () => go("plans?import=1") },
    { title: "Light theme", icon: "sun", also: "appearance", run: () => setPref("theme", "light") },
    { title: "Dark theme", icon: "moon", also: "appearance", run: () => setPref("theme", "dark") },
    { title: "Theme of the system", icon: "settings", also: "auto appearance", run: () => setPref("theme", "auto") },
    { title: prefs.value.density === "compact" ? "Comfortable rows" : "Compact rows", icon: "menu", also: "density", run: () => setPref("density", prefs.value.density === "compact" ? "comfortable" : "compact") },
    { title: prefs.value.utc ? "Show local time" : "Show UTC", icon: "changes", also: "clock time zone", run: () => setPref("utc", !prefs.value.utc) },
  ];
  const parts = asked.toLowerCase().split(/\s+/).filter(Boolean);
  return [...found, ...all.filter((it) => parts.every((part) => `${it.title} ${it.also ?? ""}`.toLowerCase().includes(part)))];
}

export function Palette({ close }: { close: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = commands(text);
  const current = Math.min(at, Math.max(0, list.length - 1));
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(current + 1, list.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(current - 1, 0));
    else if (event.key === "Enter") run(list[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" close={close} bare>
      <input class="palette-input" type="text" role="combobox" aria-label="Go to a section or type an address" aria-expanded={list.length > 0} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={list.length ? `${id}-${current}` : undefined} placeholder="Go to a section, or type an address" autocomplete="off" spellcheck={false} value={text}
        onInput={(event) => { setText(event.currentTarget.value); setAt(0); }} onKeyDown={key} />
      <ul role="listbox" id={`${id}-list`} aria-label="Commands" class="palette-list">
        {list.map((it, index) => (
          <li key={it.title} role="option" id={`${id}-${index}`} aria-selected={index === current} class={index === current ? "active" : undefined}
            ref={(element) => { if (index === current) element?.scrollIntoView({ block: "nearest" }); }} onClick={() => run(it)}>
            <Icon name={it.icon} /><span class="grow">{it.title}</span>{it.hint && <kbd>{it.hint}</kbd>}
          </li>
        ))}
      </ul>
      {list.length === 0 && <p class="muted pad">Nothing by that name. An address with @ can be explained or traced.</p>}
    </Dialog>
  );
}
