//! What the operator says of the provider, and who comes out.

use std::path::PathBuf;
use std::time::Duration;

use api::Role;
use aws_lc_rs::digest::{SHA256, digest};

/// By the configuration; read at the start. Not shown by `Debug`: there is a secret in it.
#[derive(Clone)]
pub struct Settings {
    /// As the provider spells it, to the letter.
    pub issuer: String,
    pub client_id: String,
    /// None of a public client.
    pub client_secret: Option<String>,
    /// Where browsers reach the gateway, without a slash at the end.
    pub public_url: String,
    /// What people know the provider by: it is on the button.
    pub label: String,
    /// Beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that names the person.
    pub name_claim: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    pub grants: Vec<Grant>,
    /// Roots for the provider's certificate.
    pub ca_file: Option<PathBuf>,
    /// Of one request to the provider.
    pub within: Duration,
    /// Sign-ins at once that have begun and are not finished.
    pub pending_max: usize,
}

/// What a group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// As the claim has it: a name, or the id of a group.
    pub group: String,
    pub role: Role,
    pub domains: Vec<String>,
    pub batches: Vec<String>,
}

/// Somebody for whom the provider vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub issuer: String,
    /// What the provider never gives to anybody else.
    pub subject: String,
    pub name: String,
    pub grant: Grant,
    /// Of the settings that this follows from: under others it says nothing.
    pub rules: String,
}

impl Settings {
    /// Names issuer, client and grants: whoever signed in by others has to do so again.
    pub fn rules(&self) -> String {
        let mut text = format!("{:?}", (&self.issuer, &self.client_id, &self.name_claim));
        text.push_str(&format!("{:?}", (&self.groups_claim, &self.grants)));
        let hash = digest(&SHA256, text.as_bytes());
        hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}{}", self.public_url, api::path::SESSION_OIDC_CALLBACK)
    }

    /// Of several groups the one with the highest role counts; of several with that the first in the
    /// configuration that has no limit, else the first.
    pub(crate) fn grant(&self, groups: &[String]) -> Option<&Grant> {
        let mine = self.grants.iter().filter(|it| groups.contains(&it.group));
        let is_free = |it: &Grant| it.domains.is_empty() && it.batches.is_empty();
        mine.rev().max_by_key(|it| (it.role, is_free(it)))
    }
}
