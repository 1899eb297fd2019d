// Which screen a section shows.
import type { JSX } from "preact";
import { Alerts } from "./alerts.tsx";
import { Audit } from "./audit.tsx";
import { Changes } from "./changes.tsx";
import { Directory } from "./directory.tsx";
import { Explain } from "./explain.tsx";
import { Flow } from "./flow.tsx";
import { Moves } from "./moves.tsx";
import { Overview } from "./overview.tsx";
import { People } from "./people.tsx";
import { Plans } from "./plans.tsx";
import { Routes } from "./routes.tsx";
import { Settings } from "./settings.tsx";
import { Sites } from "./sites.tsx";
import { Spool } from "./spool.tsx";
import { Trace } from "./trace.tsx";

export const SCREENS: Record<string, () => JSX.Element> = {
  overview: Overview, routes: Routes, plans: Plans, moves: Moves, changes: Changes, explain: Explain, flow: Flow, trace: Trace,
  spool: Spool, sites: Sites, directory: Directory, alerts: Alerts, people: People, audit: Audit, settings: Settings,
};
