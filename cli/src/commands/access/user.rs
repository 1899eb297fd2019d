//! `causeway user …`.

use api::{Done, NewUser, PasswordChange, Totp, TotpRequest, User, UserList, UserPatch, path};
use hyper::Method;

use super::{limit, secret};
use crate::args::{LimitArgs, UserCommand};
use crate::client::Ask;
use crate::commands::{Console, quoted};
use crate::exit::{Failure, Result};
use crate::output::{Align, Cell, Colour, Screen, Table, clock, count};

pub(crate) async fn run(command: UserCommand, console: &mut Console<'_>) -> Result {
    match command {
        UserCommand::List => list(console).await,
        UserCommand::Show { name } => {
            let user: User =
                console.client.ask(Ask::get("show the user", place(&name, ""))).await?;
            show(&user, console.screen)
        }
        UserCommand::Add { name, role, limit, password } => {
            let LimitArgs { domains, batches } = limit;
            let password = secret::new_password(&password, console.screen)?;
            let new = NewUser { name, role: role.into(), domains, batches, password };
            let ask = Ask::post("make the user", path::USERS.to_owned()).json(Method::POST, &new);
            let user: User = console.client.ask(ask).await?;
            show(&user, console.screen)?;
            undo(console, &format!("user remove {}", quoted(&user.name)))
        }
        UserCommand::Set { name, role, limit, no_limit, disable, enable } => {
            let some = |list: Vec<String>| (no_limit || !list.is_empty()).then_some(list);
            let patch = UserPatch {
                role: role.map(Into::into),
                domains: some(limit.domains),
                batches: some(limit.batches),
                disabled: (disable || enable).then_some(disable),
            };
            set(&name, &patch, console).await
        }
        UserCommand::Remove { name, yes } => remove(&name, yes, console).await,
        UserCommand::Password { name, password } => {
            let password = secret::new_password(&password, console.screen)?;
            let change = PasswordChange { password, current: None };
            let ask = Ask::post("set the password", place(&name, "/password"));
            let done: Done = console.client.ask(ask.json(Method::POST, &change)).await?;
            ended(&format!("{name} has another password"), &done, console.screen)
        }
        UserCommand::Totp { name, remove: true } => {
            let request = TotpRequest { code: None, remove: true };
            let _: Totp = totp(&name, &request, console).await?;
            console.screen.line(&format!("{name} signs in without a second factor."))
        }
        UserCommand::Totp { name, remove: false } => enrol(&name, console).await,
    }
}

fn place(name: &str, rest: &str) -> String {
    format!("{}/{}{rest}", path::USERS, path::segment(name))
}

async fn list(console: &mut Console<'_>) -> Result {
    let list: UserList =
        console.client.ask(Ask::get("list the users", path::USERS.to_owned())).await?;
    if console.screen.json {
        return list.users.iter().try_for_each(|it| console.screen.item(it));
    }
    if list.users.is_empty() {
        return console.screen.line("There is no local account: `causeway user add` makes one.");
    }
    let mut table = table();
    list.users.iter().for_each(|it| table.row(row(it)));
    console.screen.table(&mut table)
}

fn show(user: &User, screen: &mut Screen) -> Result {
    if screen.json {
        return screen.document(user);
    }
    let mut table = table();
    table.row(row(user));
    screen.table(&mut table)
}

fn table() -> Table {
    Table::new(&[
        ("NAME", Align::Left),
        ("ROLE", Align::Left),
        ("LIMIT", Align::Left),
        ("SECOND FACTOR", Align::Left),
        ("STATE", Align::Left),
        ("LAST LOGIN", Align::Left),
    ])
}

fn row(it: &User) -> Vec<Cell> {
    let state = if it.disabled {
        Cell::new("disabled").colour(Colour::Yellow)
    } else {
        Cell::new("enabled")
    };
    vec![
        Cell::new(&it.name),
        Cell::new(it.role.as_str()),
        Cell::maybe(limit(&it.domains, &it.batches)),
        Cell::new(if it.second_factor { "yes" } else { "no" }),
        state,
        Cell::maybe(it.last_login_at.as_deref().map(clock)),
    ]
}

async fn set(name: &str, patch: &UserPatch, console: &mut Console<'_>) -> Result {
    if *patch == UserPatch::default() {
        return Err(Failure::usage("nothing to change was given").hint("see `user set --help`"));
    }
    let before: User = console.client.ask(Ask::get("find the user", place(name, ""))).await?;
    let ask = Ask::post("change the user", place(name, "")).json(Method::PATCH, patch);
    let user: User = console.client.ask(ask).await?;
    show(&user, console.screen)?;
    let mut back = format!("user set {} --role {}", quoted(name), before.role.as_str());
    for domain in &before.domains {
        back.push_str(&format!(" --domain {}", quoted(domain)));
    }
    for batch in &before.batches {
        back.push_str(&format!(" --batch {}", quoted(batch)));
    }
    if before.domains.is_empty() && before.batches.is_empty() {
        back.push_str(" --no-limit");
    }
    back.push_str(if before.disabled { " --disable" } else { " --enable" });
    undo(console, &back)
}

fn undo(console: &mut Console<'_>, command: &str) -> Result {
    if console.screen.json {
        return Ok(());
    }
    let line = format!("undo: {} {command}", console.prefix);
    console.screen.line(&line)
}

async fn remove(name: &str, yes: bool, console: &mut Console<'_>) -> Result {
    let _: User = console.client.ask(Ask::get("find the user", place(name, ""))).await?;
    if !console.screen.approve(&format!("remove the user {name}"), yes, true)? {
        return Ok(());
    }
    let mut ask = Ask::get("remove the user", place(name, ""));
    ask.method = Method::DELETE;
    let done: Done = console.client.ask(ask).await?;
    ended(&format!("{name} is removed"), &done, console.screen)
}

pub(super) fn ended(what: &str, done: &Done, screen: &mut Screen) -> Result {
    if screen.json {
        return screen.document(done);
    }
    screen.line(&format!("{what}; {} ended.", count(done.sessions_ended, "session")))
}

async fn totp(name: &str, request: &TotpRequest, console: &Console<'_>) -> Result<Totp> {
    let ask = Ask::post("enrol the authenticator", place(name, "/totp"));
    console.client.ask(ask.json(Method::POST, request)).await
}

async fn enrol(name: &str, console: &mut Console<'_>) -> Result {
    let begun = totp(name, &TotpRequest::default(), console).await?;
    let secret = begun.secret.unwrap_or_default();
    console.screen.line(&format!("Secret for the authenticator: {secret}"))?;
    console.screen.line(&begun.uri.unwrap_or_default())?;
    console.screen.prompt("Its first code: ");
    let code = console.screen.read_line("the code")?;
    let request = TotpRequest { code: Some(code), remove: false };
    let done = totp(name, &request, console).await?;
    console.screen.line("Enrolled. Each of these opens the account once without the device:")?;
    done.recovery_codes.iter().try_for_each(|it| console.screen.line(&format!("  {it}")))
}
