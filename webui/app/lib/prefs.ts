// What this browser remembers of its user's taste.
import { effect, signal } from "@preact/signals";

export interface Prefs {
  theme: "auto" | "light" | "dark";
  density: "compact" | "comfortable";
  utc: boolean;
  singleKeys: boolean;
}

const KEY = "causeway.prefs";
const DEFAULTS: Prefs = { theme: "auto", density: "compact", utc: false, singleKeys: true };

function stored(): Prefs {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Prefs>) };
  } catch {
    return DEFAULTS;
  }
}

export const prefs = signal<Prefs>(stored());

export function setPref<K extends keyof Prefs>(name: K, value: Prefs[K]): void {
  prefs.value = { ...prefs.value, [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs.value));
  } catch {
    // A browser that keeps nothing still shows what was chosen until it is closed.
  }
}

effect(() => {
  const root = document.documentElement;
  root.dataset.theme = prefs.value.theme;
  root.dataset.density = prefs.value.density;
});

export const rowHeight = (): number => (prefs.value.density === "compact" ? 32 : 44);
