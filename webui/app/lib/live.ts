// The gateway's stream of events, over fetch so that it carries what every call carries. It comes
// back by itself, and begins where it was broken off.
import { signal } from "@preact/signals";
import { headers, reachable, signedIn, withQuery } from "../api/client.ts";

export type LiveState = "off" | "waiting" | "on";
export const live = signal<LiveState>("off");

export interface LiveEvent {
  event: string;
  id: string;
  data: unknown;
}

/** Takes the text of a stream in pieces and gives back whole events. */
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  lastId = "";

  push(text: string): LiveEvent[] {
    const found: LiveEvent[] = [];
    const lines = (this.rest + text).split(/\r?\n/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) found.push({ event: this.event || "message", id: this.lastId, data: parsed(this.data.join("\n")) });
        this.event = "";
        this.data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "event") this.event = value;
      else if (name === "data") this.data.push(value);
      else if (name === "id") this.lastId = value;
    }
    return found;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const SOONEST_MS = 1000;
const LATEST_MS = 15_000;

/** Calls `take` for each event until the returned function is called. */
export function listen(query: Record<string, string | undefined>, take: (event: LiveEvent) => void, state: (now: LiveState) => void = () => undefined): () => void {
  const stop = new AbortController();
  void (async () => {
    let pause = SOONEST_MS;
    let lastId = "";
    while (!stop.signal.aborted && signedIn.value) {
      state("waiting");
      try {
        const head = headers("GET");
        head.set("Accept", "text/event-stream");
        if (lastId) head.set("Last-Event-ID", lastId);
        const response = await fetch(withQuery("/api/v1/stream", query), { headers: head, signal: stop.signal, credentials: "same-origin", cache: "no-store" });
        if (response.status === 404) {
          state("off");
          return;
        }
        if (response.ok && response.body) {
          state("on");
          reachable.value = true;
          pause = SOONEST_MS;
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
          const parser = new EventParser();
          parser.lastId = lastId;
          for (;;) {
            const { value, done } = await reader.read();
            if (done) break;
            for (const event of parser.push(value)) take(event);
            lastId = parser.lastId;
          }
        } else if (response.status === 401) {
          signedIn.value = false;
          return;
        }
      } catch {
        if (stop.signal.aborted) return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(LATEST_MS, pause * 2);
    }
  })();
  return () => {
    stop.abort();
    state("off");
  };
}
