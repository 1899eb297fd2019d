// Types of calls that other parts of the gateway serve.
import type { Change, Entry, Generation, Problem } from "./types.ts";

export type PlanState = "checking" | "ready" | "awaiting_approval" | "scheduled" | "canary" | "applied" | "rolled_back" | "cancelled" | "failed";
export interface Blocked { rail: string; message: string; hint: string; rows: number; examples: string[]; overridable: boolean; overridden_by?: string | null }
export interface RowConflict { address: string; base?: Entry | null; theirs?: Entry | null; yours?: Entry | null }
export interface Canary { recipients?: number | null; percent?: number | null; after_deliveries?: number | null; after_seconds?: number | null; bounce_percent_max?: number | null }
export interface CanaryProgress { rows: number; generation: number; since: string; delivered: number; bounced: number }
export interface Impact { domain: string; from?: string | null; to?: string | null; n: number }
export interface Plan {
  id: string; state: PlanState; base_generation: number; generation?: number | null; author: string; approvers: string[];
  reason?: string | null; ticket?: string | null; created_at: string; not_before?: string | null; canary?: Canary | null; canary_progress?: CanaryProgress | null;
  added: number; changed: number; removed: number; unchanged: number; impact: Impact[]; blocked: Blocked[]; warnings: Blocked[]; remarks: string[];
  checked_at?: string | null; confirm?: string | null; second_person: boolean; plan_hash: string; expires_at: string; failure?: string | null;
}
export interface PlanList { plans: Plan[]; next_cursor?: string | null }
export interface RowList { rows: Change[]; next_cursor?: string | null }
export interface TableDiff { from: number; to: number; rows: Change[]; next_cursor?: string | null }
export interface Revision extends Generation { parent?: number | null; ticket?: string | null; plan?: string | null; approvers?: string[]; overrides?: string[]; hash?: string | null }
export interface PlanProblem extends Problem { blocked?: Blocked[]; conflicts?: RowConflict[] }


export interface FlowEvent { at: string; kind: string; id: string; reverse_path: string; recipient: string; site?: string | null; size_bytes?: number | null; reply?: string | null; seconds?: number | null }
export interface Alert { name: string; severity: string; state: string; since: string; summary: string; runbook: string; labels: Record<string, string> }


export interface PendingRemovals { recipients: number; addresses: number; of_addresses: number; examples: string[] }
export interface DirectorySync { dry_run: boolean; full: boolean; entries: number; added: number; changed: number; removed: number; milliseconds: number; pending_removals?: PendingRemovals | null }
export interface DirectorySource {
  name: string; kind: string; place: string; state: string; fresh: boolean; age_seconds?: number | null; recipients: number; addresses: number; good_at?: string | null;
  last_sync?: DirectorySync | null; last_error?: string | null; pending_removals?: PendingRemovals | null; mistakes: number; mistakes_listed: { entry: string; message: string }[];
}
export interface DirectoryStatus { sources: DirectorySource[]; recipients: number; addresses: number; conflicts: number }
export interface Recipient { address: string; aliases: string[]; x500: string[]; target_address?: string | null; kind: string; source: string; id: string }
export interface RecipientList { recipients: Recipient[]; next_cursor?: string | null }
export interface Drift { address: string; kind: string; table?: string | null; directory?: string | null; suggestion?: string | null }
export interface DriftList { generation: number; rows: Drift[]; next_cursor?: string | null }
