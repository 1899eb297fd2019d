// Mail as it passes: each recipient accepted, delivered, deferred, returned; the newest on top.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { FlowEvent } from "../api/types.ts";
import { bytes, capital, clock, count, plural, siteName } from "../lib/format.ts";
import { type LiveState, listen } from "../lib/live.ts";
import { useKeys } from "../lib/keys.ts";
import { prefs } from "../lib/prefs.ts";
import { go, query, setQuery } from "../lib/router.ts";
import { siteNames } from "../lib/table.ts";
import { Badge } from "../ui/badge.tsx";
import { Input, Select } from "../ui/field.tsx";
import { type Column, Grid } from "../ui/grid.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, FilteredEmpty } from "../ui/states.tsx";
import { announce } from "../ui/toast.tsx";

/** Rows that are kept; the oldest go. */
const KEEP = 2000;
/** Many events become one repaint. */
const PAINT_MS = 200;
const KINDS = ["accepted", "delivered", "deferred", "held", "bounced", "discarded"] as const;

const COLUMNS: readonly Column<FlowEvent>[] = [
  { id: "at", title: "Time", width: "84px", render: (it) => <span class="mono">{clock(it.at, prefs.value.utc, false)}</span> },
  { id: "kind", title: "What", width: "104px", render: (it) => <Badge state={it.kind} /> },
  { id: "recipient", title: "Recipient", width: "minmax(0, 1.6fr)", render: (it) => <span class="mono" title={it.recipient}>{it.recipient}</span> },
  { id: "sender", title: "Sender", width: "minmax(0, 1.4fr)", wide: true, render: (it) => <span class="mono muted" title={it.reverse_path}>{it.reverse_path || "no return address"}</span> },
  { id: "site", title: "Site", width: "100px", wide: true, render: (it) => it.site ? siteName(it.site) : <span class="muted">–</span> },
  { id: "size", title: "Size", width: "72px", wide: true, end: true, render: (it) => <span class="number">{it.size_bytes ? bytes(it.size_bytes) : ""}</span> },
  { id: "took", title: "After", width: "72px", wide: true, end: true, render: (it) => <span class="number">{it.seconds === null || it.seconds === undefined ? "" : it.seconds < 1 ? `${Math.round(it.seconds * 1000)} ms` : `${it.seconds.toFixed(1)} s`}</span> },
  { id: "reply", title: "Answer", width: "minmax(0, 2fr)", wide: true, render: (it) => <span class="mono muted" title={it.reply ?? undefined}>{it.reply}</span> },
];

export function Flow(): JSX.Element {
  const recipient = query.value.get("recipient") ?? "";
  const site = query.value.get("site") ?? "";
  const kind = query.value.get("kind") ?? "";
  const [state, setState] = useState<LiveState>("waiting");
  const [paused, setPaused] = useState(false);
  const [dropped, setDropped] = useState(0);
  const [rows, setRows] = useState<FlowEvent[]>([]);
  const incoming = useRef<FlowEvent[]>([]);
  const [waiting, setWaiting] = useState(0);
  const held = useRef(paused);
  held.current = paused;
  useEffect(() => {
    setRows([]);
    setDropped(0);
    incoming.current = [];
    const stop = listen({ topics: "flow", recipient, site }, (event) => {
      if (event.event === "flow") incoming.current.push(event.data as FlowEvent);
      else if (event.event === "dropped") setDropped((it) => it + ((event.data as { n: number }).n ?? 0));
      if (incoming.current.length > KEEP) incoming.current.splice(0, incoming.current.length - KEEP);
    }, setState);
    const timer = setInterval(() => {
      if (held.current) setWaiting(incoming.current.length);
      else if (incoming.current.length > 0) {
        const fresh = incoming.current.splice(0).reverse();
        setWaiting(0);
        setRows((old) => [...fresh, ...old].slice(0, KEEP));
      }
    }, PAINT_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [recipient, site]);
  const toggle = () => {
    setPaused(!paused);
    announce(paused ? "Continues" : "Paused");
  };
  useKeys({ ".": toggle });
  const shown = kind ? rows.filter((it) => it.kind === kind) : rows;
  const filtered = Boolean(recipient || site || kind);
  return (
    <>
      <Head title="Mail flow" about="Each recipient as it is accepted, delivered, deferred or returned. Opening a row traces its message.">
        <button type="button" class="button" aria-pressed={paused} aria-keyshortcuts="." onClick={toggle}><Icon name={paused ? "play" : "pause"} size={14} /> {paused ? `Continue${waiting ? ` (${count(waiting)} new)` : ""}` : "Pause"}</button>
        <button type="button" class="button" onClick={() => { setRows([]); setDropped(0); }}>Clear</button>
      </Head>
      <div class="filters" role="search">
        <div class="search"><Input label="Recipient contains" hideLabel type="search" placeholder="Recipient contains" value={recipient} set={(value) => setQuery({ recipient: value.trim() || null })} data-filter /></div>
        <Select label="Site" hideLabel value={site} set={(value) => setQuery({ site: value || null })} options={[["", "Any site"], ...siteNames().map((it) => [it, siteName(it)] as const)]} />
        <Select label="What" hideLabel value={kind} set={(value) => setQuery({ kind: value || null })} options={[["", "Anything"], ...KINDS.map((it) => [it, capital(it)] as const)]} />
        <span role="status">{state === "on" ? <Badge state="up" label={paused ? "Paused" : "Live"} as={paused ? "wait" : "good"} /> : <Badge state="none" as="warn" label="Connection lost, trying again" />}</span>
      </div>
      {dropped > 0 && <div class="notice warn"><Icon name="warning" /><p>More mail passes than is shown: {plural(dropped, "event")} were left out. A filter shows all of fewer. Nothing is lost but the sight of it.</p></div>}
      {shown.length === 0 ? <div class="card">{filtered ? <FilteredEmpty what="events" clear={() => setQuery({ recipient: null, site: null, kind: null })} /> : <Empty title={state === "on" ? "Waiting for mail" : "Connecting"}>What passes from now on appears here.</Empty>}</div> : (
        <section class={`card list${state === "on" ? "" : " stale"}`} aria-label="Events"><Grid label="Mail flow" total={shown.length} columns={COLUMNS} row={(index) => shown[index]} open={(it) => go(`trace?q=${encodeURIComponent(it.id)}`)} /></section>
      )}
    </>
  );
}
