// Something asked of the gateway: what it is, why not, how old, and how to ask again.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client.ts";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** When `data` came. */
  at: number;
  reload: () => void;
  set: (data: T) => void;
}

export function asError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiError({ status: 0, code: "internal", title: "Failed", detail, errors: [] });
}

interface State<T> {
  data?: T;
  error?: ApiError;
  loading: boolean;
  at: number;
}

/** Asks when `key` changes and, with `everyMs`, again while the page is looked at. `null` asks nothing. */
export function useResource<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, everyMs = 0): Resource<T> {
  const [state, setState] = useState<State<T>>({ loading: key !== null, at: 0 });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const lastKey = useRef(key);
  useEffect(() => {
    if (key === null) {
      setState({ loading: false, at: 0 });
      return;
    }
    const stop = new AbortController();
    const sameKey = lastKey.current === key;
    lastKey.current = key;
    setState((it) => ({ ...(sameKey ? it : { at: 0 }), loading: true }));
    latest.current(stop.signal).then(
      (data) => { if (!stop.signal.aborted) setState({ data, loading: false, at: Date.now() }); },
      (error: unknown) => { if (!stop.signal.aborted) setState((it) => ({ ...it, loading: false, error: asError(error) })); },
    );
    return () => stop.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((it) => it + 1), []);
  useEffect(() => {
    if (!everyMs || key === null) return;
    const timer = setInterval(() => { if (!document.hidden) reload(); }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, key, reload]);
  const set = useCallback((data: T) => setState({ data, loading: false, at: Date.now() }), []);
  return { data: state.data, error: state.error, loading: state.loading, at: state.at, reload, set };
}
