// Calls of the admin API: the session's cookie, problems as errors, a deadline on each.
import { signal } from "@preact/signals";
import type { Problem } from "./types.ts";

const BASE = "/api/v1";
const DEADLINE_MS = 35_000;

/** A failure that says what to do. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
  get status(): number {
    return this.problem.status;
  }
  get code(): string {
    return this.problem.code;
  }
}

/** False once the gateway no longer knows us: the login page comes. */
export const signedIn = signal(true);
/** When the gateway last answered, and whether the last call reached it. */
export const lastAnswerAt = signal(0);
export const reachable = signal(true);

export function headers(method: string): Headers {
  const all = new Headers({ Accept: "application/json" });
  if (method !== "GET") all.set("causeway-csrf", "1");
  return all;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

export interface Options {
  query?: Query;
  body?: unknown;
  /** Sent as it is, with its type. */
  raw?: { text: string; type: string };
  signal?: AbortSignal;
  /** For calls that may take longer than most. */
  deadlineMs?: number;
  /** Repeating the call with the same key does nothing new. */
  idempotencyKey?: string;
  ifMatch?: number;
}

async function send(method: string, path: string, options: Options): Promise<Response> {
  const head = headers(method);
  let body: string | null = null;
  if (options.raw) {
    body = options.raw.text;
    head.set("Content-Type", options.raw.type);
  } else if (options.body !== undefined) {
    body = JSON.stringify(options.body);
    head.set("Content-Type", "application/json");
  }
  if (options.idempotencyKey) head.set("Idempotency-Key", options.idempotencyKey);
  if (options.ifMatch !== undefined) head.set("If-Match", `"${options.ifMatch}"`);
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS);
  const stop = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const response = await fetch(withQuery(BASE + path, options.query), {
      method, headers: head, body, signal: stop, credentials: "same-origin", cache: "no-store",
    });
    reachable.value = true;
    lastAnswerAt.value = Date.now();
    return response;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    reachable.value = false;
    throw new ApiError(unreachable(deadline.aborted));
  }
}

function unreachable(late: boolean): Problem {
  return {
    status: 0,
    code: late ? "timeout" : "unreachable",
    title: "No answer",
    detail: late ? "The gateway did not answer in time." : "The gateway cannot be reached.",
    hint: "Mail keeps flowing without the console. Check that the gateway runs and that this browser reaches its admin address.",
    errors: [],
  };
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = { status: response.status, code: "internal", title: response.statusText || "Failed", detail: "", errors: [] };
  try {
    return { ...fallback, ...((await response.json()) as Problem) };
  } catch {
    return { ...fallback, detail: `The gateway answered ${response.status}.` };
  }
}

async function checked(method: string, path: string, options: Options): Promise<Response> {
  const response = await send(method, path, options);
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && path !== "/session") signedIn.value = false;
  throw new ApiError(problem);
}

async function json<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const response = await checked(method, path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => json<T>("GET", path, { query, signal }),
  post: <T>(path: string, body?: unknown, options: Options = {}) => json<T>("POST", path, { body: body ?? {}, ...options }),
  put: <T>(path: string, body: unknown, options: Options = {}) => json<T>("PUT", path, { body, ...options }),
  patch: <T>(path: string, body: unknown) => json<T>("PATCH", path, { body }),
  delete: <T>(path: string) => json<T>("DELETE", path),
  text: async (path: string, query?: Query) => (await checked("GET", path, { query })).text(),
  send: json,
};

/** One segment of a path. */
export const segment = encodeURIComponent;

/** True for what this gateway does not have: an older one, or a part that is not configured. */
export function isAbsent(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 405) && /nothing at this path|not with this method/.test(error.message);
}
