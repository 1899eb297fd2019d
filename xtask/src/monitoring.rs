//! Alert rules and dashboards: what they name must exist, and every rule must be seen to fire.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{command, root, run};

/// `promtool` reads the rules, and fires each of them on made-up series.
pub(crate) fn fire() -> Result<()> {
    let folder = root().join("packaging/prometheus");
    run(command("promtool", &["check", "rules", "causeway.rules.yml"]).current_dir(&folder))?;
    run(command("promtool", &["test", "rules", "causeway.test.yml"]).current_dir(&folder))
}

/// A line for everything in `packaging/` that names what does not exist.
pub(crate) fn check() -> Result<Vec<String>> {
    let read = |path: PathBuf| {
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let known = read(root().join("docs/reference/metrics.md"))?;
    let rules = read(root().join("packaging/prometheus/causeway.rules.yml"))?;
    let tests = read(root().join("packaging/prometheus/causeway.test.yml"))?;
    let mut findings = unknown("causeway.rules.yml", &rules, &known);
    findings.extend(of_rules(&rules, &tests));
    let mut uids = BTreeSet::new();
    for file in fs::read_dir(root().join("packaging/grafana"))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = read(path)?;
        findings.extend(unknown(&name, &text, &known));
        findings.extend(of_dashboard(&name, &text, &mut uids));
    }
    Ok(findings)
}

/// Metrics in `text` that the reference page does not have.
fn unknown(name: &str, text: &str, known: &str) -> Vec<String> {
    let not_word = |it: char| !it.is_ascii_alphanumeric() && it != '_';
    let metrics: BTreeSet<&str> =
        text.split(not_word).filter(|it| it.starts_with("causeway_")).collect();
    let is_known = |metric: &str| {
        let ends = ["", "_bucket", "_sum", "_count"];
        let bases = ends.iter().filter_map(|it| metric.strip_suffix(it));
        bases.into_iter().any(|it| known.contains(&format!("`{it}`")))
    };
    let unknown = metrics.into_iter().filter(|it| !is_known(it));
    unknown.map(|it| format!("packaging: {name}: there is no metric {it}")).collect()
}

/// Every rule has a page that exists and a test that fires it.
fn of_rules(rules: &str, tests: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let values = |key: &'static str| {
        rules.lines().filter_map(move |it| it.trim().trim_start_matches("- ").strip_prefix(key))
    };
    for alert in values("alert: ") {
        if !tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n          - ")) {
            findings.push(format!("packaging: no test fires {alert}"));
        }
    }
    for link in values("runbook_url: ") {
        let page = link.trim_matches('"').rsplit('/').next().unwrap_or_default();
        if !root().join(format!("docs/ops/{page}.md")).is_file() {
            findings.push(format!("packaging: there is no page docs/ops/{page}.md"));
        }
    }
    if values("alert: ").count() != values("runbook_url: ").count() {
        findings.push("packaging: a rule has no runbook_url".to_owned());
    }
    findings
}

fn of_dashboard(name: &str, text: &str, uids: &mut BTreeSet<String>) -> Vec<String> {
    let Ok(board) = serde_json::from_str::<Value>(text) else {
        return vec![format!("packaging: {name} is no JSON")];
    };
    let mut findings = Vec::new();
    let uid = board["uid"].as_str().unwrap_or_default().to_owned();
    if uid.is_empty() || !uids.insert(uid) {
        findings.push(format!("packaging: {name}: its uid is missing or that of another"));
    }
    let mut ids = BTreeSet::new();
    let panels = board["panels"].as_array().map_or(&[][..], Vec::as_slice);
    for panel in panels {
        let has_query = panel["targets"][0]["expr"].is_string();
        if !panel["id"].as_u64().is_some_and(|it| ids.insert(it)) || !has_query {
            findings.push(format!("packaging: {name}: a panel without an id of its own or query"));
        }
    }
    if panels.is_empty() {
        findings.push(format!("packaging: {name} has no panels"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_is_found() {
        let known = "| `causeway_a_total` | `causeway_b` |";
        let text = "rate(causeway_a_total[5m]) + causeway_b_bucket{x=\"y\"} + causeway_c";
        assert_eq!(unknown("x", text, known), ["packaging: x: there is no metric causeway_c"]);
        let mut uids = BTreeSet::new();
        let twice = r#"{"uid":"a","panels":[{"id":1,"targets":[{"expr":"x"}]},{"id":1,"targets":[{"expr":"x"}]}]}"#;
        assert_eq!(of_dashboard("x", twice, &mut uids).len(), 1);
        assert_eq!(of_dashboard("y", r#"{"uid":"a"}"#, &mut uids).len(), 2);
        let rules = "- alert: Down\n  runbook_url: \"http://x/help/nowhere\"\n";
        assert_eq!(of_rules(rules, "").len(), 2);
    }

    #[test]
    fn the_folder_is_whole() {
        assert_eq!(check().unwrap(), Vec::<String>::new());
    }
}
