//! `causeway config show` and `causeway config diff`: what runs, and what the file says by now.

use api::{Configuration, ConfigurationKey, ConfigurationTakes, FieldError, path};

use super::Console;
use crate::args::{ConfigCommand, ConfigShowArgs};
use crate::client::Ask;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Table, count, printable};

pub(super) async fn run(command: ConfigCommand, console: &mut Console<'_>) -> Result {
    let ask = Ask::get("read the configuration", path::CONFIGURATION.to_owned());
    let found: Configuration = console.client.ask(ask).await?;
    match command {
        ConfigCommand::Show(args) => show(&args, &found, console),
        ConfigCommand::Diff => diff(&found, console),
    }
}

fn show(args: &ConfigShowArgs, found: &Configuration, console: &mut Console<'_>) -> Result {
    let keys: Vec<&ConfigurationKey> = found.keys.iter().filter(|it| matches(args, it)).collect();
    if console.screen.json {
        return keys.into_iter().try_for_each(|it| console.screen.item(it));
    }
    if keys.is_empty() {
        return Err(Failure::failed("there is no such key")
            .hint("`causeway config show` without a name shows all of them"));
    }
    if args.about {
        keys.iter().try_for_each(|it| describe(it, console))?;
    } else {
        let heads = ["KEY", "VALUE", "FROM", "TAKES"].map(|it| (it, Align::Left));
        let mut table = Table::new(&heads);
        for key in keys {
            let value = match &key.value {
                Some(value) => Cell::new(value),
                None => Cell::new(unset(key)).colour(Colour::Dim),
            };
            let takes = Cell::new(key.takes.as_str());
            table.row(vec![Cell::new(&key.key), value, Cell::new(source(key)), takes]);
        }
        console.screen.table(&mut table)?;
    }
    if !found.mistakes.is_empty() || !found.differences.is_empty() {
        console.screen.note(&format!(
            "{} says something else by now: {} config diff",
            printable(&found.file),
            console.prefix
        ));
    }
    Ok(())
}

fn matches(args: &ConfigShowArgs, key: &ConfigurationKey) -> bool {
    args.part.as_ref().is_none_or(|it| key.key.contains(it.as_str()))
        && (!args.written || key.source == api::ConfigurationSource::File)
}

/// In parentheses: nobody should take it for a value.
fn unset(key: &ConfigurationKey) -> String {
    format!("({})", key.unset_means.as_deref().unwrap_or("not set"))
}

fn source(key: &ConfigurationKey) -> String {
    match (key.source, key.line) {
        (api::ConfigurationSource::Default, _) => "default".to_owned(),
        (api::ConfigurationSource::File, Some(line)) => format!("line {line}"),
        (api::ConfigurationSource::File, None) => "file".to_owned(),
    }
}

fn describe(key: &ConfigurationKey, console: &mut Console<'_>) -> Result {
    let value = key.value.clone().unwrap_or_else(|| unset(key));
    let default = key.default.as_ref().map(|it| format!("; default {it}")).unwrap_or_default();
    console.screen.line(&printable(&format!("{} = {value}", key.key)))?;
    console.screen.line(&printable(&format!("    {}", key.about)))?;
    console.screen.line(&printable(&format!(
        "    {}{default}; from: {}; a new value takes a {}",
        key.wants,
        source(key),
        key.takes.as_str()
    )))
}

fn diff(found: &Configuration, console: &mut Console<'_>) -> Result {
    let has_mistakes = !found.mistakes.is_empty();
    if console.screen.json {
        console.screen.document(&serde_json::json!({
            "file": found.file,
            "mistakes": found.mistakes,
            "warnings": found.warnings,
            "differences": found.differences,
        }))?;
    } else if has_mistakes {
        found.mistakes.iter().try_for_each(|it| console.screen.line(&place(it)))?;
        let mistakes = count(found.mistakes.len() as u64, "mistake");
        console.screen.note(&format!("{mistakes}: a reload would change nothing"));
    } else if found.differences.is_empty() {
        console.screen.line(&format!("{} says what runs.", printable(&found.file)))?;
    } else {
        say_differences(found, console)?;
    }
    if has_mistakes { Err(Failure::silent(Exit::Usage)) } else { Ok(()) }
}

fn say_differences(found: &Configuration, console: &mut Console<'_>) -> Result {
    for it in &found.differences {
        let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "(not set)".to_owned());
        let (was, is) = (value(&it.running), value(&it.file));
        let line = format!("{}: {was} -> {is} ({})", it.key, it.takes.as_str());
        console.screen.line(&printable(&line))?;
    }
    let n_of = |takes| found.differences.iter().filter(|it| it.takes == takes).count() as u64;
    let (by_reload, by_restart) =
        (n_of(ConfigurationTakes::Reload), n_of(ConfigurationTakes::Restart));
    let prefix = &console.prefix;
    let note = format!("`{prefix} reload` changes {by_reload}; {by_restart} wait for a restart");
    console.screen.note(&note);
    Ok(())
}

fn place(it: &FieldError) -> String {
    printable(&format!("{}: {}", it.place, it.message))
}
