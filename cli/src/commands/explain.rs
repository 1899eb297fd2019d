//! `causeway explain ADDRESS…`.

use api::{Explain, Explanation, path};

use super::Console;
use crate::args::ExplainArgs;
use crate::client::Ask;
use crate::exit::Result;
use crate::output::{bytes, printable};

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
            (false, _) => show(&explanation, console)?,
        }
    }
    Ok(())
}

/// The address, each question with its number, the conclusion, and the way there.
fn show(it: &Explanation, console: &mut Console<'_>) -> Result {
    let screen = &mut *console.screen;
    screen.line(&printable(&it.address))?;
    for step in &it.steps {
        let (question, answer) = (printable(&step.question), printable(&step.answer));
        screen.line(&format!("  {}. {question}  {answer}", step.number))?;
    }
    screen.line(&format!("=> {}", printable(&it.conclusion)))?;
    let mut about = |what: &str, text: String| screen.line(&format!("   {what}: {text}"));
    if !it.expected.is_empty() {
        about("expect", printable(&it.expected))?;
    }
    if let Some(tls) = &it.tls {
        let host = |it: &api::Host| match &it.last_error {
            Some(error) => format!("{} (lately: {})", printable(&it.name), printable(error)),
            None => printable(&it.name),
        };
        let hosts: Vec<String> = it.hosts.iter().map(host).collect();
        about("hosts", hosts.join(", "))?;
        about("tls", printable(tls))?;
    }
    if let Some(limits) = &it.limits {
        let text = format!(
            "messages of {}, {} recipients at once, {} of {} connections open",
            bytes(limits.message_bytes_max),
            limits.recipients_max,
            limits.connections,
            limits.connections_max
        );
        about("limits", text)?;
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
