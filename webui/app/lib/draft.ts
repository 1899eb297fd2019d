// Edits of the table that are collected before they become a plan. They outlive the page.
import { computed, signal } from "@preact/signals";
import type { Entry, EntryPatch, TableEdit } from "../api/types.ts";

export interface Draft {
  address: string;
  /** The row as it was seen; null for a new one. */
  before: Entry | null;
  /** What to set, or null to remove. */
  patch: EntryPatch | null;
}

const KEY = "causeway.draft";
/** What one plan takes. */
export const MOST = 10_000;

function stored(): Map<string, Draft> {
  try {
    const rows = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Draft[];
    return new Map(rows.map((it) => [it.address, it]));
  } catch {
    return new Map();
  }
}

export const draft = signal(stored());
export const draftCount = computed(() => draft.value.size);

export function put(next: Map<string, Draft>): void {
  draft.value = next;
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...next.values()]));
  } catch {
    // Too much to keep: it lives as long as the page.
  }
}

const OWNER = "causeway.draft.of";
/** The draft is this one's; that of somebody else who used the tab before goes. */
export function adopt(name: string): void {
  try {
    const owner = sessionStorage.getItem(OWNER);
    sessionStorage.setItem(OWNER, name);
    if (owner === null || owner === name) return;
  } catch {
    return;
  }
  put(new Map());
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** `patch` without what is so already. */
export function needed(before: Entry | null, patch: EntryPatch): EntryPatch {
  if (!before) return patch;
  const left = Object.entries(patch).filter(([name, value]) => !same(before[name as keyof Entry], value === "" ? null : value));
  return Object.fromEntries(left) as EntryPatch;
}

/** Adds edits; one that changes nothing any more leaves the draft. */
export function edit(rows: readonly (Entry | { address: string })[], patch: EntryPatch | null): void {
  const next = new Map(draft.value);
  for (const row of rows) {
    const known = next.get(row.address);
    const before = known ? known.before : "home" in row ? row : null;
    if (patch === null) {
      if (before) next.set(row.address, { address: row.address, before, patch: null });
      else next.delete(row.address);
      continue;
    }
    const merged = needed(before, { ...(known?.patch ?? {}), ...patch });
    if (before && Object.keys(merged).length === 0) next.delete(row.address);
    else next.set(row.address, { address: row.address, before, patch: merged });
  }
  put(next);
}

export function drop(address: string): void {
  const next = new Map(draft.value);
  next.delete(address);
  put(next);
}

/** As the row would be. */
export function drafted(row: Entry): Entry {
  const change = draft.value.get(row.address);
  return change?.patch ? ({ ...row, ...change.patch } as Entry) : row;
}

export function edits(of: Iterable<Draft> = draft.value.values()): TableEdit[] {
  return [...of].map(({ address, patch }) => (patch ? { op: "set", address, entry: patch } : { op: "remove", address }));
}
