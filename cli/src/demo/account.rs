//! Adds up what was sent, what arrived, and what the gateway says of it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::mailbox::{MAILBOXES, Receipt, message_id};
use super::sender::Sent;

/// What a mailbox was sent and got.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Row {
    pub(crate) mailbox: String,
    /// Messages acknowledged with 250.
    pub(crate) acknowledged: usize,
    /// By site.
    pub(crate) got: BTreeMap<&'static str, usize>,
    /// Copies beyond the first, of either kind.
    pub(crate) twice: usize,
    /// From the 250 to the site, at most.
    pub(crate) longest_wait_ms: u128,
}

/// The whole account.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Account {
    pub(crate) rows: Vec<Row>,
    /// Second copies because the sender never heard the reply, and sent again: two messages.
    pub(crate) resent: usize,
    /// Second copies because the gateway never heard the site's reply: the ledger flags them.
    pub(crate) flagged: usize,
    /// What cannot be explained, one sentence each. Empty in a good world.
    pub(crate) wrong: Vec<String>,
}

/// Compares `sent` with `taken`. `may_be_twice` has the gateway ids and mailboxes that the ledger
/// flags as perhaps delivered twice.
pub(crate) fn settle(
    sent: &[Sent],
    taken: &[Receipt],
    may_be_twice: &BTreeSet<(String, String)>,
) -> Account {
    let mut copies: BTreeMap<(String, String), Vec<&Receipt>> = BTreeMap::new();
    for receipt in taken {
        copies
            .entry((receipt.message_id.clone(), receipt.mailbox().to_owned()))
            .or_default()
            .push(receipt);
    }
    let mut account = Account::default();
    let mut rows: BTreeMap<&str, Row> = MAILBOXES.map(|(name, _)| (name, row(name))).into();
    for message in sent {
        let message_id = message_id(message.number);
        for mailbox in &message.accepted {
            let row = rows.entry(mailbox).or_insert_with(|| row(mailbox));
            row.acknowledged += 1;
            let Some(copies) = copies.remove(&(message_id.clone(), mailbox.clone())) else {
                account.wrong.push(format!("{message_id} never reached {mailbox}"));
                continue;
            };
            note(row, message, &copies);
            explain(&mut account, message, &copies, may_be_twice);
        }
    }
    for ((message_id, mailbox), copies) in copies {
        let number = copies.len();
        account
            .wrong
            .push(format!("{mailbox} got {message_id} {number} times, never acknowledged"));
    }
    account.rows = rows.into_values().collect();
    account
}

fn row(mailbox: &str) -> Row {
    Row { mailbox: mailbox.to_owned(), ..Row::default() }
}

fn note(row: &mut Row, message: &Sent, copies: &[&Receipt]) {
    for copy in copies {
        *row.got.entry(copy.site).or_default() += 1;
    }
    row.twice += copies.len() - 1;
    let first = copies.iter().map(|it| it.at).min();
    let wait = first.map(|it| it.saturating_duration_since(message.acknowledged_at));
    row.longest_wait_ms = row.longest_wait_ms.max(wait.unwrap_or_default().as_millis());
}

/// Every copy beyond the first has one of two reasons, or is wrong.
fn explain(
    account: &mut Account,
    message: &Sent,
    copies: &[&Receipt],
    may_be_twice: &BTreeSet<(String, String)>,
) {
    let ids: BTreeSet<&str> = copies.iter().map(|it| it.gateway_id.as_str()).collect();
    let of = |it: &Receipt| format!("{} for {}", it.message_id, it.mailbox());
    let Some(first) = copies.first() else { return };
    let resent = ids.len() - 1;
    if resent > message.unanswered as usize {
        account.wrong.push(format!("{} came as {} messages, unexplained", of(first), ids.len()));
    }
    account.resent += resent;
    for id in ids {
        let n_copies = copies.iter().filter(|it| it.gateway_id == id).count();
        if n_copies > 1 && !may_be_twice.contains(&(id.to_owned(), first.mailbox().to_owned())) {
            account.wrong.push(format!("{} came {n_copies} times as {id}, not flagged", of(first)));
        }
        account.flagged += n_copies - 1;
    }
    for broken in copies.iter().filter(|it| !it.intact) {
        account.wrong.push(format!("{} was changed on its way", of(broken)));
    }
}

