// What is around every screen: the rail, the header, the draft's bar, and where focus goes.
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { reachable } from "../api/client.ts";
import { draftCount } from "../lib/draft.ts";
import { capital, count } from "../lib/format.ts";
import { useKeys } from "../lib/keys.ts";
import { prefs, setPref } from "../lib/prefs.ts";
import { go, href, path, section } from "../lib/router.ts";
import { signOut, version, who } from "../lib/session.ts";
import { live } from "../lib/live.ts";
import { table } from "../lib/table.ts";
import { Badge } from "./badge.tsx";
import { Help } from "./help.tsx";
import { Icon } from "./icon.tsx";
import { Palette } from "./palette.tsx";
import { SECTIONS } from "./sections.ts";
import { Lost } from "./states.tsx";
import { Clock } from "./time.tsx";
import { announce, toast, Toasts, undoLast } from "./toast.tsx";

export const paletteOpen = signal(false);
const helpOpen = signal(false);

function Rail({ open, close }: { open: boolean; close: () => void }): JSX.Element {
  const groups = [...new Set(SECTIONS.map((it) => it.group))];
  return (
    <nav class={`rail${open ? " open" : ""}`} aria-label="Sections" id="rail">
      <a class="brand" href={href("overview")}><img src={document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href} alt="" width="24" height="24" /><span>Causeway</span></a>
      {groups.map((group) => (
        <div key={group} class="rail-group">
          {group && <h2 class="rail-title">{group}</h2>}
          <ul class="plain">
            {SECTIONS.filter((it) => it.group === group).map((it) => (
              <li key={it.id}>
                <a href={href(it.id)} aria-current={section.value === it.id ? "page" : undefined} onClick={close}><Icon name={it.icon} /><span>{it.title}</span></a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function Link(): JSX.Element {
  if (!reachable.value) return <Badge state="down" label="No connection" />;
  return live.value === "on" ? <Badge state="up" label="Live" /> : <Badge state="none" label={live.value === "waiting" ? "Connecting" : "Every 10 s"} />;
}

function Header({ menu, open }: { menu: () => void; open: boolean }): JSX.Element {
  return (
    <header class="header">
      <button type="button" class="icon-button menu-button" aria-label="Sections" aria-expanded={open} aria-controls="rail" onClick={menu}><Icon name="menu" /></button>
      <span class="environment" title="This gateway">{version.value?.hostname ?? "…"}</span>
      {table.value && <a class="generation" href={href("changes")} title="Version of the routing table">Table <span class="mono">{count(table.value.generation)}</span></a>}
      <Link />
      <span class="grow" />
      <button type="button" class="search-button" onClick={() => { paletteOpen.value = true; }}><Icon name="trace" /><span>Go to…</span><kbd>Ctrl K</kbd></button>
      <button type="button" class="plain-button wide-only" title={prefs.value.utc ? "Show local time" : "Show UTC"} onClick={() => setPref("utc", !prefs.value.utc)}><Clock /></button>
      <details class="menu">
        <summary><Icon name="people" /><span class="visually-hidden">Account </span><span class="wide-only">{who.value?.name}</span><Icon name="down" size={12} /></summary>
        <div class="menu-body">
          <p><strong>{who.value?.name}</strong><br /><span class="muted">{capital(who.value?.role ?? "")}</span></p>
          <a class="menu-item" href={href("settings")}>Preferences</a>
          <button type="button" class="menu-item" onClick={() => { helpOpen.value = true; }}>Keyboard shortcuts</button>
          <button type="button" class="menu-item" onClick={() => void leave()}>Sign out</button>
        </div>
      </details>
    </header>
  );
}

/** What failed must not look as if it had not: the session would still be open. */
async function leave(): Promise<void> {
  try {
    await signOut();
  } catch (error) {
    toast(`You are still signed in: ${error instanceof Error ? error.message : String(error)}`, { bad: true });
  }
}

/** Says where we are, and puts focus at the screen's heading, when the section changes. */
function useArrival(): void {
  const first = useRef(true);
  const place = path.value;
  useEffect(() => {
    const title = SECTIONS.find((it) => it.id === section.value)?.title ?? "Not found";
    document.title = `${title} · ${version.value?.hostname ?? "Causeway"}`;
    document.querySelectorAll("details.menu[open]").forEach((it) => it.removeAttribute("open"));
    if (first.current) {
      first.current = false;
      return;
    }
    announce(title);
    const heading = document.querySelector<HTMLElement>("main h1");
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [place]);
}

export function Shell({ children, review }: { children: ComponentChildren; review: () => void }): JSX.Element {
  const [menu, setMenu] = useState(false);
  const goTo = Object.fromEntries(SECTIONS.map((it) => [`g ${it.key}`, () => go(it.id)]));
  useArrival();
  useKeys({
    ...goTo,
    "?": () => { helpOpen.value = true; },
    "mod+k": () => { paletteOpen.value = !paletteOpen.value; },
    "/": () => document.querySelector<HTMLElement>("[data-filter]")?.focus(),
    e: () => go("explain"),
    p: () => (draftCount.value > 0 ? review() : go("plans")),
    u: () => { if (!undoLast()) toast("Nothing to undo."); },
  });
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>("main h1")?.focus(); }}>Skip to content</a>
      <Rail open={menu} close={() => setMenu(false)} />
      {menu && <div class="scrim" onClick={() => setMenu(false)} />}
      <div class="stage">
        <Header menu={() => setMenu(!menu)} open={menu} />
        <main id="main"><Lost />{children}</main>
      </div>
      <Toasts />
      {paletteOpen.value && <Palette close={() => { paletteOpen.value = false; }} />}
      {helpOpen.value && <Help close={() => { helpOpen.value = false; }} />}
    </div>
  );
}

/** The head of a screen. Its heading takes focus when one arrives. */
export function Head({ title, children, about }: { title: string; children?: ComponentChildren; about?: ComponentChildren }): JSX.Element {
  return (
    <div class="screen-head">
      <div class="grow"><h1 tabIndex={-1}>{title}</h1>{about && <p class="muted about">{about}</p>}</div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}
