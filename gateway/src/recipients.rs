//! Who may be written to: the routing decision, put into the session's terms.

use std::sync::Arc;

use deliver::Routes;
use mail::{Path, Reply};
use router::{Admission, Route};
use smtp::server::Verdict;

use crate::policy::Policy;

pub(crate) struct Recipients {
    routes: Arc<Routes>,
}

/// There is no relay domain whose postmaster could be meant; the configuration rules it out.
const NO_POSTMASTER: Reply = Reply::new(451, (4, 3, 5), "No domain to be postmaster of");

impl Recipients {
    pub(crate) fn new(routes: Arc<Routes>) -> Self {
        Self { routes }
    }
}

impl Policy for Recipients {
    fn recipient(&self, path: Path, admission: Admission) -> Verdict {
        let address = match path {
            Path::Mailbox(address) => address,
            Path::Postmaster => match self.routes.domains().postmaster() {
                Some(address) => address,
                None => return Verdict::Refuse(NO_POSTMASTER),
            },
        };
        let route = self.routes.decide(&address, admission, |it| it.route.clone());
        match route {
            Route::Site { copy_to, .. } => Verdict::Accept { address, copy_to },
            // Kept until the mailbox has a home again.
            Route::Hold { .. } | Route::Remote { .. } => Verdict::Accept { address, copy_to: None },
            Route::Reject(reply) => Verdict::Refuse(reply),
        }
    }
}
