// Who we are to the gateway.
import { signal } from "@preact/signals";
import { ApiError, api, signedIn } from "../api/client.ts";
import { adopt } from "./draft.ts";
import type { Login, Version, Whoami } from "../api/types.ts";

export const who = signal<Whoami | null>(null);
export const version = signal<Version | null>(null);

const ROLES = ["viewer", "operator", "approver", "administrator"];
/** True if we are at least that. The gateway decides; this only saves a click that would fail. */
export function may(role: "viewer" | "operator" | "approver" | "administrator"): boolean {
  return ROLES.indexOf(who.value?.role ?? "viewer") >= ROLES.indexOf(role);
}

async function arrived(me: Whoami): Promise<void> {
  version.value = await api.get<Version>("/version");
  adopt(me.name);
  who.value = me;
  signedIn.value = true;
}

/** Finds out whether we are known already. */
export async function resume(): Promise<void> {
  try {
    await arrived(await api.get<Whoami>("/session"));
  } catch (error) {
    signedIn.value = false;
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
}

export async function signIn(credentials: Login): Promise<void> {
  const me = await api.post<Whoami>("/session", credentials);
  try {
    await arrived(me);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) throw new ApiError({ ...error.problem, ...NOT_KEPT });
    throw error;
  }
}

/** The name and the password were right, and the next call came without the session. */
const NOT_KEPT = {
  detail: "This browser did not keep the session.",
  hint: "It keeps one over HTTPS only, or on the gateway's own host. Put a server with TLS in front of the admin address, or come through an SSH tunnel to 127.0.0.1. Cookies must be allowed for this site.",
};

export async function signOut(): Promise<void> {
  try {
    await api.delete("/session");
  } catch (error) {
    // Whoever is not signed in any more needs no help; anything else leaves the session open.
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
  who.value = null;
  signedIn.value = false;
}
