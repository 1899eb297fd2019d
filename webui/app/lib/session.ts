// Who we are to the gateway.
import { signal } from "@preact/signals";
import { ApiError, api, isAbsent, keepToken, signedIn } from "../api/client.ts";
import type { Version } from "../api/types.ts";

export interface Who {
  name: string;
  role: string;
  domains: string[];
  batches: string[];
  via: string;
  expires_at?: string | null;
  /** Whether the account has one; null if it is no account. */
  second_factor?: boolean | null;
}

export const who = signal<Who | null>(null);
export const version = signal<Version | null>(null);

const ROLES = ["viewer", "operator", "approver", "administrator"];
/** True if we are at least that. The gateway decides; this only saves a click that would fail. */
export function may(role: "viewer" | "operator" | "approver" | "administrator"): boolean {
  return ROLES.indexOf(who.value?.role ?? "viewer") >= ROLES.indexOf(role);
}

async function arrived(me: Who): Promise<void> {
  version.value = await api.get<Version>("/version");
  who.value = me;
  signedIn.value = true;
}

const TOKEN_HOLDER: Who = { name: "admin", role: "administrator", domains: [], batches: [], via: "token", expires_at: null };

/** Finds out whether we are known already. */
export async function resume(): Promise<void> {
  try {
    await arrived(await api.get<Who>("/session"));
  } catch (error) {
    if (!isAbsent(error)) {
      signedIn.value = false;
      if (error instanceof ApiError && error.status !== 401) throw error;
      return;
    }
    await arrived(TOKEN_HOLDER);
  }
}

export interface Credentials {
  user?: string;
  password?: string;
  code?: string;
  token?: string;
}

export async function signIn(credentials: Credentials): Promise<void> {
  try {
    await arrived(await api.post<Who>("/session", credentials));
  } catch (error) {
    const sessions = !(error instanceof ApiError && (isAbsent(error) || (error.status === 401 && /bearer token/.test(error.message))));
    if (sessions || !credentials.token) throw error;
    keepToken(credentials.token);
    try {
      await arrived(TOKEN_HOLDER);
    } catch (refused) {
      keepToken(null);
      throw refused;
    }
  }
}

export async function signOut(): Promise<void> {
  try {
    await api.delete("/session");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  keepToken(null);
  who.value = null;
  signedIn.value = false;
}
