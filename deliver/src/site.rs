//! The sites, as operators see and override them.

use std::time::{Duration, Instant};

use config::{Hosts, TlsPolicy};
use health::{Event, Override, State};
use mail::Timestamp;

use crate::connection::Connection;
use crate::delivery::{Delivery, now};
use crate::hop::Hop;
use crate::queue::leg::{HopIndex, Place};
use crate::{targets, worker};

/// Whoever knocks has more to do than to wait.
const KNOCK_MAX: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct SiteView {
    pub name: String,
    pub state: State,
    pub ordered: Option<Override>,
    pub ordered_until: Option<Timestamp>,
    pub since: Option<Timestamp>,
    /// Why it is not up.
    pub why: String,
    /// Each with its last failure, if that was lately.
    pub hosts: Vec<(String, Option<String>)>,
    pub tls: String,
    pub connections: usize,
    pub connections_max: usize,
    pub queued: u64,
    pub held: u64,
    pub oldest: Option<Timestamp>,
}

/// One step of a probe with one host.
#[derive(Clone, Debug)]
pub struct ProbeStep {
    pub host: String,
    pub stage: &'static str,
    pub ok: bool,
    pub detail: String,
    pub took: Duration,
}

impl Delivery {
    /// Deferrals of recipients since the start.
    pub fn deferrals(&self) -> u64 {
        let mut labels: Vec<String> =
            self.hops().iter().map(|it| it.key.label().to_owned()).collect();
        labels.sort_unstable();
        labels.dedup();
        let of = |label: &String| {
            self.0.metrics.recipients.with_label_values(&[label.as_str(), "deferred"]).get()
        };
        labels.iter().map(of).sum()
    }

    pub fn sites(&self) -> Vec<SiteView> {
        let hops = self.hops();
        let sites = hops.iter().filter(|it| it.is_site());
        let mut views: Vec<_> = sites.map(|it| (it.index, self.view(it))).collect();
        self.count_waiting(&mut views);
        views.into_iter().map(|it| it.1).collect()
    }

    /// One site, without what waits for it, which costs a look at all mail.
    pub fn site_view(&self, name: &str) -> Option<SiteView> {
        self.site(name).map(|hop| self.view(&hop))
    }

    fn view(&self, hop: &Hop) -> SiteView {
        let mut view = {
            let breaker = hop.breaker.lock();
            let ordered = breaker.ordered().cloned();
            let until = ordered.as_ref().and_then(|it| it.until);
            SiteView {
                name: hop.key.to_string(),
                state: breaker.state(),
                ordered_until: until.map(|it| now().plus(it.saturating_sub(self.moment()))),
                ordered,
                since: Some(self.wall_clock(breaker.since())),
                why: breaker.why().to_owned(),
                hosts: hosts(hop),
                tls: policy(hop).to_owned(),
                connections: 0,
                connections_max: hop.settings.connections_max,
                queued: 0,
                held: 0,
                oldest: None,
            }
        };
        view.connections = self.0.queues.lock().connections(hop.index);
        view
    }

    /// What waits for each of the sites in `views`.
    fn count_waiting(&self, views: &mut [(HopIndex, SiteView)]) {
        self.each_leg(|queues, _, leg| {
            let Some((_, view)) = views.iter_mut().find(|it| it.0 == leg.hop) else { return };
            let n = leg.recipients.len() as u64;
            view.queued += n;
            view.held += if leg.place == Place::Held { n } else { 0 };
            let accepted_at = queues.accepted(leg.id).map(|(at, _)| at);
            view.oldest = view.oldest.into_iter().chain(accepted_at).min();
        });
    }

    fn site(&self, name: &str) -> Option<std::sync::Arc<Hop>> {
        self.hops().into_iter().find(|it| it.is_site() && it.key.label() == name)
    }

    /// `up: None` lifts an override. False: there is no such site.
    pub fn override_site(
        &self,
        name: &str,
        up: Option<bool>,
        reason: &str,
        by: &str,
        lasts: Option<Duration>,
    ) -> bool {
        let Some(hop) = self.site(name) else { return false };
        let ordered = up.map(|up| Override {
            up,
            by: by.to_owned(),
            reason: reason.to_owned(),
            until: lasts.map(|it| self.moment() + it),
        });
        self.observe(&hop, Event::Override(ordered));
        true
    }

    /// Knocks at every host of a site, now, whatever its state. What is learnt is also told to
    /// the breaker.
    pub async fn probe_site(&self, name: &str) -> Vec<ProbeStep> {
        let Some(hop) = self.site(name) else { return Vec::new() };
        let mut steps = Vec::new();
        let found = match targets::of(self, &hop).await {
            Ok(found) => found,
            Err(failure) => {
                steps.push(step("-", "resolve", Err(failure.to_string()), Duration::ZERO));
                return steps;
            }
        };
        for target in found {
            let began = Instant::now();
            match Connection::open(&target).await {
                Err(error) => {
                    let said = Err(error.to_string());
                    steps.push(step(&target.host, "connect", said, began.elapsed()));
                }
                Ok(mut connection) => {
                    let greeted = format!("{} says EHLO", connection.host());
                    steps.push(step(&target.host, "connect", Ok(greeted), began.elapsed()));
                    let began = Instant::now();
                    let said = connection.probe().await;
                    let said =
                        said.map(|()| "takes MAIL FROM:<>".to_owned()).map_err(|it| it.to_string());
                    steps.push(step(&target.host, "mail", said, began.elapsed()));
                    connection.quit().await;
                }
            }
        }
        let event = match steps.iter().any(|it| it.stage == "mail" && it.ok) {
            true => Event::ProbeWorked,
            false => Event::ProbeFailed { why: "probed by an operator".into() },
        };
        self.observe(&hop, event);
        steps
    }

    /// Whether a site takes mail, asked because nothing was seen of it yet. The breaker takes the
    /// answer, or silence, for that of a connection that mail wanted.
    pub async fn knock(&self, name: &str) -> bool {
        let Some(hop) = self.site(name) else { return false };
        let answered = tokio::time::timeout(KNOCK_MAX, worker::probe(self, &hop)).await;
        let said = answered.unwrap_or_else(|_| Err("no answer to a probe in time".to_owned()));
        let works = said.is_ok();
        self.observe(
            &hop,
            match said {
                Ok(()) => Event::Worked,
                Err(why) => Event::HostFailed { why },
            },
        );
        works
    }
}

fn step(
    host: &str,
    stage: &'static str,
    said: Result<String, String>,
    took: Duration,
) -> ProbeStep {
    let ok = said.is_ok();
    let detail = said.unwrap_or_else(|it| it);
    ProbeStep { host: host.to_owned(), stage, ok, detail, took }
}

fn hosts(hop: &Hop) -> Vec<(String, Option<String>)> {
    let now = Instant::now();
    match &hop.settings.hosts {
        Hosts::List(list) => list
            .iter()
            .map(|it| {
                let label = match &it.host {
                    config::Host::Ip(ip) => format!("{ip}:{}", it.port),
                    config::Host::Name(name) => format!("{name}:{}", it.port),
                };
                let problem = hop.shunned_for(&label, now);
                (label, problem)
            })
            .collect(),
        Hosts::Mx(domain) => vec![(format!("MX of {domain}"), None)],
    }
}

fn policy(hop: &Hop) -> &'static str {
    match hop.settings.tls.policy() {
        TlsPolicy::None => "none",
        TlsPolicy::Opportunistic => "opportunistic",
        TlsPolicy::Require => "require",
        TlsPolicy::Verify => "verify",
    }
}
