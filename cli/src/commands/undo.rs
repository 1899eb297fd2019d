//! The command that takes an edit back. Pure text.

use api::{Change, Entry};

/// Most commands that are printed; a larger edit is undone by carrying in the generation before it.
const COMMANDS_MAX: usize = 5;

/// Commands, each on a line, after which the table says what it said before `changes`.
/// `generation` is the one that the edit made.
pub(crate) fn commands(prefix: &str, changes: &[Change], generation: u64) -> Vec<String> {
    let commands: Vec<_> = changes.iter().filter_map(|it| command(prefix, it)).collect();
    if commands.len() <= COMMANDS_MAX { commands } else { vec![import(prefix, generation)] }
}

/// Carries in the whole table as it was before `generation`, unless it has moved on since.
pub(crate) fn import(prefix: &str, generation: u64) -> String {
    let before = generation.saturating_sub(1);
    format!(
        "{prefix} route export --generation {before} | \
         {prefix} route import --replace --yes --expect-generation {generation} -"
    )
}

fn command(prefix: &str, change: &Change) -> Option<String> {
    let address = quoted(&change.address);
    match (&change.before, &change.after) {
        (None, Some(_)) => Some(format!("{prefix} route remove {address}")),
        (Some(before), after) => {
            let flags = differences(before, after.as_ref());
            (!flags.is_empty()).then(|| format!("{prefix} route set {address}{flags}"))
        }
        (None, None) => None,
    }
}

/// Flags of `route set` that bring every field that differs back to `before`.
fn differences(before: &Entry, after: Option<&Entry>) -> String {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let mut flags = String::new();
    let mut flag = |name: &str, old: String, new: Option<String>| {
        // A new entry starts with empty fields, so only those with a value need to be given.
        if new.unwrap_or_default() != old {
            flags.push_str(&format!(" --{name} {}", quoted(&old)));
        }
    };
    let state = |it: &Entry| it.state.as_str().to_owned();
    flag("home", before.home.clone(), after.map(|it| it.home.clone()));
    flag("state", state(before), after.map(state));
    flag("batch", text(&before.batch), after.map(|it| text(&it.batch)));
    flag("cloud-address", text(&before.cloud_address), after.map(|it| text(&it.cloud_address)));
    flag("aliases", before.aliases.join(","), after.map(|it| it.aliases.join(",")));
    flag("note", text(&before.note), after.map(|it| text(&it.note)));
    flags
}

/// As a POSIX shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let harmless = |it: char| it.is_ascii_alphanumeric() || "@%+=:,./-_".contains(it);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::MoveState;

    fn entry(home: &str, batch: Option<&str>) -> Entry {
        Entry {
            address: "anna@contoso.example".to_owned(),
            home: home.to_owned(),
            state: MoveState::OnPrem,
            batch: batch.map(str::to_owned),
            cloud_address: None,
            aliases: vec!["a@contoso.example".to_owned(), "b@contoso.example".to_owned()],
            note: None,
            changed_at: String::new(),
            generation: 1,
        }
    }

    fn undo(before: Option<Entry>, after: Option<Entry>) -> Vec<String> {
        let address = "anna@contoso.example".to_owned();
        commands("causeway", &[Change { address, before, after }], 418)
    }

    #[test]
    fn a_new_entry_is_undone_by_its_removal() {
        let commands = undo(None, Some(entry("cloud", None)));
        assert_eq!(commands, ["causeway route remove anna@contoso.example"]);
    }

    #[test]
    fn a_change_is_undone_field_by_field() {
        let commands = undo(Some(entry("on_prem", None)), Some(entry("cloud", Some("b 1"))));
        assert_eq!(commands, ["causeway route set anna@contoso.example --home on_prem --batch ''"]);
    }

    #[test]
    fn a_removal_is_undone_by_the_whole_row() {
        let commands = undo(Some(entry("on_prem", Some("it's b"))), None);
        let wanted = r"causeway route set anna@contoso.example --home on_prem --state on_prem --batch 'it'\''s b' --aliases a@contoso.example,b@contoso.example";
        assert_eq!(commands, [wanted]);
    }

    #[test]
    fn what_changed_nothing_needs_no_way_back() {
        assert!(undo(Some(entry("cloud", None)), Some(entry("cloud", None))).is_empty());
    }

    #[test]
    fn many_changes_are_undone_by_the_generation_before() {
        let change =
            Change { address: "x@y".to_owned(), before: None, after: Some(entry("c", None)) };
        let commands = commands("causeway", &vec![change; 6], 418);
        assert_eq!(commands.len(), 1);
        assert!(
            commands[0].contains("--generation 417")
                && commands[0].contains("--expect-generation 418")
        );
    }
}
