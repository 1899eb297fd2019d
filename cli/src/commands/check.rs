//! `causeway check`.

use crate::args::Global;
use crate::connect::config_path;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Screen, count};

pub(super) fn run(global: &Global, screen: &mut Screen) -> Result {
    let path = config_path(global.config.as_deref())?;
    match gateway::load_config(&path) {
        Ok(config) => {
            let warnings = &config.warnings().list;
            if screen.json {
                return screen.document(&serde_json::json!({
                    "file": path, "mistakes": [], "warnings": places(&config.warnings().list),
                }));
            }
            for line in config.warnings().to_string().lines() {
                screen.line(line)?;
            }
            let remark = if warnings.is_empty() { "" } else { ", but see above" };
            screen.line(&format!("{}: no mistakes{remark}", path.display()))
        }
        Err(mistakes) => {
            if screen.json {
                screen.document(&serde_json::json!({
                    "file": path, "mistakes": places(&mistakes.list), "warnings": [],
                }))?;
            } else {
                screen.line(mistakes.to_string().trim_end())?;
                screen.note(&count(mistakes.list.len() as u64, "mistake"));
            }
            Err(Failure::silent(Exit::Usage))
        }
    }
}

fn places(list: &[config::Mistake]) -> serde_json::Value {
    list.iter()
        .map(|it| {
            serde_json::json!({
                "line": it.line, "column": it.column, "key": it.key, "message": it.message,
            })
        })
        .collect()
}
