// What happened to a message: from its acceptance through every attempt to its end.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Story, StoryEvent, StoryRecipient, Traced } from "../api/types.ts";
import { bytes, capital, plural, siteName, span, words } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { href, query, setQuery } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge, tone } from "../ui/badge.tsx";
import { Input } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, FilteredEmpty, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { ActionDialog, type Wish } from "./queue_action.tsx";

const LIMIT = 100;
const OPEN = ["active", "deferred", "held"];

/** Which of the API's three questions the text is. */
export function questionOf(text: string): Record<string, string> {
  if (/^<.*>$/.test(text)) return { message_id: text };
  if (/^[0-9a-z-]+$/i.test(text)) return { id: text };
  return { address: text };
}

function Event({ it, accepted }: { it: StoryEvent; accepted: string }): JSX.Element {
  const after = (new Date(it.at).getTime() - new Date(accepted).getTime()) / 1000;
  return (
    <li class={`event ${tone(it.what)}`}>
      <span class="event-time number"><At time={it.at} /><span class="muted">after {span(after)}</span></span>
      <div class="grow">
        <p><Badge state={it.what} /> {it.hop && <>{it.what === "delivered" ? "to" : "at"} <strong>{siteName(it.hop)}</strong></>}{it.host && <span class="muted mono"> {it.host}</span>}</p>
        {it.reply && <p class="mono reply">{it.reply}</p>}
        {it.remark && <p class="muted">{capital(it.remark)}</p>}
        <p class="muted small">{[it.attempt ? `Attempt ${it.attempt}` : "", it.generation !== null && it.generation !== undefined ? `decided by table version ${it.generation}` : ""].filter(Boolean).join(", ")}</p>
      </div>
    </li>
  );
}

function Recipient({ it, story }: { it: StoryRecipient; story: Story }): JSX.Element {
  return (
    <section class="recipient">
      <h3 class="line"><span class="mono">{it.address}</span><Badge state={it.outcome} />{it.maybe_duplicate && <Badge state="warn" as="warn" label="May have arrived twice" />}
        <a class="link" href={href(`explain?address=${encodeURIComponent(it.address)}`)}>Explain</a></h3>
      <ol class="plain events">
        <li class="event info"><span class="event-time number"><At time={story.accepted_at} /></span><div class="grow"><p><Badge state="accepted" label="Accepted" /> on listener <strong>{story.listener}</strong>{story.peer && <span class="muted mono"> from {story.peer}</span>}</p></div></li>
        {it.events.map((event, index) => <Event key={index} it={event} accepted={story.accepted_at} />)}
        {it.events.length === 0 && <li class="event none"><span class="event-time" /><div class="grow muted">Nothing has happened to it yet.</div></li>}
      </ol>
    </section>
  );
}

function StoryCard({ story, open, toggle, act }: { story: Story; open: boolean; toggle: () => void; act: (wish: Wish) => void }): JSX.Element {
  const outcomes = [...new Set(story.recipients.map((it) => it.outcome))];
  const waiting = story.recipients.some((it) => OPEN.includes(it.outcome));
  return (
    <li class="card story">
      <button type="button" class="story-head" aria-expanded={open} onClick={toggle}>
        <Icon name={open ? "down" : "right"} size={12} />
        <span class="nowrap number"><At time={story.accepted_at} /></span>
        <span class="mono grow ellipsis">{story.reverse_path || "no return address"} <span class="muted">to</span> {story.recipients[0]?.address}{story.recipients.length > 1 && <span class="muted"> and {story.recipients.length - 1} more</span>}</span>
        <span class="muted nowrap wide-only">{bytes(story.size_bytes)}</span>
        {outcomes.map((it) => <Badge key={it} state={it} />)}
      </button>
      {open && (
        <div class="card-body stack">
          <dl class="facts">
            <dt>Id here</dt><dd class="mono">{story.id}</dd>
            <dt>Message-ID</dt><dd class="mono">{story.message_id ?? <span class="muted">none</span>}</dd>
            <dt>From server</dt><dd class="mono">{[story.helo, story.peer].filter(Boolean).join(", ") || "unknown"}{story.tls ? `, ${story.tls}` : ", without TLS"}</dd>
            <dt>Size</dt><dd>{bytes(story.size_bytes)}</dd>
          </dl>
          {waiting && may("operator") && (
            <div class="line">
              {(["retry", "hold", "release"] as const).map((action) => <button key={action} type="button" class="button small" onClick={() => act({ action, selector: { ids: [story.id] } })}>{capital(action)} this message…</button>)}
            </div>
          )}
          {story.recipients.map((it) => <Recipient key={it.address} it={it} story={story} />)}
        </div>
      )}
    </li>
  );
}

export function Trace(): JSX.Element {
  const asked = query.value.get("q") ?? "";
  const outcome = query.value.get("outcome") ?? "";
  const [text, setText] = useState(asked);
  const [open, setOpen] = useState<string | null>(null);
  const [wish, setWish] = useState<Wish | null>(null);
  useEffect(() => setText(asked), [asked]);
  const found = useResource(asked || null, (signal) => api.get<Traced>("/trace", { ...questionOf(asked), limit: LIMIT }, signal));
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() === asked) found.reload();
    setOpen(null);
    setQuery({ q: text.trim() || null, outcome: null });
  };
  return (
    <>
      <Head title="Message trace" about="Every message that was accepted can be followed to its end, in the words of the servers that took or refused it." />
      <form class="card card-body ask" role="search" onSubmit={submit}>
        <Input label="Sender, recipient, Message-ID or id" type="search" placeholder="name@domain, <id@host>, or the id from a log" value={text} set={setText} required data-filter />
        <button type="submit" class="button primary">Trace</button>
      </form>
      {!asked ? <div class="card"><Empty title="Which message?">An address finds mail from and to it. A Message-ID has angle brackets around it. The newest comes first.</Empty></div> : (
        <Loaded of={found}>{(it) => {
          if (it.stories.length === 0) return <div class="card"><Empty title="Nothing was found">No message with {asked} is in the ledger. It may be older than what the ledger keeps, or the sender's server never got a 250.</Empty></div>;
          const outcomes = [...new Set(it.stories.flatMap((story) => story.recipients.map((one) => one.outcome)))].sort();
          const shown = outcome ? it.stories.filter((story) => story.recipients.some((one) => one.outcome === outcome)) : it.stories;
          const opened = open ?? (shown.length === 1 ? shown[0]!.id : "");
          return (
            <>
              <div class="line">
                <strong>{plural(it.stories.length, "message")}{it.stories.length === LIMIT ? ", the newest" : ""}</strong>
                {outcomes.length > 1 && outcomes.map((one) => <button key={one} type="button" class="button small" aria-pressed={one === outcome} onClick={() => setQuery({ outcome: one === outcome ? null : one })}>{capital(words(one))}</button>)}
              </div>
              {shown.length === 0 ? <FilteredEmpty what="messages" clear={() => setQuery({ outcome: null })} /> : (
                <ul class="plain stories">{shown.map((story) => <StoryCard key={story.id} story={story} open={opened === story.id} toggle={() => setOpen(opened === story.id ? "" : story.id)} act={setWish} />)}</ul>
              )}
            </>
          );
        }}</Loaded>
      )}
      {wish && <ActionDialog wish={wish} close={() => setWish(null)} done={found.reload} />}
    </>
  );
}
