//! `queue export`: mail out of the spool, as files that any mail tool reads.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use api::{QueuedMessage, Selector, path};

use super::list::page;
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::{Failure, Result};
use crate::output::{bytes, count};

/// Messages of a request.
const PAGE: u64 = 200;

pub(super) async fn run(selector: &Selector, to: &Path, console: &mut Console<'_>) -> Result {
    if selector.check().is_err() {
        return Err(Failure::usage("export what?").hint("name ids or a selector, or --all alone"));
    }
    fs::create_dir_all(to).map_err(|error| cannot_write(to, &error))?;
    let (mut n_messages, mut n_bytes, mut cursor) = (0, 0, None);
    loop {
        let page = page(selector, cursor, PAGE, &*console).await?;
        for message in &page.messages {
            n_bytes += write(message, to, console).await?;
            n_messages += 1;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let written = format!("{}, {}", count(n_messages, "message"), bytes(n_bytes));
    console.screen.note(&format!("{written}, in {}", to.display()));
    Ok(())
}

/// The ids come from the gateway, but a path is made only of harmless letters.
async fn write(message: &QueuedMessage, to: &Path, console: &mut Console<'_>) -> Result<u64> {
    let id: String = message.id.chars().filter(char::is_ascii_alphanumeric).collect();
    let path = to.join(format!("{id}.eml"));
    let url = format!("{}/{}/content", path::QUEUE_MESSAGES, path::segment(&message.id));
    let failed = |error: std::io::Error| cannot_write(&path, &error);
    let mut file = std::io::BufWriter::new(fs::File::create(&path).map_err(failed)?);
    let n_bytes = console.client.copy(Ask::get("read the message", url), &mut file).await?;
    file.flush().map_err(failed)?;
    let envelope = serde_json::to_vec_pretty(message).map_err(anyhow::Error::from)?;
    fs::write(to.join(format!("{id}.json")), envelope).map_err(failed)?;
    if console.screen.json {
        console.screen.item(message)?;
    } else {
        console.screen.line(&path.display().to_string())?;
    }
    Ok(n_bytes)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}
