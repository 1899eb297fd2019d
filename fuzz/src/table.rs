//! A file of the table: read whole, or refused with a line for each mistake.

use std::sync::LazyLock;

use mail::{SiteName, Unlisted};
use router::{Domains, Rules};

static DOMAINS: LazyLock<Domains> = LazyLock::new(|| {
    let (on_prem, cloud) = (SiteName::new("on_prem"), SiteName::new("cloud"));
    let template = || "{address}".parse().expect("a template");
    let domain = "contoso.example".parse().expect("a domain");
    Rules {
        sites: vec![(on_prem.clone(), template()), (cloud, template())],
        relay_domains: vec![(domain, Unlisted::Site(on_prem))],
        ..Rules::default()
    }
    .into()
});

/// A CSV file.
pub fn table(bytes: &[u8]) {
    match directory::parse_csv(bytes, &DOMAINS) {
        Ok(_) => (),
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a reason");
            for mistake in mistakes {
                assert!(!mistake.to_string().is_empty());
            }
        }
    }
}
