// The place in the console is the URL: a path below /console/ and a query that holds the filters.
import { computed, signal } from "@preact/signals";

const ROOT = "/console/";
const here = signal({ path: pathNow(), search: location.search });

function pathNow(): string {
  return location.pathname.startsWith(ROOT) ? location.pathname.slice(ROOT.length).replace(/\/$/, "") : "";
}

function read(): void {
  here.value = { path: pathNow(), search: location.search };
}

export const path = computed(() => here.value.path);
/** First segment, `overview` at the root. */
export const section = computed(() => path.value.split("/")[0] || "overview");
/** What follows it, decoded. */
export const rest = computed(() => path.value.split("/").slice(1).map(decode));
export const query = computed(() => new URLSearchParams(here.value.search));

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function href(place: string): string {
  return ROOT + place;
}

export function go(place: string, replace = false): void {
  const target = ROOT + place;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  read();
}

/** Changes some of the query and keeps the place: filters are not steps of the history. */
export function setQuery(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
  read();
}

addEventListener("popstate", read);
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(ROOT)) return;
  event.preventDefault();
  go(url.pathname.slice(ROOT.length) + url.search);
});
