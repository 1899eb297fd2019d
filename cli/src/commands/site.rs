//! `causeway site …`.

use api::{OverrideRequest, Probe, Site, SiteList, SiteState, path};
use hyper::Method;

use super::{Console, quoted};
use crate::args::{OverrideArgs, SiteCommand};
use crate::client::Ask;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Screen, Table, clock, printable, span};

pub(super) async fn run(command: SiteCommand, console: &mut Console<'_>) -> Result {
    match command {
        SiteCommand::List => list(console).await,
        SiteCommand::Probe { site } => probe(&site, console).await,
        SiteCommand::Override(args) => force(args, console).await,
    }
}

async fn list(console: &mut Console<'_>) -> Result {
    let sites = read(console).await?;
    if !console.screen.json {
        return show(&sites, console.screen);
    }
    sites.sites.iter().try_for_each(|site| console.screen.item(site))
}

async fn read(console: &Console<'_>) -> Result<SiteList> {
    console.client.ask(Ask::get("list the sites", path::SITES.to_owned())).await
}

/// One row per site, and a line for each host or override that needs a word.
pub(super) fn show(sites: &SiteList, screen: &mut Screen) -> Result {
    let mut table = Table::new(&[
        ("SITE", Align::Left),
        ("STATE", Align::Left),
        ("CONNECTIONS", Align::Right),
        ("WAITING", Align::Right),
        ("HELD", Align::Right),
        ("OLDEST", Align::Right),
        ("REASON", Align::Left),
    ]);
    for site in &sites.sites {
        table.row(vec![
            Cell::new(&site.name),
            state(site.state),
            Cell::new(format!("{}/{}", site.connections, site.connections_max)),
            Cell::number(site.queued_recipients),
            Cell::number(site.held_recipients),
            Cell::maybe(site.oldest_seconds.map(span)),
            Cell::maybe(site.reason.as_ref()),
        ]);
    }
    screen.table(&mut table)?;
    sites.sites.iter().try_for_each(|site| remarks(site, screen))
}

fn remarks(site: &Site, screen: &mut Screen) -> Result {
    let name = printable(&site.name);
    if let Some(forced) = &site.forced {
        let until = forced.until.as_deref().map(clock);
        screen.line(&format!(
            "{name}: {} by {}'s word until {}: {}",
            forced.to.as_str(),
            printable(&forced.by),
            until.as_deref().unwrap_or("somebody says auto"),
            printable(&forced.reason)
        ))?;
    }
    for host in site.hosts.iter().filter(|it| it.last_error.is_some()) {
        let error = printable(host.last_error.as_deref().unwrap_or_default());
        screen.line(&format!("{name}: {}: {error}", printable(&host.name)))?;
    }
    Ok(())
}

fn state(state: SiteState) -> Cell {
    match state {
        SiteState::Up => Cell::new("up").colour(Colour::Green),
        SiteState::Probing => Cell::new("probing").colour(Colour::Yellow),
        SiteState::Down => Cell::new("DOWN").colour(Colour::Red),
        SiteState::Held => Cell::new("held").colour(Colour::Yellow),
    }
}

async fn probe(site: &str, console: &mut Console<'_>) -> Result {
    let path = format!("{}/{}/probe", path::SITES, path::segment(site));
    let found: Probe = console.client.ask(Ask::post("probe the site", path)).await?;
    if console.screen.json {
        console.screen.document(&found)?;
    } else {
        let mut table = Table::new(&[
            ("HOST", Align::Left),
            ("STAGE", Align::Left),
            ("MS", Align::Right),
            ("", Align::Left),
            ("ANSWER", Align::Left),
        ]);
        for stage in &found.stages {
            let (word, colour) =
                if stage.ok { ("ok", Colour::Green) } else { ("FAILED", Colour::Red) };
            table.row(vec![
                Cell::new(&stage.host),
                Cell::new(&stage.stage),
                Cell::number(stage.milliseconds),
                Cell::new(word).colour(colour),
                Cell::new(&stage.detail),
            ]);
        }
        console.screen.table(&mut table)?;
    }
    if found.ok { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

async fn force(args: OverrideArgs, console: &mut Console<'_>) -> Result {
    let sites = read(console).await?;
    let Some(before) = sites.sites.iter().find(|it| it.name == args.site) else {
        let names: Vec<_> = sites.sites.iter().map(|it| it.name.as_str()).collect();
        let message = format!("there is no site {}", args.site);
        return Err(Failure::failed(message).hint(format!("there are: {}", names.join(", "))));
    };
    let old_reason = before.forced.as_ref().map(|it| quoted(&it.reason)).unwrap_or_default();
    let before = before.forced.as_ref().map_or("auto", |it| it.to.as_str());
    let to = api::OverrideTo::from(args.to);
    if args.dry_run {
        let line = format!("{}: {before} would become {}", args.site, to.as_str());
        return console.screen.line(&line);
    }
    let reason = args.reason.unwrap_or_default();
    let request = OverrideRequest { to, reason, for_seconds: args.lasts };
    let path = format!("{}/{}/override", path::SITES, path::segment(&args.site));
    let ask = Ask::get("override the site", path).json(Method::PUT, &request);
    let site: Site = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&site);
    }
    let prefix = &console.prefix;
    let back = if before == "auto" { String::new() } else { format!(" --reason {old_reason}") };
    let undo = format!("undo: {prefix} site override {} {before}{back}", quoted(&args.site));
    show(&SiteList { sites: vec![site] }, console.screen)?;
    console.screen.line(&undo)
}
