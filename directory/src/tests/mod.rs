//! The directory on a real disk, in temporary folders.

mod crash;
mod crash_plans;
mod edits;
mod files;
mod history;
mod microsoft;
mod moves;
mod readers;
mod revisions;

use mail::{Address, AddressKey, SiteName, Template, Timestamp, Unlisted};
use prometheus::Registry;
use router::{Domains, Edit, Rules};
use tempfile::TempDir;

use crate::{
    Committed, Directory, DirectoryMetrics, EditError, EditRequest, export_csv, parse_csv,
};

pub(crate) fn domains() -> Domains {
    Domains::from(Rules {
        relay_domains: vec![(
            "contoso.example".parse().unwrap(),
            Unlisted::Site(SiteName::new("on_prem")),
        )],
        sites: vec![
            (SiteName::new("on_prem"), Template::Unchanged),
            (SiteName::new("cloud"), Template::Unchanged),
        ],
        subaddress_separator: Some('+'),
        ..Rules::default()
    })
}

pub(crate) fn key(text: &str) -> AddressKey {
    text.parse::<Address>().unwrap().key()
}

/// `anna,cloud` per line, all in one domain, with a header of the columns that are meant.
pub(crate) fn rows(csv: &str) -> Vec<Edit> {
    parse_csv(csv.as_bytes(), &domains()).unwrap()
}

pub(crate) fn request(edits: Vec<Edit>) -> EditRequest {
    EditRequest {
        edits,
        author: "ops".into(),
        reason: "test".into(),
        expect_generation: None,
        at: Timestamp::from_micros(7_000_000),
    }
}

pub(crate) fn metrics() -> DirectoryMetrics {
    DirectoryMetrics::register(&Registry::new()).unwrap()
}

/// A directory in a folder of its own.
pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) directory: Directory,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::open(&dir.path().join("table.db"), metrics()).unwrap();
        Self { dir, directory }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("table.db")
    }

    pub(crate) fn edit(&self, csv: &str) -> Result<Committed, EditError> {
        self.directory.edit(&request(rows(csv)))
    }

    pub(crate) fn export(&self) -> String {
        export_csv(&self.directory.current())
    }

    pub(crate) fn reopened(self) -> Self {
        let path = self.path();
        drop(self.directory);
        let directory = Directory::open(&path, metrics()).unwrap();
        Self { dir: self.dir, directory }
    }
}
