// How a plan is applied: when, how much of it first, and whether somebody else has to agree.
import type { Canary, PlanRequest } from "../api/types.ts";
import type { Query } from "../api/client.ts";

/** As they are typed. */
export interface Terms {
  when: "now" | "later";
  /** Of a wall clock in `zone`: 2026-11-28T22:00. */
  at: string;
  zone: string;
  first: "all" | "some";
  amount: string;
  unit: "rows" | "percent";
  deliveries: string;
  minutes: string;
  bounces: string;
  second: boolean;
}

export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const PLAIN: Terms = { when: "now", at: "", zone: ownZone(), first: "all", amount: "10", unit: "rows", deliveries: "", minutes: "15", bounces: "2", second: false };

const number = (text: string): number | undefined => (/^\d+$/.test(text.trim()) ? Number(text) : undefined);

export function canaryOf(terms: Terms): Canary | undefined {
  if (terms.first === "all") return undefined;
  const minutes = number(terms.minutes);
  return {
    [terms.unit === "rows" ? "recipients" : "percent"]: number(terms.amount) ?? 0,
    after_deliveries: number(terms.deliveries), after_seconds: minutes === undefined ? undefined : minutes * 60, bounce_percent_max: number(terms.bounces),
  };
}

/** For `POST /plans`. */
export function bodyOf(terms: Terms): Pick<PlanRequest, "not_before" | "time_zone" | "canary" | "second_person"> {
  const time = terms.when === "later" ? { not_before: terms.at, time_zone: terms.zone.trim() } : {};
  return { ...time, canary: canaryOf(terms), second_person: terms.second || undefined };
}

/** For `POST /plans/import`. */
export function queryOf(terms: Terms): Query {
  const { canary, ...others } = bodyOf(terms);
  const flat = Object.entries(canary ?? {}).map(([name, value]) => [`canary_${name}`, value]);
  return { ...others, ...(Object.fromEntries(flat) as Query) };
}

/** What a clock in `zone` shows at that moment, as if it were UTC. */
function shown(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(at);
  const of = (name: string) => Number(parts.find((it) => it.type === name)?.value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
}

/** As an input of the browser has it: 2026-11-28T22:00. */
export const wallOf = (at: number, zone: string): string => new Date(shown(at, zone)).toISOString().slice(0, 16);

const DAY_MS = 86_400_000;

/**
 * When a clock in `zone` shows `wall`, as the gateway reads it: the first time where it does twice,
 * and the hour after where the clocks go forward over it. Nothing if there is no such zone.
 */
export function moment(wall: string, zone: string): number | undefined {
  const wanted = Date.parse(`${wall}Z`);
  if (Number.isNaN(wanted)) return undefined;
  try {
    const [before, after] = [wanted - DAY_MS, wanted + DAY_MS].map((it) => wanted - (shown(it, zone) - it));
    return shown(before!, zone) !== wanted && shown(after!, zone) === wanted ? after : before;
  } catch {
    return undefined;
  }
}
