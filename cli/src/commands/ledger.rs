//! `causeway ledger verify`.

use api::{Verification, path};

use super::Console;
use crate::client::Ask;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Screen, Table, count, printable};

pub(super) async fn run(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("verify the ledger", path::LEDGER_VERIFY.to_owned());
    let found: Verification = console.client.ask(ask).await?;
    if console.screen.json {
        console.screen.document(&found)?;
    } else {
        show(&found, console.screen)?;
    }
    if found.balanced { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

/// The sum, as one would write it on paper.
pub(crate) fn show(found: &Verification, screen: &mut Screen) -> Result {
    let mut table = Table::new(&[("OUTCOME", Align::Left), ("RECIPIENTS", Align::Right)]);
    for (name, number) in [
        ("delivered", found.delivered),
        ("bounced", found.bounced),
        ("expired", found.expired),
        ("discarded", found.discarded),
        ("in a queue", found.queued),
        ("together", found.accounted()),
        ("accepted", found.accepted),
    ] {
        table.row(vec![Cell::new(name), Cell::number(number)]);
    }
    screen.table(&mut table)?;
    if found.maybe_duplicate > 0 {
        let twice = count(found.maybe_duplicate, "delivery");
        screen.line(&format!("{twice} may have come twice: the site's reply was lost."))?;
    }
    for problem in &found.problems {
        screen.line(&format!("  {}", printable(problem)))?;
    }
    let verdict = if found.balanced {
        screen.paint.text(Colour::Green, "The ledger balances")
    } else {
        screen.paint.text(Colour::Red, "The ledger does NOT balance")
    };
    let of = count(found.accepted_messages, "accepted message");
    screen.line(&format!("{verdict}: {of}, {}.", count(found.accepted, "recipient")))
}
