//! `causeway tail`.

use std::time::Duration;

use api::{
    Alert, AlertState, Dropped, DroppedWhy, FlowEvent, FlowKind, PlanEvent, Severity, SiteEvent,
    SiteState, StreamEvent, TableEvent, path,
};
use serde_json::json;

use super::Console;
use crate::args::{TailArgs, TailTopic};
use crate::client::Ask;
use crate::exit::{Exit, Result};
use crate::output::{Colour, Paint, Screen, bytes, clock, printable};

/// Between two attempts to reach a gateway that has gone away.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Until somebody stops it. A gateway that cannot be reached at first is a failure; one that goes
/// away later is asked again.
pub(super) async fn run(args: TailArgs, console: &mut Console<'_>) -> Result {
    let mut feed = Feed::default();
    let mut lost = false;
    loop {
        let mut ask = Ask::get("follow live events", address(&args));
        ask.last_event = feed.last.clone();
        let screen = &mut *console.screen;
        let followed = console
            .client
            .lines(ask, |line| match feed.line(line) {
                Some(event) => show(&event, screen),
                None => Ok(()),
            })
            .await;
        match followed {
            Err(failure) if failure.exit != Exit::Unreachable || feed.last.is_none() => {
                return Err(failure);
            }
            _ => (),
        }
        if !std::mem::replace(&mut lost, true) {
            console.screen.note("The gateway has gone away; asking again every two seconds.");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        if console.client.readiness().await.is_ok() && std::mem::take(&mut lost) {
            console.screen.note("The gateway is back.");
        }
    }
}

fn address(args: &TailArgs) -> String {
    let topics: Vec<_> = args.topics.iter().copied().map(TailTopic::as_str).collect();
    let query = path::query(&[
        ("topics", Some(topics.join(",")).filter(|it| !it.is_empty())),
        ("site", args.site.clone()),
        ("recipient", args.recipient.clone()),
    ]);
    format!("{}{query}", path::STREAM)
}

/// What has come of the event that is being read. WHATWG HTML §9.2.6.
#[derive(Default)]
struct Feed {
    name: String,
    data: String,
    id: Option<String>,
    /// Of the last whole event.
    last: Option<String>,
}

impl Feed {
    /// An event, if this line ends one that we know.
    fn line(&mut self, line: &str) -> Option<StreamEvent> {
        if line.is_empty() {
            if let Some(id) = self.id.take() {
                self.last = Some(id);
            }
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return StreamEvent::parse(&name, &data).ok().flatten();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            "id" => self.id = Some(value.to_owned()),
            _ => (),
        }
        None
    }
}

fn show(event: &StreamEvent, screen: &mut Screen) -> Result {
    if screen.json {
        screen.item(event)?;
    } else {
        let line = sentence(event, screen.paint);
        screen.line(&line)?;
    }
    screen.flush()
}

fn sentence(event: &StreamEvent, paint: Paint) -> String {
    match event {
        StreamEvent::Flow(it) => flow(it, paint),
        StreamEvent::Table(it) => table(it, paint),
        StreamEvent::Site(it) => site(it, paint),
        StreamEvent::Alert(it) => alert(it, paint),
        StreamEvent::Plan(it) => plan(it, paint),
        StreamEvent::Dropped(it) => dropped(it, paint),
    }
}

/// `clock` and the kind in columns, so that the eye finds what differs.
fn start(at: &str, colour: Colour, what: &str, paint: Paint) -> String {
    format!("{}  {}", clock(at), paint.text(colour, &format!("{what:<9}")))
}

fn flow(it: &FlowEvent, paint: Paint) -> String {
    let colour = match it.kind {
        FlowKind::Accepted => Colour::Plain,
        FlowKind::Delivered => Colour::Green,
        FlowKind::Deferred | FlowKind::Held => Colour::Yellow,
        FlowKind::Bounced | FlowKind::Discarded => Colour::Red,
    };
    let mut line = start(&it.at, colour, it.kind.as_str(), paint);
    let (from, to) = (printable(&it.reverse_path), printable(&it.recipient));
    line.push_str(&format!(" {}  {from} > {to}", printable(&it.id)));
    if let Some(site) = &it.site {
        line.push_str(&format!("  {}", paint.text(Colour::Bold, &printable(site))));
    }
    if let (FlowKind::Accepted, Some(size)) = (it.kind, it.size_bytes) {
        line.push_str(&format!("  {}", bytes(size)));
    }
    if let Some(seconds) = it.seconds {
        line.push_str(&format!("  {seconds:.1} s"));
    }
    if let Some(reply) = &it.reply {
        line.push_str(&format!("  {}", paint.text(Colour::Dim, &printable(reply))));
    }
    line
}

fn table(it: &TableEvent, paint: Paint) -> String {
    let start = start(&it.at, Colour::Bold, "table", paint);
    let because = it.reason.as_deref().map(|it| format!(": {}", printable(it))).unwrap_or_default();
    format!(
        "{start} generation {} by {}, {} added, {} changed, {} removed{because}",
        it.generation,
        printable(&it.author),
        it.added,
        it.changed,
        it.removed
    )
}

fn site(it: &SiteEvent, paint: Paint) -> String {
    let (colour, state) = match it.state {
        SiteState::Up => (Colour::Green, "up"),
        SiteState::Probing => (Colour::Yellow, "probing"),
        SiteState::Down => (Colour::Red, "down"),
        SiteState::Held => (Colour::Red, "held"),
    };
    let start = start(&it.since, colour, "site", paint);
    let because = it.reason.as_deref().map(|it| format!(": {}", printable(it))).unwrap_or_default();
    format!("{start} {} is {state}{because}", printable(&it.name))
}

fn alert(it: &Alert, paint: Paint) -> String {
    let colour = match (it.state, it.severity) {
        (AlertState::Resolved, _) => Colour::Green,
        (_, Severity::Page) => Colour::Red,
        _ => Colour::Yellow,
    };
    let start = start(&it.since, colour, "alert", paint);
    let state = json!(it.state);
    let state = state.as_str().unwrap_or_default();
    format!("{start} {} {state}: {}", printable(&it.name), printable(&it.summary))
}

fn plan(it: &PlanEvent, paint: Paint) -> String {
    let start = start(&it.at, Colour::Bold, "plan", paint);
    format!("{start} {} is {}", printable(&it.id), printable(&it.state))
}

fn dropped(it: &Dropped, paint: Paint) -> String {
    let why = match it.why {
        DroppedWhy::Sampled => "more mail than is shown: this is a sample",
        DroppedWhy::Slow => "this terminal did not read fast enough",
        DroppedWhy::Gone => "they are no longer kept",
    };
    let n = if it.n == 0 { "some".to_owned() } else { it.n.to_string() };
    paint.text(Colour::Dim, &format!("… {n} events left out: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &mut Feed, text: &str) -> Vec<String> {
        text.lines()
            .filter_map(|it| feed.line(it))
            .map(|it| sentence(&it, Paint::new(false)))
            .collect()
    }

    #[test]
    fn each_event_is_a_line_and_the_last_id_is_kept() {
        let mut feed = Feed::default();
        let lines = read(
            &mut feed,
            "retry: 2000\nid: 7-4\n\n: still here\n\n\
             id: 7-5\nevent: flow\ndata: {\"at\":\"2026-11-27T17:00:01.5Z\",\"kind\":\"deferred\",\
             \"id\":\"0000000000001\",\"reverse_path\":\"eve@x.example\",\
             \"recipient\":\"anna@contoso.example\",\"site\":\"cloud\",\"size_bytes\":2048,\
             \"reply\":\"451 4.3.0 Later\",\"seconds\":1.25}\n\n\
             event: dropped\ndata: {\"n\":12,\"why\":\"sampled\"}\n\n\
             event: news\ndata: {}\n\n",
        );
        assert_eq!(feed.last.as_deref(), Some("7-5"));
        let expected = [
            "2026-11-27 17:00:01Z  deferred  0000000000001  eve@x.example > anna@contoso.example  \
             cloud  1.2 s  451 4.3.0 Later",
            "… 12 events left out: more mail than is shown: this is a sample",
        ];
        assert_eq!(lines, expected);
    }
}
