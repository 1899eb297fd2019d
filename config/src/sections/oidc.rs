//! `[oidc]` and `[[oidc_group]]`

use crate::key::Default::{Absent, Required, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::{AdminRole, Oidc, OidcGroup};
use crate::value::Choice;

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("issuer", Kind::Url, Required, "The provider, spelt as its metadata spells it.").at_start(),
    Key::new("client_id", Kind::Line, Required, "What the gateway is called there.").at_start(),
    Key::new("client_secret_file", Kind::Path, Absent("a public client, by PKCE alone"), "File with the client's secret, not readable by everyone.").at_start(),
    Key::new("public_url", Kind::Url, Required, "Where browsers reach this gateway. The provider has to know `PUBLIC_URL/api/v1/session/oidc/callback` as a redirect URI.").at_start(),
    Key::new("label", Kind::Line, Value("\"single sign-on\""), "What people know the provider by; the console's button says \"Sign in with\" and this.").at_start(),
    Key::new("scopes", Kind::Lines, Value("[\"profile\", \"email\"]"), "What is asked for beside `openid`.").at_start(),
    Key::new("name_claim", Kind::Line, Value("\"preferred_username\""), "The claim of the ID token that names the person. Take one that people cannot change themselves.").at_start(),
    Key::new("groups_claim", Kind::Line, Value("\"groups\""), "The claim of the ID token that lists groups or roles.").at_start(),
    Key::new("ca_file", Kind::Path, Absent("the system's roots"), "Roots for the provider's certificate, PEM.").at_start(),
    Key::new("timeout", Kind::Duration { min_s: 1, max_s: 10 }, Value("\"5s\""), "For each request to the provider.").at_start(),
    Key::new("signins_max", Kind::Count { min: 10, max: 100_000 }, Value("1000"), "Sign-ins that have begun and are not finished; beyond, the oldest has to begin again. Of one network at most 50.").at_start(),
];

#[rustfmt::skip]
pub(crate) const GROUP: &[Key] = &[
    Key::new("group", Kind::Line, Required, "As the claim has it: a name, or the id of a group.").at_start(),
    Key::new("role", Kind::OneOf(AdminRole::NAMES), Required, "What its members may do. Of several groups the one with the highest role counts.").at_start(),
    Key::new("domains", Kind::Names, Value("[]"), "Only addresses in these.").at_start(),
    Key::new("batches", Kind::Lines, Value("[]"), "Only rows of these batches.").at_start(),
];

impl Choice for AdminRole {
    const ALL: &'static [Self] =
        &[Self::Viewer, Self::Operator, Self::Approver, Self::Administrator];
    const NAMES: &'static [&'static str] = &["viewer", "operator", "approver", "administrator"];
}

pub(crate) fn read(found: Found<'_, '_>, groups: Vec<OidcGroup>, reader: &mut Reader) -> Oidc {
    let mut section = reader.section("oidc", KEYS, found);
    let oidc = Oidc {
        issuer: section.get("issuer"),
        client_id: section.get("client_id"),
        client_secret_file: section.path_opt("client_secret_file"),
        public_url: section.get::<String>("public_url").trim_end_matches('/').to_owned(),
        label: section.get("label"),
        scopes: section.get("scopes"),
        name_claim: section.get("name_claim"),
        groups_claim: section.get("groups_claim"),
        ca_file: section.path_opt("ca_file"),
        timeout: section.get("timeout"),
        signins_max: section.get("signins_max"),
        groups,
    };
    if oidc.public_url.matches('/').count() > 2 {
        section.note("public_url", "want no path: the console is at /console/");
    }
    if oidc.groups.is_empty() {
        section.note("issuer", "nobody could sign in: write at least one section [[oidc_group]]");
    }
    section.finish();
    oidc
}

/// `place` counts from 0 and names a section that has no group.
pub(crate) fn read_group(reader: &mut Reader, place: usize, found: Found<'_, '_>) -> OidcGroup {
    let written = found.table.and_then(|it| it.get("group")).and_then(|it| it.get_ref().as_str());
    let label = written.map_or_else(|| place.to_string(), |it| it.escape_debug().to_string());
    let mut section = reader.section(&format!("oidc_group[{label}]"), GROUP, found);
    let group = OidcGroup {
        group: section.get("group"),
        role: section.get("role"),
        domains: section.get("domains"),
        batches: section.get("batches"),
    };
    let is_limited = !group.domains.is_empty() || !group.batches.is_empty();
    if group.role == AdminRole::Administrator && is_limited {
        section.note(
            "role",
            "an administrator has no limit: take another role, or leave out domains and batches",
        );
    }
    section.finish();
    group
}
