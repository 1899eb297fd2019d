//! What went in must come out: compares the clients' ledger with the sinks'.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::load::{Outcome, Sent};
use crate::sink::Delivery;

/// What a run is judged by, besides the two ledgers.
pub struct Rules<'a> {
    /// The sides on which a recipient's mail may arrive.
    pub sides_of: &'a dyn Fn(&str) -> Vec<String>,
    /// A second copy is excused if a crash kept the server from noting the first.
    pub crashes: &'a [Crash],
}

/// How long before a crash a site's 250 may have come and yet not be noted for good.
const NOTED_WITHIN: Duration = Duration::from_secs(2);

/// From just before a server was killed until it was surely gone.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    pub from: Instant,
    pub to: Instant,
}

/// The judgement. Every list holds `token to recipient`.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Recipients that were answered 250.
    pub accepted: usize,
    /// Of these, with at least one acknowledged copy.
    pub delivered: usize,
    /// Of these, returned to the sender by a bounce that names them.
    pub bounced: usize,
    pub lost: Vec<String>,
    /// Delivered though nobody sent it, or though it was refused.
    pub phantom: Vec<String>,
    pub wrong_side: Vec<String>,
    pub corrupt: Vec<String>,
    /// Second copies after a lost reply of the sink or a crash.
    pub duplicates_explained: usize,
    pub duplicates_unexplained: Vec<String>,
}

