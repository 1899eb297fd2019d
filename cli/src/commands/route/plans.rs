//! `route plans`.

use api::{Plan, PlanList, RowKind, RowList, path};

use super::edit::sentence;
use super::plan;
use crate::args::PlansArgs;
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::Result;
use crate::output::{Align, Cell, Colour, Table, clock, count};

/// Rows of each kind that are shown without being asked for all.
const SHOWN: u64 = 10;
const PAGE: u64 = 1000;

pub(super) async fn run(args: PlansArgs, console: &mut Console<'_>) -> Result {
    let Some(id) = &args.id else { return list(&args, console).await };
    let one = format!("{}/{}", path::PLANS, path::segment(id));
    let ask = match args.check {
        true => Ask::post("check the plan", format!("{one}/check")),
        false => Ask::get("show the plan", one),
    };
    let plan: Plan = console.client.ask(ask).await?;
    if !args.rows {
        return plan::show(&plan, console).await;
    }
    rows_grouped(&plan, true, console).await
}

async fn list(args: &PlansArgs, console: &mut Console<'_>) -> Result {
    let query = path::query(&[
        ("state", args.state.map(|it| it.as_str().to_owned())),
        ("limit", Some(args.limit.to_string())),
    ]);
    let ask = Ask::get("list the plans", format!("{}{query}", path::PLANS));
    let plans: PlanList = console.client.ask(ask).await?;
    if console.screen.json {
        return plans.plans.iter().try_for_each(|it| console.screen.item(it));
    }
    if plans.plans.is_empty() {
        return console.screen.line("There is no such plan.");
    }
    let mut table = Table::new(&[
        ("PLAN", Align::Left),
        ("STATE", Align::Left),
        ("BY", Align::Left),
        ("MADE", Align::Left),
        ("ADD", Align::Right),
        ("CHANGE", Align::Right),
        ("REMOVE", Align::Right),
        ("BLOCKED BY", Align::Left),
        ("REASON", Align::Left),
    ]);
    plans.plans.iter().for_each(|it| table.row(row(it)));
    console.screen.table(&mut table)
}

fn row(it: &Plan) -> Vec<Cell> {
    let rails: Vec<&str> = it.blocked.iter().map(|it| it.rail.as_str()).collect();
    let rails = rails.join(" ");
    vec![
        Cell::new(&it.id),
        Cell::new(it.state.as_str()),
        Cell::new(&it.author),
        Cell::new(clock(&it.created_at)),
        Cell::number(it.added),
        Cell::number(it.changed),
        Cell::number(it.removed),
        Cell::maybe(Some(rails).filter(|_| !it.state.is_over())).colour(Colour::Red),
        Cell::maybe(it.reason.as_ref()),
    ]
}

/// By what becomes of them; all, or the first of each kind.
pub(super) async fn rows_grouped(plan: &Plan, all: bool, console: &mut Console<'_>) -> Result {
    let kinds = [
        (RowKind::Add, "add", plan.added),
        (RowKind::Change, "change", plan.changed),
        (RowKind::Remove, "remove", plan.removed),
    ];
    for (_, name, n) in kinds.iter().filter(|it| it.2 > 0) {
        let mut left = if all { u64::MAX } else { SHOWN };
        if !console.screen.json {
            console.screen.line("")?;
            let head = console.screen.paint.text(Colour::Bold, &format!("{name} ({n})"));
            console.screen.line(&head)?;
        }
        let (mut cursor, mut shown) = (None, 0);
        while left > 0 {
            let page = page(&plan.id, name, cursor, left.min(PAGE), console).await?;
            let n_rows = page.rows.len() as u64;
            for it in &page.rows {
                match console.screen.json {
                    true => console.screen.item(it)?,
                    false => {
                        let words = sentence(&it.address, it.before.as_ref(), it.after.as_ref());
                        console.screen.line(&format!("  {words}"))?;
                    }
                }
            }
            (shown, left) = (shown + n_rows, left.saturating_sub(n_rows));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if !all && *n > shown {
            let more = count(n - shown, "row");
            let prefix = console.prefix.clone();
            console
                .screen
                .line(&format!("  and {more}: {prefix} route plans {} --rows", plan.id))?;
        }
    }
    if !console.screen.json && !all {
        console.screen.line("")?;
    }
    Ok(())
}

async fn page(
    id: &str,
    kind: &str,
    cursor: Option<String>,
    limit: u64,
    console: &Console<'_>,
) -> Result<RowList> {
    let query = path::query(&[
        ("kind", Some(kind.to_owned())),
        ("cursor", cursor),
        ("limit", Some(limit.to_string())),
    ]);
    let path = format!("{}/{}/rows{query}", path::PLANS, path::segment(id));
    console.client.ask(Ask::get("show the rows of the plan", path)).await
}
