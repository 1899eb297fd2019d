//! Somebody whose identity is proven, as handlers see them.

use api::{Role, Via, Whoami};
use mail::{Address, Timestamp};

use crate::Limit;
use crate::time::rfc3339;

/// Who asks. Made by [`crate::Access`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) limit: Limit,
    pub(crate) via: Via,
    /// Of the session or the token, as operators see it.
    pub(crate) id: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
    /// `None` if it is no account.
    pub(crate) second_factor: Option<bool>,
    /// Issuer and subject, if an identity provider vouched for them.
    pub(crate) vouched: Option<(String, String)>,
    /// By a line of `admin.token`, if only to begin the session.
    pub(crate) is_glass: bool,
}

impl Principal {
    /// The account's name, `token:NAME`, `oidc:NAME`, or `admin` for a line of `admin.token`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    pub fn via(&self) -> Via {
        self.via
    }

    /// Whether they came by a cookie.
    pub fn is_session(&self) -> bool {
        matches!(self.via, Via::Session | Via::Oidc)
    }

    /// Whether all that is known of them is that they have a line of `admin.token`.
    pub fn is_break_glass(&self) -> bool {
        self.is_glass
    }

    /// Issuer and subject, if an identity provider vouched for them.
    pub fn vouched(&self) -> Option<(&str, &str)> {
        self.vouched.as_ref().map(|(issuer, subject)| (issuer.as_str(), subject.as_str()))
    }

    /// Id of the session or the token.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether this is the local account of that name, signed in.
    pub fn is_user(&self, name: &str) -> bool {
        self.second_factor.is_some() && self.name == name
    }

    /// `session 1f2e…`, for the audit log.
    pub fn via_words(&self) -> String {
        match &self.id {
            Some(id) => format!("{} {id}", self.via.as_str()),
            None => self.via.as_str().to_owned(),
        }
    }

    /// May this one change the row of `address`, whose batch was `before` and becomes `after`? A row
    /// that is made or removed has no batch on that side, so that whoever is limited to batches can
    /// neither take rows into them nor let rows out.
    pub fn may_change(
        &self,
        address: &Address,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), String> {
        let limit = &self.limit;
        if !limit.has(address) {
            return Err(self.outside(&format!("{address} is not in them")));
        }
        for (batch, when) in [(before, "before"), (after, "after")] {
            if !limit.has_batch(batch) {
                let batch =
                    batch.map_or_else(|| "in no batch".into(), |it| format!("in batch {it}"));
                return Err(self.outside(&format!("{address} is {batch} {when} the change")));
            }
        }
        Ok(())
    }

    /// May this one see the row of `address`, which is in `batch`?
    pub fn may_see(&self, address: &Address, batch: Option<&str>) -> Result<(), String> {
        if self.limit.has(address) && self.limit.has_batch(batch) {
            return Ok(());
        }
        Err(self.outside(&format!("{address} is not")))
    }

    fn outside(&self, what: &str) -> String {
        format!("{} is limited to {}: {what}", self.name, self.limit.words())
    }

    pub fn whoami(&self) -> Whoami {
        Whoami {
            name: self.name.clone(),
            role: self.role,
            domains: self.limit.domains.clone(),
            batches: self.limit.batches.clone(),
            via: self.via,
            expires_at: self.expires_at.map(rfc3339),
            second_factor: self.second_factor,
        }
    }
}
