//! A decision in words: the same text for the CLI, the admin page, the log and the tests.

use std::fmt;

use mail::{Address, SiteName};

use crate::known::{Doubt, Found};
use crate::{Admission, Decision, Entry, Facts, HoldReason, Listed, MoveState, Route, SiteState};

/// What a decision rested on.
#[derive(Clone, Debug)]
pub struct Why<'a> {
    pub recipient: &'a Address,
    pub admission: Admission,
    pub generation: u64,
    pub is_relay_domain: bool,
    pub listed: Option<Listed<'a>>,
    /// It was found only once its tag was off.
    pub tagged: bool,
    /// The local part asks for another hop: `x%evil.example`.
    pub hides_a_route: bool,
    /// It is an unlisted postmaster.
    pub postmaster: bool,
    /// What directories said, if they were asked.
    pub found: Option<Found<'a>>,
    pub(crate) home: Option<Home<'a>>,
}

/// The site that it came down to; `state` is known where it was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a> {
    pub(crate) site: &'a SiteName,
    pub(crate) state: Option<SiteState>,
}

impl<'a> Why<'a> {
    pub(crate) const fn new(
        facts: &Facts<'a>,
        recipient: &'a Address,
        is_relay_domain: bool,
    ) -> Self {
        Self {
            recipient,
            admission: facts.admission,
            generation: facts.table.generation(),
            is_relay_domain,
            listed: None,
            tagged: false,
            hides_a_route: false,
            postmaster: false,
            found: None,
            home: None,
        }
    }
}

/// One question that was asked on the way, with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub question: String,
    pub answer: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub recipient: String,
    pub steps: Vec<Step>,
    pub conclusion: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.recipient)?;
        for step in &self.steps {
            writeln!(f, "  {}  {}", step.question, step.answer)?;
        }
        write!(f, "=> {}", self.conclusion)
    }
}

/// Puts a decision into words. Only here are strings made.
pub fn explain(decision: &Decision<'_>) -> Explanation {
    Explanation {
        recipient: decision.why.recipient.to_string(),
        steps: steps(decision),
        conclusion: conclusion(decision),
    }
}

fn steps(decision: &Decision<'_>) -> Vec<Step> {
    let why = &decision.why;
    let domain = why.recipient.domain();
    let mut steps = Vec::new();
    let mut ask = |question: String, answer: String| steps.push(Step { question, answer });

    if domain.is_literal() {
        ask(format!("is {domain} a domain name?"), "no, an address literal".into());
        return steps;
    }
    ask(format!("is {domain} a relay domain?"), yes_no(why.is_relay_domain));
    if !why.is_relay_domain {
        let may = why.admission == Admission::Any;
        ask("may this client send to other domains?".into(), yes_no(may));
        return steps;
    }
    let is_in_table = if why.found.is_some() { "no".to_owned() } else { listed(why) };
    ask(format!("is it in table {}?", why.generation), is_in_table);
    if let Some(found) = &why.found {
        ask("does a directory know it?".into(), directory(found));
        if matches!(found, Found::Known { .. }) {
            ask("is any of its addresses in the table?".into(), listed_by_other(why));
        }
    }
    if why.hides_a_route {
        ask("does the local part ask for another hop?".into(), "yes".into());
    } else if let Some(listed) = why.listed {
        ask("where does it live?".into(), home(listed.entry()));
    } else {
        let unlisted = why.home.map_or("nowhere", |it| it.site.as_str());
        let who = if why.postmaster { "postmaster" } else { "whoever is not listed" };
        ask(format!("where does {who} live?"), unlisted.to_owned());
    }
    if let Some(home) = why.home {
        ask(format!("is {} up?", home.site), state(home.state, &decision.route));
    }
    steps
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn listed(why: &Why<'_>) -> String {
    let tag = if why.tagged { ", without its tag" } else { "" };
    match why.listed {
        None => "no".to_owned(),
        Some(Listed::Mailbox(_)) => format!("yes{tag}"),
        Some(Listed::Alias(entry)) => format!("yes{tag}, as an alias of {}", entry.address),
    }
}

fn directory(found: &Found<'_>) -> String {
    match found {
        Found::Known { who, encapsulated: false } => {
            format!("yes: {} in {}", who.address, who.source)
        }
        Found::Known { who, encapsulated: true } => {
            format!("yes, by its X.500 name: {} in {}", who.address, who.source)
        }
        Found::Unknown { stale: Some(source), ask: None } => {
            format!("no, but {source} is out of date")
        }
        Found::Unknown { ask: Some(site), .. } => format!("no: {site} is asked"),
        Found::Unknown { stale: None, ask: None } => "no".to_owned(),
    }
}

fn listed_by_other(why: &Why<'_>) -> String {
    why.listed.map_or_else(|| "no".to_owned(), |it| format!("yes: {}", it.entry().address))
}

fn home(entry: &Entry) -> String {
    let mut text = entry.home.to_string();
    if entry.state.as_str() != entry.home.as_str() {
        text.push_str(&format!(", state {}", entry.state));
    }
    if let Some(batch) = &entry.batch {
        text.push_str(&format!(", batch {batch}"));
    }
    text.push_str(&format!(", since generation {}", entry.generation));
    text
}

fn state(state: Option<SiteState>, route: &Route) -> String {
    match (state, route) {
        (Some(SiteState::Up), _) => "yes",
        (Some(SiteState::Down), _) => "no",
        (Some(SiteState::Held), _) => "held by an operator",
        (None, Route::Hold { reason: HoldReason::UnknownSite, .. }) => "it is not configured",
        (None, _) => "not asked",
    }
    .to_owned()
}

fn conclusion(decision: &Decision<'_>) -> String {
    let copy = |site: &Option<SiteName>| {
        site.as_ref().map(|it| format!(", with a copy to {it}")).unwrap_or_default()
    };
    match decision.doubt() {
        Some(Doubt::Ask { site, .. }) => return format!("ask {site}, and refuse whom it refuses"),
        Some(doubt @ Doubt::NotNow) => return format!("put off with {}", doubt.reply()),
        Some(doubt @ Doubt::NoSuch) => return format!("reject with {}", doubt.reply()),
        None => (),
    }
    match &decision.route {
        Route::Site { site, copy_to, up: true } => format!("deliver to {site}{}", copy(copy_to)),
        Route::Site { site, copy_to, up: false } => {
            format!("keep until {site} is back{}", copy(copy_to))
        }
        Route::Hold { reason: HoldReason::Cutover, .. } => {
            format!("hold until the {} is over", MoveState::Cutover)
        }
        Route::Hold { site, reason: HoldReason::UnknownSite } => {
            format!("hold until there is a site {site}")
        }
        Route::Remote { domain } => format!("deliver by the MX of {domain}, or the smart host"),
        Route::Reject(reply) => format!("reject with {reply}"),
    }
}
