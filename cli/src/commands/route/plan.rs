//! `route plan`, `route apply` and what else is done to plans.

use api::{
    ApplyRequest, Blocked, Canary, Effect, EntryPatch, Impact, Plan, PlanRequest, PlanState,
    RailOverride, RollbackRequest, TableEdit, path,
};
use hyper::Method;

use super::files;
use super::plans::rows_grouped;
use crate::args::{ApplyArgs, PlanArgs, RollbackArgs};
use crate::client::{Ask, Body};
use crate::commands::{Console, quoted};
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Screen, Table, clock, count, printable};

pub(super) async fn make(args: PlanArgs, console: &mut Console<'_>) -> Result {
    let plan: Plan = match &args.file {
        Some(_) => from_file(&args, console).await?,
        None => from_edits(args, console).await?,
    };
    show(&plan, console).await
}

async fn from_edits(args: PlanArgs, console: &Console<'_>) -> Result<Plan> {
    let canary = canary(&args)?;
    let patch = EntryPatch {
        home: args.home.clone(),
        state: args.state.map(Into::into),
        batch: args.batch.clone().map(|it| Some(it).filter(|it| !it.is_empty())),
        ..EntryPatch::default()
    };
    if !args.set.is_empty() && patch.is_empty() {
        return Err(Failure::usage("nothing to change is named")
            .hint("give --home SITE, or --state or --batch"));
    }
    let set = |address| TableEdit::Set { address, entry: patch.clone() };
    let remove = |address| TableEdit::Remove { address };
    let edits = args.set.into_iter().map(set).chain(args.remove.into_iter().map(remove)).collect();
    let request = PlanRequest {
        edits,
        base_generation: args.expect_generation,
        reason: args.reason,
        ticket: args.ticket,
        not_before: args.not_before,
        time_zone: args.time_zone,
        canary,
        second_person: args.second_person,
    };
    let ask = Ask::post("make the plan", path::PLANS.to_owned()).json(Method::POST, &request);
    console.client.ask(ask).await
}

async fn from_file(args: &PlanArgs, console: &Console<'_>) -> Result<Plan> {
    let canary = canary(args)?;
    let file = args.file.as_deref().unwrap_or_else(|| std::path::Path::new("-"));
    let flag = |it: bool| it.then(|| "true".to_owned());
    let number = |it: Option<u64>| it.map(|it| it.to_string());
    let first = canary.as_ref();
    let query = path::query(&[
        ("format", args.format.map(|it| api::FileFormat::from(it).as_str().to_owned())),
        ("home", args.home.clone()),
        ("state", args.state.map(|it| api::MoveState::from(it).as_str().to_owned())),
        ("batch", args.batch.clone()),
        ("allow_unknown_columns", flag(args.allow_unknown_columns)),
        ("replace", flag(args.replace)),
        ("base_generation", number(args.expect_generation)),
        ("reason", args.reason.clone()),
        ("ticket", args.ticket.clone()),
        ("not_before", args.not_before.clone()),
        ("time_zone", args.time_zone.clone()),
        ("second_person", flag(args.second_person)),
        ("canary_recipients", number(first.and_then(|it| it.recipients).map(u64::from))),
        ("canary_percent", number(first.and_then(|it| it.percent).map(u64::from))),
        ("canary_after_deliveries", number(args.canary_deliveries.map(u64::from))),
        ("canary_after_seconds", number(args.canary_time)),
        ("canary_bounce_percent_max", number(args.canary_bounces.map(u64::from))),
    ]);
    let mut ask = Ask::post("make the plan", format!("{}{query}", path::PLANS_IMPORT));
    ask.body = Body::Csv(files::read(file)?);
    console.client.ask(ask).await
}

