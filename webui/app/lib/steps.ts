// Steps of a mailbox's move: which there are from where, and what each means for its mail.
import type { Move, MoveState } from "../api/types.ts";
import { moveState } from "./format.ts";

export interface Step {
  to: MoveState;
  /** On a button. */
  verb: string;
  does: string;
  /** The site that it goes to may have to be said. */
  home?: boolean;
  back?: boolean;
}

const BACK = "Mail goes to the old home again. What was delivered to the new one stays there: copy it back.";

/** As the gateway knows them, the way forward first. */
const STEPS: Record<MoveState, readonly Step[]> = {
  on_prem: [{ to: "syncing", verb: "Begin syncing", does: "Mail goes where it went; the configuration may say that a copy goes to the new site." }],
  syncing: [
    { to: "cutover", verb: "Cut over", does: "From the answer on no delivery begins and mail is held here. It goes back by itself if nobody goes on in time." },
    { to: "on_prem", verb: "Back to on premises", does: "Mail goes where it went; no copies any more.", back: true },
  ],
  cutover: [
    { to: "cloud", verb: "Go on to the new home", does: "What is held and what comes from now on goes to the new home. Deliveries in doubt that nobody has resolved are made again, there.", home: true },
    { to: "syncing", verb: "Back to syncing", does: "The cutover ends as if it had not begun, and what is held goes to the old home.", back: true },
    { to: "on_prem", verb: "Back to on premises", does: "The cutover ends, and what is held goes to the old home.", home: true, back: true },
  ],
  cloud: [
    { to: "settled", verb: "Settle", does: "From now on the new home is believed when it says that there is no such mailbox." },
    { to: "cutover", verb: "Cut over for the way back", does: "Mail is held while the mailbox is copied back, so that none is left behind.", back: true },
    { to: "on_prem", verb: "Back to on premises", does: BACK, home: true, back: true },
  ],
  settled: [{ to: "on_prem", verb: "Back to on premises", does: BACK, home: true, back: true }],
};

export const stepsFrom = (state: MoveState): readonly Step[] => STEPS[state];

/** The step that undoes one, where there is such a step. */
export function wayBack(from: MoveState, to: MoveState): MoveState | undefined {
  const undone = to === "cutover" ? from : STEPS[to].some((it) => it.to === from) ? from : undefined;
  return undone === "on_prem" && to !== "syncing" ? undefined : undone;
}

/** The state that all of them are in, or nothing if they are in several. */
export function stateOf(moves: readonly Move[]): MoveState | undefined {
  const [first, ...others] = new Set(moves.map((it) => it.state));
  return others.length === 0 ? first : undefined;
}

export const stepName = (from: MoveState, to: MoveState): string => `${moveState(from)} → ${moveState(to)}`;
