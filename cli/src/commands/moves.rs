//! `causeway move …`.

use api::{
    Cut, CutOutcome, CutRequest, Move, MoveList, MoveState, Moved, Rail, RailOverride, Resolve,
    Resolved, Transition, Transitioned, Transitions, path,
};
use hyper::Method;

use super::route::rails;
use super::{Console, quoted};
use crate::args::{CutArgs, MoveCommand, MoveListArgs, ResolveArgs, TransitionArgs};
use crate::client::Ask;
use crate::exit::{Failure, Result};
use crate::output::{Align, Cell, Colour, Screen, Table, clock, count, printable};

pub(super) async fn run(command: MoveCommand, console: &mut Console<'_>) -> Result {
    match command {
        MoveCommand::List(args) => list(args, console).await,
        MoveCommand::Show { address } => show(&address, console).await,
        MoveCommand::Transition(args) => transition(args, console).await,
        MoveCommand::Cut(args) => cut(args, console).await,
        MoveCommand::Resolve(args) => resolve(args, console).await,
    }
}

fn of(address: &str, rest: &str) -> String {
    format!("{}/{}{rest}", path::MOVES, path::segment(address))
}

async fn list(args: MoveListArgs, console: &mut Console<'_>) -> Result {
    let mut table = Table::new(&[
        ("MAILBOX", Align::Left),
        ("STATE", Align::Left),
        ("HOME", Align::Left),
        ("BATCH", Align::Left),
        ("GENERATION", Align::Right),
        ("SINCE", Align::Left),
        ("GOES BACK", Align::Left),
        ("HELD", Align::Right),
        ("LEASES", Align::Right),
        ("IN DOUBT", Align::Right),
        ("COPIED", Align::Right),
    ]);
    let mut cursor = None;
    loop {
        let state = args.state.map(|it| MoveState::from(it).as_str().to_owned());
        let pairs = [("state", state), ("batch", args.batch.clone()), ("cursor", cursor)];
        let path = format!("{}{}", path::MOVES, path::query(&pairs));
        let page: MoveList = console.client.ask(Ask::get("list the moves", path)).await?;
        for it in &page.moves {
            if console.screen.json {
                console.screen.item(it)?;
            } else {
                table.row(row(it));
            }
        }
        if !console.screen.json {
            console.screen.table(&mut table)?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn row(it: &Move) -> Vec<Cell> {
    let doubt = Cell::number(it.in_doubt_total);
    vec![
        Cell::new(&it.address),
        state(it.state),
        Cell::new(&it.home),
        Cell::maybe(it.batch.as_ref()),
        Cell::number(it.generation),
        Cell::new(clock(&it.since)),
        Cell::maybe(it.hold_until.as_deref().map(clock)),
        Cell::number(it.held_messages),
        Cell::number(it.leases_total),
        if it.in_doubt_total > 0 { doubt.colour(Colour::Red) } else { doubt },
        Cell::maybe(it.sync.as_ref().map(|it| format!("{}/{}", it.items_done, it.items_total))),
    ]
}

fn state(state: MoveState) -> Cell {
    let cell = Cell::new(state.as_str());
    if state == MoveState::Cutover { cell.colour(Colour::Yellow) } else { cell }
}

async fn read(address: &str, console: &Console<'_>) -> Result<Move> {
    console.client.ask(Ask::get("show the move", of(address, ""))).await
}

async fn show(address: &str, console: &mut Console<'_>) -> Result {
    let it = read(address, console).await?;
    if console.screen.json {
        return console.screen.document(&it);
    }
    let screen = &mut *console.screen;
    let mailbox = printable(&it.address);
    screen.line(&format!(
        "{mailbox}: {} at {}, generation {}, since {}",
        it.state.as_str(),
        printable(&it.home),
        it.generation,
        clock(&it.since)
    ))?;
    if let Some(until) = &it.hold_until {
        let held = it.held_messages;
        screen.line(&format!("holds {held} messages, and goes back by itself {}", clock(until)))?;
    }
    if let Some(sync) = &it.sync {
        let last = sync.last_sync_at.as_deref().map_or_else(|| "never yet".to_owned(), clock);
        let (done, total) = (sync.items_done, sync.items_total);
        screen.line(&format!("copied {done} of {total} items, in step {last}"))?;
    }
    screen.line(&format!("attempts under way: {}", it.leases_total))?;
    for lease in &it.leases {
        screen.line(&format!(
            "  {} to {} at {}, since {}, generation {}",
            printable(&lease.message),
            printable(&lease.recipient),
            printable(&lease.hop),
            clock(&lease.since),
            lease.generation
        ))?;
    }
    screen.line(&format!("deliveries in doubt: {}", it.in_doubt_total))?;
    for doubt in &it.in_doubt {
        let said = doubt.last_reply.as_deref().unwrap_or("the gateway was killed meanwhile");
        screen.line(&format!(
            "  {} to {} at {}: {}",
            printable(&doubt.message),
            printable(&doubt.recipient),
            printable(&doubt.hop),
            printable(said)
        ))?;
    }
    if let Some(doubt) = it.in_doubt.first() {
        screen.line(&format!(
            "Look for each in the mailbox, then: {} move resolve {} {} --delivered|--not-delivered",
            console.prefix,
            quoted(&it.address),
            quoted(&doubt.message)
        ))?;
    }
    Ok(())
}

async fn transition(args: TransitionArgs, console: &mut Console<'_>) -> Result {
    if args.generation.is_some() && args.addresses.len() != 1 {
        return Err(Failure::usage("--generation is of one address")
            .hint("leave it out, or make one step at a time"));
    }
    let to = MoveState::from(args.to);
    let mut before = Vec::new();
    for address in &args.addresses {
        before.push(read(address, console).await?);
    }
    let step = |it: &Move| Transition {
        address: it.address.clone(),
        generation: args.generation.unwrap_or(it.generation),
        to,
        home: args.home.clone(),
    };
    let request = Transitions {
        moves: before.iter().map(step).collect(),
        batch: args.batch.clone(),
        from: args.from.map(MoveState::from),
        to: args.batch.is_some().then_some(to),
        digest: args.digest.clone(),
        reason: args.reason.clone(),
        overrides: overrides(&args),
        dry_run: args.dry_run,
    };
    let ask =
        Ask::get("make the steps", path::MOVES_TRANSITIONS.to_owned()).json(Method::POST, &request);
    let done: Transitioned = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&done);
    }
    if done.dry_run {
        return would_be(&done, console.screen);
    }
    rails(&done.blocked, console.screen)?;
    done.moves.iter().try_for_each(|it| console.screen.line(&moved(it)))?;
    console.screen.line(&format!("generation {}", done.generation))?;
    let back = back(&args, to, &before, &done);
    console.screen.line(&format!("back: {} {back}", console.prefix))
}

/// One reason for all of them: it is for their sake that it was given.
fn overrides(args: &TransitionArgs) -> Vec<RailOverride> {
    let reason = args.reason.clone().unwrap_or_default();
    let over = |rail: &Rail| RailOverride { rail: *rail, reason: reason.clone() };
    args.overrides.iter().map(over).collect()
}

fn moved(it: &Moved) -> String {
    let until = it.hold_until.as_deref().map(|it| format!(", goes back by itself {}", clock(it)));
    format!(
        "{}: {} at {}, generation {}{}",
        printable(&it.address),
        it.state.as_str(),
        printable(&it.home),
        it.generation,
        until.unwrap_or_default()
    )
}

/// Where a step comes from there is mostly a step to; else the revision is undone, by a plan.
fn back(args: &TransitionArgs, to: MoveState, before: &[Move], done: &Transitioned) -> String {
    let from = args.from.map(MoveState::from).or_else(|| before.first().map(|it| it.state));
    let target = match (from, to) {
        (_, MoveState::Settled)
        | (Some(MoveState::Cloud | MoveState::Settled), MoveState::OnPrem) => {
            return format!("route rollback --undo {}", done.generation);
        }
        (Some(MoveState::Syncing), MoveState::Cutover) => MoveState::Syncing,
        (Some(MoveState::Cloud), MoveState::Cutover) => MoveState::Cloud,
        (_, MoveState::OnPrem) => MoveState::Syncing,
        _ => MoveState::OnPrem,
    };
    let target = target.as_str();
    match &args.batch {
        Some(batch) => {
            format!("move transition {target} --batch {} --from {}", quoted(batch), to.as_str())
        }
        None => {
            let addresses = done.moves.iter().map(|it| quoted(&it.address));
            format!("move transition {target} {}", addresses.collect::<Vec<_>>().join(" "))
        }
    }
}

fn would_be(done: &Transitioned, screen: &mut Screen) -> Result {
    for it in &done.moves {
        let (mailbox, state, home) =
            (printable(&it.address), it.state.as_str(), printable(&it.home));
        screen.line(&format!("{mailbox}: would be {state} at {home}"))?;
    }
    rails(&done.blocked, screen)?;
    screen.line("Dry run: nothing was changed.")
}

async fn cut(args: CutArgs, console: &mut Console<'_>) -> Result {
    let what = CutRequest {
        older_than_seconds: args.older_than,
        reason: args.reason.clone(),
        dry_run: args.dry_run,
    };
    let ask = Ask::get("cut the attempts", of(&args.address, "/cut")).json(Method::POST, &what);
    let done: Cut = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&done);
    }
    if done.leases.is_empty() {
        return console.screen.line("No such attempt is under way.");
    }
    for it in &done.leases {
        let (message, to) = (printable(&it.message), printable(&it.recipient));
        let (hop, since) = (printable(&it.hop), clock(&it.since));
        let became = match it.outcome {
            CutOutcome::Aborted => "aborted before its end, the site has not got it",
            CutOutcome::InDoubt => "in doubt, it was sent to its end",
            CutOutcome::Settled => "the answer had come",
            CutOutcome::UnderWay if done.dry_run => "would be cut",
            CutOutcome::UnderWay => "still under way",
        };
        console.screen.line(&format!("{message} to {to} at {hop} since {since}: {became}"))?;
    }
    if done.dry_run {
        return console.screen.line("Dry run: nothing was changed.");
    }
    if done.others_in_doubt > 0 {
        let n = count(done.others_in_doubt, "recipient");
        console.screen.line(&format!("on the same connections, in doubt now: {n}"))?;
    }
    let mailbox = quoted(&args.address);
    console.screen.line(&format!("next: {} move show {mailbox}", console.prefix))
}

async fn resolve(args: ResolveArgs, console: &mut Console<'_>) -> Result {
    let what = Resolve {
        message: args.message.clone(),
        delivered: args.delivered,
        evidence: args.evidence.clone(),
    };
    let ask =
        Ask::get("resolve the doubt", of(&args.address, "/resolve")).json(Method::POST, &what);
    let done: Resolved = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&done);
    }
    let (n, message) = (done.recipients, printable(&args.message));
    let what = if args.delivered { "settled as delivered" } else { "will be delivered" };
    console.screen.line(&format!("{message}: {what}; recipients: {n}"))
}
