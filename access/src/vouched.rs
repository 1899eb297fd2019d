//! Sessions of people whom an identity provider knows. There is no account of theirs here: what they may
//! do was said when they signed in, and stands in the session.

use std::net::IpAddr;

use api::{Role, Via};
use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::SessionKind;
use crate::users::limit_for;
use crate::{Access, Attempt, LoggedIn, LoginError, Method, Principal};

/// Somebody for whom an identity provider vouches, and what its groups give them here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    pub issuer: String,
    /// What the issuer never gives to anybody else.
    pub subject: String,
    /// As people know them.
    pub name: String,
    pub role: Role,
    pub domains: Vec<String>,
    pub batches: Vec<String>,
    /// The settings that this follows from, see [`Access::with_rules`].
    pub rules: String,
}

impl Vouched {
    /// No account and no token can have such a name.
    fn principal_name(&self) -> String {
        format!("oidc:{}", self.name)
    }

    /// `None` under other rules.
    pub(crate) fn principal(&self, rules: &str) -> Option<Principal> {
        let limit = limit_for(self.role, &self.domains, &self.batches).ok();
        Some(Principal {
            name: self.principal_name(),
            role: self.role,
            limit: limit.filter(|_| self.rules == rules)?,
            via: Via::Oidc,
            id: None,
            expires_at: None,
            second_factor: None,
            vouched: Some((self.issuer.clone(), self.subject.clone())),
            is_glass: false,
        })
    }
}

impl Access {
    /// Before an identity provider is asked about whoever comes from `source`: that costs it something.
    pub fn oidc_attempt(&self, source: IpAddr, now: Timestamp) -> Result<(), LoginError> {
        self.throttle.begin(None, source, now).map_err(|wait| {
            self.metrics.attempt(Method::Oidc, Attempt::Throttled);
            LoginError::Throttled(wait)
        })
    }

    /// It vouched for nobody, or for somebody who may nothing here; then it was no guess.
    pub fn oidc_refused(&self, source: IpAddr, is_known: bool) {
        self.metrics.attempt(Method::Oidc, Attempt::Refused);
        if is_known {
            self.throttle.excused(None, source);
        }
    }

    /// Begins a session. Blocking.
    pub fn oidc_accepted(
        &self,
        person: Vouched,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let done = self.begin_session(SessionKind::Oidc(Box::new(person)), source, now)?;
        self.throttle.succeeded(None, source, now);
        self.metrics.attempt(Method::Oidc, Attempt::Accepted);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "0123456789abcdef0123456789abcdef";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn home() -> IpAddr {
        [192, 0, 2, 7].into()
    }

    fn anna(role: Role, domains: &[&str]) -> Vouched {
        Vouched {
            issuer: "https://login.example".into(),
            subject: "0001".into(),
            name: "anna@contoso.example".into(),
            role,
            domains: domains.iter().map(|it| (*it).to_owned()).collect(),
            batches: Vec::new(),
            rules: "one".into(),
        }
    }

    #[test]
    fn a_session_says_who_vouched_and_outlives_a_restart_under_the_same_rules_only() {
        let folder = tempfile::tempdir().unwrap();
        let open = |rules: Option<&str>| {
            Access::in_folder(folder.path(), LINE).with_rules(rules.map(Into::into))
        };
        let access = open(Some("one"));
        let person = anna(Role::Operator, &["fabrikam.example"]);
        let cookie = access.oidc_accepted(person, home(), at(100)).unwrap().cookie;
        drop(access);
        let access = open(Some("one"));
        let who = access.by_cookie(&cookie, at(200)).unwrap();
        assert_eq!((who.name(), who.via()), ("oidc:anna@contoso.example", Via::Oidc));
        assert_eq!(who.vouched(), Some(("https://login.example", "0001")));
        assert_eq!(who.limit().domains, ["fabrikam.example"]);
        assert!(who.via_words().starts_with("oidc "), "{}", who.via_words());
        assert!(!who.is_user("anna@contoso.example"), "a local account of that name is another");
        drop(access);
        for other in [Some("two"), None] {
            assert!(open(other).by_cookie(&cookie, at(200)).is_none(), "{other:?}");
        }
    }

    #[test]
    fn an_administrator_has_no_limit_and_one_person_has_twenty_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let access = Access::in_folder(folder.path(), LINE).with_rules(Some("one".into()));
        let limited = anna(Role::Administrator, &["fabrikam.example"]);
        assert!(access.oidc_accepted(limited, home(), at(1)).is_err());
        for n in 0..25 {
            let role = if n % 2 == 0 { Role::Viewer } else { Role::Operator };
            access.oidc_accepted(anna(role, &[]), home(), at(100 + n)).unwrap();
        }
        assert_eq!(access.memory().sessions.len(), 20);
    }

    #[test]
    fn asking_the_provider_for_nothing_has_to_wait_and_a_person_without_a_group_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let access = Access::in_folder(folder.path(), LINE);
        for _ in 0..50 {
            access.oidc_attempt(home(), at(1)).unwrap();
            access.oidc_refused(home(), true);
        }
        for _ in 0..20 {
            access.oidc_attempt(home(), at(1)).unwrap();
            access.oidc_refused(home(), false);
        }
        assert!(matches!(access.oidc_attempt(home(), at(1)), Err(LoginError::Throttled(_))));
    }
}