/// `10` or `5%`.
fn canary(args: &PlanArgs) -> Result<Option<Canary>> {
    let Some(text) = &args.canary else { return Ok(None) };
    let wrong = || Failure::usage("--canary: want a number of rows, or a share as in 5%");
    let (recipients, percent) = match text.strip_suffix('%') {
        Some(share) => (None, Some(share.parse().map_err(|_| wrong())?)),
        None => (Some(text.parse().map_err(|_| wrong())?), None),
    };
    Ok(Some(Canary {
        recipients,
        percent,
        after_deliveries: args.canary_deliveries,
        after_seconds: args.canary_time,
        bounce_percent_max: args.canary_bounces,
    }))
}

pub(super) async fn rollback(args: RollbackArgs, console: &mut Console<'_>) -> Result {
    let RollbackArgs { to, undo, reason, ticket } = args;
    let request = RollbackRequest { to_generation: to, undo_generation: undo, reason, ticket };
    let path = path::PLANS_ROLLBACK.to_owned();
    let ask = Ask::post("plan the way back", path).json(Method::POST, &request);
    let plan: Plan = console.client.ask(ask).await?;
    show(&plan, console).await
}

pub(super) async fn apply(args: ApplyArgs, console: &mut Console<'_>) -> Result {
    let reason = args.reason.unwrap_or_default();
    let over = |rail| RailOverride { rail, reason: reason.clone() };
    let request = ApplyRequest {
        confirm: args.confirm,
        overrides: args.overrides.into_iter().map(over).collect(),
        expect_generation: args.expect_generation,
    };
    let path = format!("{}/{}/apply", path::PLANS, path::segment(&args.id));
    let ask = Ask::post("apply the plan", path).json(Method::POST, &request);
    let plan: Plan = console.client.ask(ask).await?;
    done(&plan, console)
}

/// `approve` or `cancel`.
pub(super) async fn step(id: &str, what: &str, console: &mut Console<'_>) -> Result {
    let path = format!("{}/{}/{what}", path::PLANS, path::segment(id));
    let doing = format!("{what} the plan");
    let plan: Plan = console.client.ask(Ask::post(&doing, path)).await?;
    done(&plan, console)
}

/// What became of a plan, and what can be done next.
fn done(plan: &Plan, console: &mut Console<'_>) -> Result {
    if console.screen.json {
        console.screen.document(plan)?;
        return ended(plan);
    }
    let prefix = console.prefix.clone();
    console.screen.line(&headline(plan, console.screen))?;
    if let Some(why) = plan.failure.as_ref().filter(|_| plan.state.is_over()) {
        console.screen.line(&format!("why: {}", printable(why)))?;
    }
    let id = &plan.id;
    match plan.state {
        PlanState::Applied => {
            let Plan { added, changed, removed, .. } = plan;
            console.screen.line(&format!("{added} added, {changed} changed, {removed} removed"))?;
            in_force(plan).iter().try_for_each(|it| console.screen.line(it))?;
        }
        PlanState::RolledBack => {
            if let Some(generation) = plan.generation {
                console.screen.line(&format!("generation {generation}"))?;
            }
        }
        PlanState::Scheduled => {
            let at = plan.not_before.as_deref().map(clock).unwrap_or_default();
            console.screen.line(&format!("It is applied at {at}."))?;
            console.screen.line(&format!("undo: {prefix} route cancel {id}"))?;
        }
        PlanState::Canary => {
            canary_lines(plan, console.screen)?;
            console.screen.line(&format!("watch: {prefix} route plans {id}"))?;
            console.screen.line(&format!("undo: {prefix} route cancel {id}"))?;
        }
        PlanState::Ready => {
            console.screen.line(&format!("apply: {}", apply_command(plan, &prefix)))?;
        }
        _ => (),
    }
    for it in undo(plan, &prefix) {
        console.screen.line(&it)?;
    }
    ended(plan)
}

/// What failed is no success, though the gateway answered.
fn ended(plan: &Plan) -> Result {
    match plan.state {
        PlanState::Failed => Err(Failure::silent(Exit::Failed)),
        _ => Ok(()),
    }
}

