//! Bodies as one would send them, made from the types so that they are always valid.

use api::{
    Action, ActionRequest, EntryPatch, MoveState, OverrideRequest, OverrideTo, Selector, TableEdit,
    TableEdits,
};
use serde_json::{Value, json};

/// An example of a body of this type.
pub(super) fn of(name: &str) -> Option<Value> {
    let patch = || EntryPatch {
        home: Some("cloud".into()),
        state: Some(MoveState::Cloud),
        batch: Some(Some("wave-7".into())),
        ..EntryPatch::default()
    };
    Some(match name {
        "EntryPatch" => json!(patch()),
        "TableEdits" => json!(TableEdits {
            edits: vec![
                TableEdit::Set { address: "anna@contoso.example".into(), entry: patch() },
                TableEdit::Remove { address: "old@contoso.example".into() },
            ],
            reason: Some("wave 7".into()),
            ..TableEdits::default()
        }),
        "ActionRequest" => json!(ActionRequest {
            action: Action::Retry,
            selector: Selector { site: Some("cloud".into()), ..Selector::default() },
            reason: Some("the connector was mended".into()),
            dry_run: true,
        }),
        "OverrideRequest" => json!(OverrideRequest {
            to: OverrideTo::Down,
            reason: "maintenance".into(),
            for_seconds: Some(3600),
        }),
        _ => return None,
    })
}