/// How long messages waited between the 250 and the site: shortest, middle and longest.
pub(crate) fn waits(sent: &[Sent], taken: &[Receipt], site: &str) -> Option<[Duration; 3]> {
    let acknowledged: BTreeMap<String, _> =
        sent.iter().map(|it| (message_id(it.number), it.acknowledged_at)).collect();
    let at_site = taken.iter().filter(|it| it.site == site);
    let mut waits: Vec<Duration> = at_site
        .filter_map(|it| Some(it.at.saturating_duration_since(*acknowledged.get(&it.message_id)?)))
        .collect();
    waits.sort_unstable();
    Some([*waits.first()?, waits[waits.len() / 2], *waits.last()?])
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sent(number: usize, accepted: &[&str], unanswered: u32) -> Sent {
        Sent {
            number,
            accepted: accepted.iter().map(|it| (*it).to_owned()).collect(),
            refused: Vec::new(),
            acknowledged_at: Instant::now(),
            unanswered,
        }
    }

    fn receipt(number: usize, mailbox: &str, gateway_id: &str) -> Receipt {
        Receipt {
            site: "cloud",
            recipient: format!("{mailbox}@contoso.mail.example"),
            message_id: message_id(number),
            gateway_id: gateway_id.to_owned(),
            at: Instant::now(),
            intact: true,
        }
    }

    fn settled(sent: &[Sent], taken: &[Receipt]) -> Account {
        settle(sent, taken, &BTreeSet::from([("flagged".to_owned(), "anna".to_owned())]))
    }

    #[test]
    fn one_copy_for_each_recipient_is_a_balanced_account() {
        let account = settled(
            &[sent(1, &["anna", "emma"], 0)],
            &[receipt(1, "anna", "a"), receipt(1, "emma", "a")],
        );
        assert_eq!((account.wrong.len(), account.resent, account.flagged), (0, 0, 0));
        assert_eq!(account.rows.iter().map(|it| it.acknowledged).sum::<usize>(), 2);
    }

    #[test]
    fn a_lost_message_is_wrong() {
        let account = settled(&[sent(1, &["anna", "emma"], 0)], &[receipt(1, "anna", "a")]);
        assert_eq!(account.wrong, ["demo-1@sender.example never reached emma"]);
    }

    #[test]
    fn a_second_message_is_right_only_if_the_sender_sent_it_twice() {
        let taken = [receipt(1, "anna", "a"), receipt(1, "anna", "b")];
        let account = settled(&[sent(1, &["anna"], 1)], &taken);
        assert_eq!((account.wrong.len(), account.resent), (0, 1));
        assert_eq!(settled(&[sent(1, &["anna"], 0)], &taken).wrong.len(), 1);
    }

    #[test]
    fn a_second_delivery_is_right_only_if_the_ledger_flags_it() {
        let twice = |id| [receipt(1, "anna", id), receipt(1, "anna", id)];
        let account = settled(&[sent(1, &["anna"], 0)], &twice("flagged"));
        assert_eq!((account.wrong.len(), account.flagged), (0, 1));
        assert_eq!(settled(&[sent(1, &["anna"], 0)], &twice("other")).wrong.len(), 1);
    }

    #[test]
    fn mail_that_nobody_acknowledged_is_wrong() {
        assert_eq!(settled(&[], &[receipt(9, "anna", "a")]).wrong.len(), 1);
    }

    #[test]
    fn a_changed_body_is_wrong() {
        let broken = Receipt { intact: false, ..receipt(1, "anna", "a") };
        assert_eq!(settled(&[sent(1, &["anna"], 0)], &[broken]).wrong.len(), 1);
    }

    #[test]
    fn waits_are_counted_at_one_site() {
        let message = sent(1, &["anna"], 0);
        let late = Receipt {
            at: message.acknowledged_at + Duration::from_secs(3),
            ..receipt(1, "anna", "a")
        };
        let waits = waits(&[message], &[late], "cloud").unwrap();
        assert_eq!(waits, [Duration::from_secs(3); 3]);
    }
}
