//! Bodies as one would send them, made from the types so that they are always valid.

use api::{
    Action, ActionRequest, ApplyRequest, CutRequest, EntryPatch, Login, MoveState, NewToken,
    NewUser, OverrideRequest, OverrideTo, PasswordChange, PlanRequest, Rail, RailOverride, Resolve,
    Role, RollbackRequest, Selector, Simulate, SyncOf, SyncReports, SyncRequest, TableEdit,
    TableEdits, TotpRequest, Transition, Transitions, UserPatch,
};
use serde_json::{Value, json};

use crate::Endpoint;

/// An example of the body of this endpoint.
pub(super) fn of(endpoint: &Endpoint) -> Option<Value> {
    match (endpoint.body, endpoint.path.starts_with(api::path::DIRECTORY_SOURCES)) {
        ("text/csv", true) => {
            Some(json!("address,aliases\nanna@contoso.example,a.lias@contoso.example\n"))
        }
        ("text/csv", false) => Some(json!("address,home\nanna@contoso.example,cloud\n")),
        (name, _) => of_table(name).or_else(|| of_moves(name)).or_else(|| of_people(name)),
    }
}

fn of_table(name: &str) -> Option<Value> {
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
        "PlanRequest" => json!(PlanRequest {
            edits: vec![TableEdit::Set { address: "anna@contoso.example".into(), entry: patch() }],
            reason: Some("wave 7".into()),
            ..PlanRequest::default()
        }),
        "ApplyRequest" => json!(ApplyRequest {
            overrides: vec![RailOverride {
                rail: Rail::FreezeWindow,
                reason: "agreed with the board".into()
            }],
            ..ApplyRequest::default()
        }),
        "RollbackRequest" => json!(RollbackRequest {
            undo_generation: Some(1),
            reason: Some("it was the wrong file".into()),
            ..RollbackRequest::default()
        }),
        "Simulate" => json!(Simulate {
            edits: vec![TableEdit::Set { address: "anna@contoso.example".into(), entry: patch() }],
            ..Simulate::default()
        }),
        _ => return None,
    })
}

fn of_moves(name: &str) -> Option<Value> {
    let address = || "bert@contoso.example".to_owned();
    Some(match name {
        "Transitions" => json!(Transitions {
            moves: vec![Transition {
                address: address(),
                generation: 1,
                to: MoveState::Syncing,
                home: None
            }],
            reason: Some("wave 7".into()),
            ..Transitions::default()
        }),
        "CutRequest" => json!(CutRequest {
            older_than_seconds: Some(120),
            reason: Some("the site does not answer".into()),
            dry_run: true,
        }),
        "Resolve" => json!(Resolve {
            message: "0000000000001".into(),
            delivered: true,
            evidence: Some("in the inbox, uid 7".into()),
        }),
        "SyncReports" => json!(SyncReports {
            reports: vec![SyncOf {
                address: address(),
                items_total: 120,
                items_done: 118,
                last_sync_at: Some("2027-01-05T08:00:00Z".into()),
            }],
        }),
        "SyncRequest" => json!(SyncRequest { dry_run: true, accept_removals: false }),
        _ => return None,
    })
}

/// Of programs and people. No password here is anybody's.
fn of_people(name: &str) -> Option<Value> {
    let password = || "correct horse battery staple".to_owned();
    Some(match name {
        "Login" => json!(Login {
            user: Some("anna".into()),
            password: Some(password()),
            ..Login::default()
        }),
        "NewUser" => json!(NewUser {
            name: "anna".into(),
            role: Role::Operator,
            domains: vec!["contoso.example".into()],
            batches: Vec::new(),
            password: password(),
        }),
        "UserPatch" => json!(UserPatch { role: Some(Role::Approver), ..UserPatch::default() }),
        "PasswordChange" => json!(PasswordChange { password: password(), current: None }),
        "TotpRequest" => json!(TotpRequest::default()),
        "NewToken" => json!(NewToken {
            name: "sidecar".into(),
            role: Role::Operator,
            domains: Vec::new(),
            batches: vec!["wave-7".into()],
            expires_in_seconds: Some(7_776_000),
        }),
        _ => return None,
    })
}
