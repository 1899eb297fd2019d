//! Who may be written to: the routing decision, put into the session's terms.

use std::sync::Arc;

use deliver::{Delivery, RecipientVerdict, Routes};
use mail::{Address, Path, Reply, SiteName};
use router::{Admission, Doubt, NOT_KNOWN_NOW, Route};
use smtp::server::Verdict;

use crate::policy::{Judged, Policy};

pub(crate) struct Recipients {
    routes: Arc<Routes>,
    delivery: Delivery,
}

/// There is no relay domain whose postmaster could be meant; the configuration rules it out.
const NO_POSTMASTER: Reply = Reply::new(451, (4, 3, 5), "No domain to be postmaster of");

impl Recipients {
    pub(crate) fn new(routes: Arc<Routes>, delivery: Delivery) -> Self {
        Self { routes, delivery }
    }

    fn count(&self, answer: &str) {
        if let Some(recipients) = self.routes.recipients() {
            recipients.metrics().lookups.with_label_values(&[answer]).inc();
        }
    }

    /// `verdict` if the site knows the recipient.
    fn ask(&self, site: SiteName, address: Address, or_else: Reply, verdict: Verdict) -> Judged {
        self.count("asked");
        let delivery = self.delivery.clone();
        Judged::Later(Box::pin(async move {
            let said = delivery.verify_recipients(&site, vec![address]).await;
            match said.into_iter().next().map(|it| it.1) {
                Some(RecipientVerdict::Accepted) => verdict,
                Some(RecipientVerdict::Refused(_)) => Verdict::Refuse(or_else),
                Some(RecipientVerdict::Unknown(_)) | None => Verdict::Refuse(NOT_KNOWN_NOW),
            }
        }))
    }
}

impl Policy for Recipients {
    fn recipient(&self, path: Path, admission: Admission) -> Judged {
        let address = match path {
            Path::Mailbox(address) => address,
            Path::Postmaster => match self.routes.domains().postmaster() {
                Some(address) => address,
                None => return Verdict::Refuse(NO_POSTMASTER).into(),
            },
        };
        let (route, doubt, was_looked_up) = self.routes.decide(&address, admission, |it| {
            (it.route.clone(), it.doubt(), it.why.found.is_some())
        });
        let verdict = match route {
            Route::Site { copy_to, .. } => Verdict::Accept { address: address.clone(), copy_to },
            // Kept until the mailbox has a home again.
            Route::Hold { .. } | Route::Remote { .. } => {
                Verdict::Accept { address: address.clone(), copy_to: None }
            }
            Route::Reject(reply) => return Verdict::Refuse(reply).into(),
        };
        match doubt {
            None => {
                if was_looked_up {
                    self.count("known");
                }
                verdict.into()
            }
            Some(Doubt::Ask { site, or_else }) => self.ask(site, address, or_else, verdict),
            Some(doubt) => {
                self.count(if doubt == Doubt::NoSuch { "unknown" } else { "deferred" });
                Verdict::Refuse(doubt.reply()).into()
            }
        }
    }
}