/// The generation that the first rows of a canary made, and that of the others.
fn generations(plan: &Plan) -> (Option<u64>, Option<u64>) {
    let first = plan.canary_progress.as_ref().map(|it| it.generation).filter(|it| *it != 0);
    (first, plan.generation)
}

fn in_force(plan: &Plan) -> Vec<String> {
    match generations(plan) {
        (None, None) => {
            vec!["Every row was so already: the table is as it was.".to_owned()]
        }
        (Some(first), None) => {
            vec![format!("generation {first}, its first rows; the others were so already")]
        }
        (None, Some(rest)) => vec![format!("generation {rest}")],
        (Some(first), Some(rest)) => {
            vec![format!("generation {first}, its first rows, and {rest}, the others")]
        }
    }
}

/// One command for each generation of the plan that is in force, the newest first. Of a canary that
/// failed those are its first rows, unless it went back as far as it could.
fn undo(plan: &Plan, prefix: &str) -> Vec<String> {
    let (first, rest) = generations(plan);
    let made = match plan.state {
        PlanState::Applied => [rest, first],
        PlanState::Failed if rest.is_none() => [None, first],
        _ => [None, None],
    };
    let line = |it: u64| format!("undo: {prefix} route rollback --undo {it}");
    made.into_iter().flatten().map(line).collect()
}

/// The whole plan: what it does, what is in its way, what to type next.
pub(super) async fn show(plan: &Plan, console: &mut Console<'_>) -> Result {
    if console.screen.json {
        return console.screen.document(plan);
    }
    let screen = &mut *console.screen;
    screen.line(&headline(plan, screen))?;
    let Plan { added, changed, removed, unchanged, .. } = plan;
    screen.line(&format!(
        "{added} to add, {changed} to change, {removed} to remove, {unchanged} as they should be"
    ))?;
    for (name, text) in [("reason", &plan.reason), ("ticket", &plan.ticket)] {
        if let Some(text) = text {
            screen.line(&format!("{name}: {}", printable(text)))?;
        }
    }
    if !plan.approvers.is_empty() {
        screen.line(&format!("approved by {}", printable(&plan.approvers.join(", "))))?;
    }
    if let Some(at) = &plan.not_before {
        screen.line(&format!("not before {}", clock(at)))?;
    }
    canary_lines(plan, screen)?;
    if let Some(why) = &plan.failure {
        screen.line(&format!("why: {}", printable(why)))?;
    }
    plan.remarks.iter().try_for_each(|it| screen.line(&format!("note: {}", printable(it))))?;
    impact(plan, screen)?;
    rows_grouped(plan, false, console).await?;
    rails(&plan.blocked, console.screen)?;
    for it in &plan.warnings {
        console.screen.line(&format!("warning: {}", printable(&it.message)))?;
    }
    next_step(plan, console)
}

fn headline(plan: &Plan, screen: &Screen) -> String {
    let state = plan.state.as_str().replace('_', " ");
    let colour = match plan.state {
        PlanState::Applied => Colour::Green,
        PlanState::Failed | PlanState::RolledBack => Colour::Red,
        _ => Colour::Bold,
    };
    let state = screen.paint.text(colour, &state);
    let author = printable(&plan.author);
    format!("plan {}: {state} (by {author}, of generation {})", plan.id, plan.base_generation)
}

fn canary_lines(plan: &Plan, screen: &mut Screen) -> Result {
    let Some(canary) = &plan.canary else { return Ok(()) };
    let first = match (canary.recipients, canary.percent) {
        (Some(n), _) => count(u64::from(n), "row"),
        (None, percent) => format!("{} % of the rows", percent.unwrap_or_default()),
    };
    screen.line(&format!("canary: {first} first"))?;
    let Some(it) = &plan.canary_progress else { return Ok(()) };
    screen.line(&format!(
        "canary so far: {} since {}, {} delivered, {} bounced",
        count(it.rows, "row"),
        clock(&it.since),
        it.delivered,
        it.bounced
    ))
}