impl Verdict {
    /// Nothing lost, invented, misrouted, changed or doubled without a reason.
    pub fn is_good(&self) -> bool {
        self.lost.is_empty()
            && self.phantom.is_empty()
            && self.wrong_side.is_empty()
            && self.corrupt.is_empty()
            && self.duplicates_unexplained.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, {} delivered, {} bounced, {} lost, {} phantom, {} on the wrong side, \
             {} corrupt, {} second copies explained, {} unexplained",
            self.accepted,
            self.delivered,
            self.bounced,
            self.lost.len(),
            self.phantom.len(),
            self.wrong_side.len(),
            self.corrupt.len(),
            self.duplicates_explained,
            self.duplicates_unexplained.len()
        )?;
        let lists = [
            ("lost", &self.lost),
            ("phantom", &self.phantom),
            ("wrong side", &self.wrong_side),
            ("corrupt", &self.corrupt),
            ("doubled", &self.duplicates_unexplained),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            write!(f, "; {name}: {}", list.iter().take(5).cloned().collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// Judges a run after its queues have drained.
pub fn check(sent: &[Sent], deliveries: &[Delivery], rules: &Rules<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let by_token: HashMap<&str, &Sent> = sent.iter().map(|one| (one.token.as_str(), one)).collect();
    let mut copies: HashMap<(String, String), Vec<&Delivery>> = HashMap::new();
    let mut bounces: HashMap<(String, String), usize> = HashMap::new();
    for delivery in deliveries {
        let Some(token) = &delivery.token else { continue };
        if delivery.sender.is_empty() {
            for recipient in failed_recipients(&delivery.content) {
                *bounces.entry((token.clone(), recipient)).or_default() += 1;
            }
            continue;
        }
        for recipient in &delivery.recipients {
            judge_copy(
                &mut verdict,
                by_token.get(token.as_str()).copied(),
                delivery,
                recipient,
                rules,
            );
            copies.entry((token.clone(), recipient.clone())).or_default().push(delivery);
        }
    }
    for one in sent.iter().filter(|one| matches!(one.outcome, Outcome::Accepted(_))) {
        for recipient in &one.recipients {
            let key = (one.token.clone(), recipient.clone());
            let acknowledged = |copy: &&&Delivery| copy.answered;
            let copies = copies.get(&key).map_or(0, |all| all.iter().filter(acknowledged).count());
            verdict.accepted += 1;
            verdict.delivered += usize::from(copies > 0);
            verdict.bounced += usize::from(bounces.contains_key(&key));
            if copies == 0 && !bounces.contains_key(&key) {
                verdict.lost.push(name(&one.token, recipient));
            }
        }
    }
    for ((token, recipient), copies) in &copies {
        judge_duplicates(&mut verdict, &name(token, recipient), copies, rules.crashes);
    }
    verdict
}

fn judge_copy(
    verdict: &mut Verdict,
    sent: Option<&Sent>,
    delivery: &Delivery,
    recipient: &str,
    rules: &Rules<'_>,
) {
    let token = delivery.token.as_deref().unwrap_or("?");
    let expected = sent.filter(|one| {
        let maybe = matches!(one.outcome, Outcome::Accepted(_) | Outcome::Unknown);
        maybe && one.recipients.iter().any(|other| other == recipient)
    });
    match expected {
        None => verdict.phantom.push(name(token, recipient)),
        Some(one) if one.digest != delivery.digest => verdict.corrupt.push(name(token, recipient)),
        Some(_) => (),
    }
    if !(rules.sides_of)(recipient).contains(&delivery.side) {
        verdict.wrong_side.push(name(token, recipient));
    }
}

/// The client of this copy may have died in the crash. The copy, and even its connection, may
/// come out of the kernel's buffers later, but then nobody says QUIT.
fn came_of(copy: &Delivery, crash: &Crash) -> bool {
    let buffered = !copy.quit.load(Ordering::Relaxed) && copy.at <= crash.to + NOTED_WITHIN;
    copy.connected_at <= crash.to || buffered
}

fn judge_duplicates(verdict: &mut Verdict, name: &str, copies: &[&Delivery], crashes: &[Crash]) {
    for pair in copies.windows(2) {
        let [first, second] = pair else { continue };
        let hides = |crash: &Crash| {
            came_of(first, crash)
                && crash.from <= first.at + NOTED_WITHIN
                && crash.from <= second.at
        };
        // The copy that a dead client had sent may even be taken after the one of its successor.
        let is_late = |crash: &Crash| {
            came_of(second, crash)
                && crash.from <= second.at
                && !second.quit.load(Ordering::Relaxed)
        };
        let excused = |crash: &Crash| hides(crash) || is_late(crash);
        if !first.answered || crashes.iter().any(excused) {
            verdict.duplicates_explained += 1;
        } else {
            let gap = second.at.saturating_duration_since(first.at);
            let next = crashes.iter().find(|crash| crash.from > first.at);
            let before = next.map(|crash| crash.from.saturating_duration_since(first.at));
            let text = format!("{name} again after {gap:.1?}, crash after {before:.1?}");
            verdict.duplicates_unexplained.push(text);
        }
    }
}

fn name(token: &str, recipient: &str) -> String {
    format!("{token} to {recipient}")
}

/// Recipients whose RFC 3464 group says `Action: failed`.
fn failed_recipients(content: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(content).replace("\r\n", "\n");
    let groups = text.split("\n\n").filter(|group| group.contains("\nAction: failed"));
    let field = |group: &str, name: &str| {
        let line = group.lines().find_map(|line| line.strip_prefix(name).map(str::to_string))?;
        line.split_once(';').map(|(_, address)| address.trim().to_string())
    };
    groups
        .filter_map(|group| {
            field(group, "Original-Recipient:").or_else(|| field(group, "Final-Recipient:"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::{Crash, Rules, Verdict, check};
    use crate::load::{Outcome, Sent};
    use crate::sink::Delivery;

    fn sent(token: &str, outcome: Outcome) -> Sent {
        let (at, took) = (Instant::now(), Duration::ZERO);
        Sent { token: token.into(), recipients: vec!["a@x".into()], digest: 1, outcome, at, took }
    }

    fn copy(token: &str, side: &str, digest: u64, answered: bool) -> Delivery {
        Delivery {
            side: side.into(),
            sender: "s@x".into(),
            recipients: vec!["a@x".into()],
            lines: Vec::new(),
            content: Vec::new(),
            token: Some(token.into()),
            digest,
            answered,
            at: Instant::now(),
            connected_at: Instant::now(),
            quit: Arc::new(AtomicBool::new(true)),
        }
    }

    fn judge(sent: &[Sent], deliveries: &[Delivery], crashes: &[Crash]) -> Verdict {
        let sides_of = |_: &str| vec!["A".to_string()];
        check(sent, deliveries, &Rules { sides_of: &sides_of, crashes })
    }

    fn accepted(token: &str) -> Sent {
        sent(token, Outcome::Accepted("250 ok".into()))
    }

    #[test]
    fn each_fault_is_told_apart() {
        let sent = [
            accepted("1"),
            accepted("2"),
            accepted("3"),
            sent("4", Outcome::Refused("550".into())),
        ];
        let deliveries = [
            copy("2", "B", 1, true),
            copy("3", "A", 9, true),
            copy("4", "A", 1, true),
            copy("5", "A", 1, true),
        ];
        let verdict = judge(&sent, &deliveries, &[]);
        assert_eq!(verdict.lost, ["1 to a@x"]);
        assert_eq!(verdict.wrong_side, ["2 to a@x"]);
        assert_eq!(verdict.corrupt, ["3 to a@x"]);
        assert_eq!(verdict.phantom, ["4 to a@x", "5 to a@x"]);
        assert!(!verdict.is_good());
    }

    #[test]
    fn a_second_copy_needs_a_reason() {
        let twice = [copy("1", "A", 1, true), copy("1", "A", 1, true)];
        assert_eq!(judge(&[accepted("1")], &twice, &[]).duplicates_unexplained.len(), 1);
        let between = [copy("1", "A", 1, true)];
        let crash = Crash { from: Instant::now(), to: Instant::now() };
        let twice = [between[0].clone(), copy("1", "A", 1, true)];
        assert!(judge(&[accepted("1")], &twice, &[crash]).is_good());
        let unanswered = [copy("1", "A", 1, false), copy("1", "A", 1, true)];
        assert!(judge(&[accepted("1")], &unanswered, &[]).is_good());
    }

    #[test]
    fn a_copy_out_of_the_buffers_of_a_dead_connection_may_come_second() {
        let mut late = copy("1", "A", 1, true);
        late.quit = Arc::new(AtomicBool::new(false));
        let crash = Crash { from: Instant::now(), to: Instant::now() };
        let good = copy("1", "A", 1, true);
        late.at = Instant::now();
        assert!(judge(&[accepted("1")], &[good.clone(), late.clone()], &[crash]).is_good());
        late.quit = Arc::new(AtomicBool::new(true));
        assert!(!judge(&[accepted("1")], &[good, late], &[crash]).is_good());
    }

    #[test]
    fn an_unknown_outcome_may_arrive_or_not() {
        assert!(judge(&[sent("1", Outcome::Unknown)], &[], &[]).is_good());
        assert!(judge(&[sent("1", Outcome::Unknown)], &[copy("1", "A", 1, true)], &[]).is_good());
    }

    #[test]
    fn a_bounce_accounts_for_its_recipient() {
        let mut dsn = copy("1", "A", 0, true);
        dsn.sender = String::new();
        dsn.content = b"\r\n\r\nFinal-Recipient: rfc822; a@x\r\nAction: failed\r\n\r\n".to_vec();
        let verdict = judge(&[accepted("1")], &[dsn], &[]);
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!(verdict.bounced, 1);
    }
}
