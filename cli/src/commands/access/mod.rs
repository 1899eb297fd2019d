//! People, programs, and what they did.

mod audit;
mod secret;
mod token;
mod user;

pub(super) use audit::run as audit;
pub(super) use token::{run as token, sessions as session};
pub(super) use user::run as user;

/// `domains a.example; batches one`, or a dash.
fn limit(domains: &[String], batches: &[String]) -> Option<String> {
    let side = |what: &str, list: &[String]| {
        (!list.is_empty()).then(|| format!("{what} {}", list.join(" ")))
    };
    let sides: Vec<String> =
        [side("domains", domains), side("batches", batches)].into_iter().flatten().collect();
    (!sides.is_empty()).then(|| sides.join("; "))
}
