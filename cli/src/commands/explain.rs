//! `causeway explain ADDRESS…`.

use api::{Explain, Explanation, path};

use super::Console;
use crate::args::ExplainArgs;
use crate::client::Ask;
use crate::exit::Result;
use crate::output::printable;

pub(super) async fn run(args: ExplainArgs, console: &mut Console<'_>) -> Result {
    let one = args.addresses.len() == 1;
    for address in &args.addresses {
        let question = Explain {
            address: address.clone(),
            ip: args.ip.map(|it| it.to_string()),
            generation: args.generation,
        };
        let explanation: Explanation = console.client.ask(ask(&question)).await?;
        match (console.screen.json, one) {
            (true, true) => console.screen.document(&explanation)?,
            (true, false) => console.screen.item(&explanation)?,
            (false, _) => {
                for line in explanation.text.lines() {
                    console.screen.line(&printable(line))?;
                }
            }
        }
    }
    Ok(())
}

fn ask(question: &Explain) -> Ask<'static> {
    let query = path::query(&[
        ("address", Some(question.address.clone())),
        ("ip", question.ip.clone()),
        ("generation", question.generation.map(|it| it.to_string())),
    ]);
    Ask::get("explain the route", format!("{}{query}", path::EXPLAIN))
}
