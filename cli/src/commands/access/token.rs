//! `causeway token …` and `causeway session …`.

use api::{Done, MadeToken, NewToken, SessionList, TokenList, path};
use hyper::Method;

use super::limit;
use super::user::ended;
use crate::args::{LimitArgs, SessionCommand, TokenCommand};
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::Result;
use crate::output::{Align, Cell, Table, clock};

pub(crate) async fn run(command: TokenCommand, console: &mut Console<'_>) -> Result {
    match command {
        TokenCommand::List => list(console).await,
        TokenCommand::Make { name, role, limit, lasts } => {
            let LimitArgs { domains, batches } = limit;
            let expires_in_seconds = Some(lasts);
            let new = NewToken { name, role: role.into(), domains, batches, expires_in_seconds };
            let ask = Ask::post("make the token", path::TOKENS.to_owned());
            let made: MadeToken = console.client.ask(ask.json(Method::POST, &new)).await?;
            if console.screen.json {
                return console.screen.document(&made);
            }
            let until = made.token.expires_at.as_deref().map(clock).unwrap_or_default();
            console.screen.note(&format!("Valid until {until}. It is not shown again:"));
            console.screen.line(&made.secret)?;
            let undo = format!("undo: {} token revoke {}", console.prefix, made.token.id);
            console.screen.note(&undo);
            Ok(())
        }
        TokenCommand::Revoke { id } => {
            // The whole token, as it was found somewhere, will do.
            let id = id.trim().strip_prefix("causeway_").unwrap_or_else(|| id.trim());
            let id = id.split('_').next().unwrap_or_default();
            let place = format!("{}/{}", path::TOKENS, path::segment(id));
            let mut ask = Ask::get("revoke the token", place);
            ask.method = Method::DELETE;
            let done: Done = console.client.ask(ask).await?;
            ended(&format!("token {id} is worthless now"), &done, console.screen)
        }
    }
}

async fn list(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("list the tokens", path::TOKENS.to_owned());
    let list: TokenList = console.client.ask(ask).await?;
    if console.screen.json {
        return list.tokens.iter().try_for_each(|it| console.screen.item(it));
    }
    if list.tokens.is_empty() {
        return console.screen.line("There is no token: `causeway token make` makes one.");
    }
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("NAME", Align::Left),
        ("ROLE", Align::Left),
        ("LIMIT", Align::Left),
        ("EXPIRES", Align::Left),
        ("LAST USED", Align::Left),
        ("BY", Align::Left),
    ]);
    for it in &list.tokens {
        table.row(vec![
            Cell::new(&it.id),
            Cell::new(&it.name),
            Cell::new(it.role.as_str()),
            Cell::maybe(limit(&it.domains, &it.batches)),
            Cell::maybe(it.expires_at.as_deref().map(clock)),
            Cell::maybe(it.last_used_at.as_deref().map(clock)),
            Cell::new(&it.created_by),
        ]);
    }
    console.screen.table(&mut table)
}

pub(crate) async fn sessions(command: SessionCommand, console: &mut Console<'_>) -> Result {
    match command {
        SessionCommand::List => list_sessions(console).await,
        SessionCommand::End { id } => {
            let place = format!("{}/{}", path::SESSIONS, path::segment(&id));
            let mut ask = Ask::get("end the session", place);
            ask.method = Method::DELETE;
            let done: Done = console.client.ask(ask).await?;
            ended(&format!("session {id} is over"), &done, console.screen)
        }
    }
}

async fn list_sessions(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("list the sessions", path::SESSIONS.to_owned());
    let list: SessionList = console.client.ask(ask).await?;
    if console.screen.json {
        return list.sessions.iter().try_for_each(|it| console.screen.item(it));
    }
    if list.sessions.is_empty() {
        return console.screen.line("Nobody is signed in.");
    }
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("NAME", Align::Left),
        ("ROLE", Align::Left),
        ("FROM", Align::Left),
        ("SINCE", Align::Left),
        ("LAST USED", Align::Left),
    ]);
    for it in &list.sessions {
        table.row(vec![
            Cell::new(&it.id),
            Cell::new(&it.name),
            Cell::new(it.role.as_str()),
            Cell::new(&it.source),
            Cell::new(clock(&it.created_at)),
            Cell::new(clock(&it.last_used_at)),
        ]);
    }
    console.screen.table(&mut table)
}