fn impact(plan: &Plan, screen: &mut Screen) -> Result {
    if plan.impact.is_empty() {
        return screen.line("No mail goes elsewhere.");
    }
    screen.line("")?;
    let (moves, others): (Vec<&Impact>, Vec<&Impact>) =
        plan.impact.iter().partition(|it| it.effect == Effect::Moves);
    if !moves.is_empty() {
        moved(&moves, screen)?;
    }
    others.into_iter().try_for_each(|it| screen.line(&effect(it)))
}

/// What becomes of mail that stays at its site, and of that to an alias.
fn effect(it: &Impact) -> String {
    let n = count(it.n, "mailbox");
    let (domain, to) = (printable(&it.domain), it.to.as_deref().map(printable));
    match (it.effect, to) {
        (Effect::Held, _) => format!("{domain}: mail of {n} is held (cutover)"),
        (Effect::AliasLost, None) => {
            format!("{domain}: aliases of {n} go, and mail to them is refused")
        }
        (Effect::AliasLost, Some(to)) => {
            format!("{domain}: aliases of {n} go, and mail to them goes to {to}")
        }
        (_, to) => {
            let to = to.unwrap_or_default();
            format!("{domain}: {n} would be known at {to} by another cloud_address")
        }
    }
}

fn moved(moves: &[&Impact], screen: &mut Screen) -> Result {
    let mut table = Table::new(&[
        ("DOMAIN", Align::Left),
        ("FROM", Align::Left),
        ("TO", Align::Left),
        ("MAILBOXES", Align::Right),
    ]);
    let nowhere = |it: &Option<String>| it.clone().unwrap_or_else(|| "(refused)".to_owned());
    for it in moves {
        table.row(vec![
            Cell::new(&it.domain),
            Cell::new(nowhere(&it.from)),
            Cell::new(nowhere(&it.to)),
            Cell::number(it.n),
        ]);
    }
    screen.table(&mut table)
}

/// Each rail, what to do about it, and some of its rows.
pub(in crate::commands) fn rails(blocked: &[Blocked], screen: &mut Screen) -> Result {
    for it in blocked {
        let word = if it.overridden_by.is_some() { "overridden" } else { "blocked" };
        let colour = if it.overridden_by.is_some() { Colour::Yellow } else { Colour::Red };
        let head = screen.paint.text(colour, &format!("{word}: {}", it.rail.as_str()));
        screen.line(&format!("{head}: {}", printable(&it.message)))?;
        if it.overridden_by.is_none() {
            screen.line(&format!("  what to do: {}", printable(&it.hint)))?;
        }
        if !it.examples.is_empty() {
            let some = printable(&it.examples.join(", "));
            screen.line(&format!("  rows: {}, as {some}", it.rows))?;
        }
    }
    Ok(())
}

fn next_step(plan: &Plan, console: &mut Console<'_>) -> Result {
    let (id, prefix) = (plan.id.clone(), console.prefix.clone());
    let line = match plan.state {
        PlanState::Ready => format!("apply: {}", apply_command(plan, &prefix)),
        PlanState::AwaitingApproval => {
            format!("approve, by somebody else: {prefix} route approve {id}")
        }
        PlanState::Checking => {
            format!("The sites are still being asked; look again: {prefix} route plans {id}")
        }
        PlanState::Scheduled | PlanState::Canary => {
            format!("undo: {prefix} route cancel {id}")
        }
        PlanState::Applied | PlanState::Failed => {
            if plan.state == PlanState::Applied {
                in_force(plan).iter().try_for_each(|it| console.screen.line(it))?;
            }
            return undo(plan, &prefix).iter().try_for_each(|it| console.screen.line(it));
        }
        _ => return Ok(()),
    };
    console.screen.line(&line)
}

/// With all that it takes to pass.
fn apply_command(plan: &Plan, prefix: &str) -> String {
    let mut command = format!("{prefix} route apply {}", plan.id);
    if let Some(text) = &plan.confirm {
        command.push_str(&format!(" --confirm {}", quoted(text)));
    }
    command
}
