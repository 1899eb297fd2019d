//! `route import` and `route export`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use api::{Imported, path};
use bytes::Bytes;

use super::edit::on_conflict;
use crate::args::ImportArgs;
use crate::client::{Ask, Body};
use crate::commands::{Console, undo};
use crate::exit::{Failure, Result};
use crate::output::{Colour, Screen, bytes, count};

pub(super) async fn import(args: ImportArgs, console: &mut Console<'_>) -> Result {
    let csv = read(&args.file)?;
    let begun = Instant::now();
    if console.screen.progress {
        console.screen.note(&format!("Sending {} …", bytes(csv.len() as u64)));
    }
    if args.replace && !args.edit.dry_run && !approved(&args, &csv, console).await? {
        return Ok(());
    }
    let imported = send(&args, csv, args.edit.dry_run, console).await?;
    if console.screen.progress {
        console.screen.note(&format!("Answered after {:.1} s.", begun.elapsed().as_secs_f64()));
    }
    if console.screen.json {
        return console.screen.document(&imported);
    }
    show(&imported, &console.prefix, console.screen)
}

/// Counts what `--replace` would remove, and asks if that is anything.
async fn approved(args: &ImportArgs, csv: &Bytes, console: &mut Console<'_>) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let would = send(args, csv.clone(), true, console).await?;
    if would.removed == 0 {
        return Ok(true);
    }
    let what = format!("remove {} that the file does not have", count(would.removed, "entry"));
    console.screen.approve(&what, false, true)
}

async fn send(
    args: &ImportArgs,
    csv: Bytes,
    dry_run: bool,
    console: &Console<'_>,
) -> Result<Imported> {
    let flag = |it: bool| it.then(|| "true".to_owned());
    let query = path::query(&[
        ("dry_run", flag(dry_run)),
        ("replace", flag(args.replace)),
        ("reason", args.edit.reason.clone()),
        ("expect_generation", args.edit.expect_generation.map(|it| it.to_string())),
        ("override", some(args.edit.overrides.iter().map(|it| it.as_str()).collect())),
        ("home", args.home.clone()),
        ("state", args.state.map(|it| api::MoveState::from(it).as_str().to_owned())),
        ("batch", args.batch.clone()),
        ("allow_unknown_columns", flag(args.allow_unknown_columns)),
    ]);
    let mut ask = Ask::post("import the file", format!("{}{query}", path::IMPORT));
    ask.body = Body::Csv(csv);
    console.client.ask(ask).await.map_err(on_conflict)
}

fn some(words: Vec<&str>) -> Option<String> {
    (!words.is_empty()).then(|| words.join(","))
}

pub(super) fn read(file: &Path) -> Result<Bytes> {
    let mut text = Vec::new();
    let read = if is_stream(file) {
        std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
    } else {
        fs::read(file)
    };
    read.map(Bytes::from)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}

fn show(imported: &Imported, prefix: &str, screen: &mut Screen) -> Result {
    let &Imported { added, changed, removed, .. } = imported;
    let counts = format!(
        "{}: {added} added, {changed} changed, {removed} removed",
        count(imported.rows, "row")
    );
    screen.line(&counts)?;
    imported.remarks.iter().for_each(|it| screen.note(&format!("note: {it}")));
    super::plan::rails(&imported.blocked, screen)?;
    if imported.dry_run {
        return screen.line("Dry run: nothing was changed.");
    }
    if imported.generation == imported.previous_generation {
        return screen.line(&format!("Nothing changed; generation {}.", imported.generation));
    }
    let generation = format!("generation {}", imported.generation);
    screen.line(&screen.paint.text(Colour::Bold, &generation))?;
    screen.line(&format!("undo: {}", undo::import(prefix, imported.generation)))
}

pub(super) async fn export(
    file: &Path,
    generation: Option<u64>,
    console: &mut Console<'_>,
) -> Result {
    let query = path::query(&[("generation", generation.map(|it| it.to_string()))]);
    let ask = Ask::get("export the table", format!("{}{query}", path::EXPORT));
    if is_stream(file) {
        console.client.copy(ask, console.screen.writer()).await?;
        return console.screen.flush();
    }
    // Beside it first: a table that is half there must not look like one.
    let beside = beside(file);
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot write {}: {error}", file.display()))
    };
    let mut out = std::io::BufWriter::new(fs::File::create(&beside).map_err(failed)?);
    let copied = console.client.copy(ask, &mut out).await;
    let kept = copied.and_then(|n_bytes| {
        out.flush().and_then(|()| fs::rename(&beside, file)).map_err(failed)?;
        Ok(n_bytes)
    });
    if kept.is_err() {
        let _ = fs::remove_file(&beside);
    }
    console.screen.note(&format!("{} in {}", bytes(kept?), file.display()));
    Ok(())
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn is_stream(file: &Path) -> bool {
    file.as_os_str() == "-"
}
