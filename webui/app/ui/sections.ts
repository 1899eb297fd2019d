// The sections of the rail, in its order; `key` goes there after `g`.
import type { IconName } from "./icon.tsx";

export interface Section {
  id: string;
  title: string;
  icon: IconName;
  key: string;
  group: string;
  /** Words that find it in the palette. */
  also?: string;
}

export const SECTIONS: readonly Section[] = [
  { id: "overview", title: "Overview", icon: "overview", key: "o", group: "", also: "home dashboard" },
  { id: "routes", title: "Routes", icon: "routes", key: "r", group: "Routing", also: "table mailboxes entries" },
  { id: "plans", title: "Plans", icon: "check", key: "p", group: "Routing", also: "approve apply import csv schedule" },
  { id: "moves", title: "Moves", icon: "moves", key: "m", group: "Routing", also: "batches cutover migration transition sync doubt" },
  { id: "changes", title: "Changes", icon: "changes", key: "c", group: "Routing", also: "history generations rollback revisions" },
  { id: "explain", title: "Explain", icon: "explain", key: "e", group: "Routing", also: "why where simulate" },
  { id: "flow", title: "Mail flow", icon: "flow", key: "f", group: "Mail", also: "live tail stream" },
  { id: "trace", title: "Message trace", icon: "trace", key: "t", group: "Mail", also: "search message find" },
  { id: "spool", title: "Spool", icon: "spool", key: "q", group: "Mail", also: "queue waiting held deferred" },
  { id: "sites", title: "Sites", icon: "sites", key: "s", group: "Systems", also: "hosts probe override health" },
  { id: "directory", title: "Directory", icon: "directory", key: "d", group: "Systems", also: "ldap recipients drift sync" },
  { id: "alerts", title: "Alerts", icon: "alerts", key: "a", group: "Systems", also: "alarms runbook" },
  { id: "people", title: "People and access", icon: "people", key: "w", group: "Administration", also: "users roles sessions password" },
  { id: "audit", title: "Audit", icon: "audit", key: "u", group: "Administration", also: "log chain" },
  { id: "settings", title: "Settings", icon: "settings", key: ",", group: "Administration", also: "preferences theme tokens configuration about" },
];
