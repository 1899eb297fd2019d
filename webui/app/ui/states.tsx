// What a list or a panel shows while it waits, when there is nothing, and when something failed.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, isAbsent, lastAnswerAt, reachable } from "../api/client.ts";
import { ago, capital } from "../lib/format.ts";
import type { Resource } from "../lib/resource.ts";
import { Icon } from "./icon.tsx";
import { now } from "./time.tsx";

/** True once `ms` have gone by: what comes sooner needs no skeleton. */
export function useLate(ms = 150): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return late;
}

export function Skeleton({ rows = 6 }: { rows?: number }): JSX.Element {
  const late = useLate();
  if (!late) return <div class="skeleton" aria-hidden="true" />;
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: rows }, (_, i) => <div key={i} class="bone" aria-hidden="true" />)}
    </div>
  );
}

/** Nothing here: what would be here, why it is not, and one thing to do. */
export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p class="muted">{children}</p>}
      {action}
    </div>
  );
}

export function FilteredEmpty({ what, clear }: { what: string; clear: () => void }): JSX.Element {
  return <Empty title={`No ${what} match this filter`} action={<button type="button" class="button" onClick={clear}>Clear filter</button>} />;
}

/** A sentence of the gateway's; what it puts between backticks is to be typed. */
export function Prose({ text }: { text: string }): JSX.Element {
  const whole = `${capital(text)}${/[.!?]$/.test(text) ? "" : "."}`;
  return <p>{whole.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</p>;
}

/** What failed and what to do about it. */
export function Failure({ error, retry, at }: { error: ApiError; retry?: () => void; at?: number }): JSX.Element {
  const { problem } = error;
  return (
    <div class="notice bad" role="alert">
      <Icon name="cross" />
      <div class="grow">
        <p><strong>{capital(error.message)}{/[.!?]$/.test(error.message) ? "" : "."}</strong></p>
        {problem.hint && <Prose text={problem.hint} />}
        {problem.errors && problem.errors.length > 0 && (
          <ul class="plain mistakes">{problem.errors.map((it) => <li key={it.place + it.message}><code>{it.place}</code> {it.message}</li>)}</ul>
        )}
        {at ? <p class="muted">What is shown is from {ago(at)}.</p> : null}
      </div>
      {retry && <button type="button" class="button" onClick={retry}>Try again</button>}
    </div>
  );
}

/** True for a call that reached nobody: the page says so once, at its top. */
export const isLost = (error: ApiError | undefined): boolean => error !== undefined && error.status === 0 && !reachable.value;

/** What the whole page says while the gateway does not answer. */
export function Lost(): JSX.Element | null {
  if (reachable.value) return null;
  return (
    <div class="notice bad" role="alert">
      <Icon name="cross" />
      <div class="grow"><p><strong>The gateway cannot be reached.</strong> Mail does not depend on this page. Check that the gateway runs and that this browser reaches its admin address; the page keeps trying.</p>
        {lastAnswerAt.value > 0 && <p class="muted">What is shown is from {ago(lastAnswerAt.value, now.value)}.</p>}</div>
    </div>
  );
}

export function Loaded<T>({ of, children, rows, absent }: { of: Resource<T>; children: (data: T) => ComponentChildren; rows?: number; absent?: string }): JSX.Element {
  if (of.error && isAbsent(of.error)) {
    return <Empty title={absent ?? "This gateway does not offer this"}>It may be an older version than this page. Reload the page after an upgrade.</Empty>;
  }
  return (
    <>
      {of.error && !isLost(of.error) && <Failure error={of.error} retry={of.reload} at={of.at} />}
      {of.data !== undefined ? <div class={`loaded${of.error ? " stale" : ""}`}>{children(of.data)}</div> : isLost(of.error) ? <Empty title="Not known" /> : of.error ? null : <Skeleton rows={rows} />}
    </>
  );
}
