//! `[spool]`

use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::SpoolSettings;

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("segment_bytes", Kind::Size { min: 1 << 20, max: 1 << 30 }, Value("\"64MiB\""), "Size of a spool file. New files have the new size.").at_start(),
    Key::new("large_body_bytes", Kind::Size { min: 1 << 14, max: 1 << 30 }, Value("\"1MiB\""), "Larger bodies get a file of their own and are never whole in memory.").at_start(),
    Key::new("free_bytes_min", Kind::Size { min: 0, max: 1 << 44 }, Value("\"1GiB\""), "With less free disk space mail is answered 452 4.3.1.").at_start(),
    Key::new("free_inodes_min", Kind::Count { min: 0, max: 1 << 32 }, Value("10000"), "With fewer free inodes mail is answered 452 4.3.1.").at_start(),
    Key::new("bytes_max", Kind::Size { min: 1 << 26, max: 1 << 50 }, Absent("only free space counts"), "With more mail in the spool, mail is answered 452 4.3.1.").at_start(),
    Key::new("memory_bodies_max", Kind::Size { min: 0, max: 1 << 40 }, Value("\"64MiB\""), "Bodies kept in memory for their first attempt; the others are read back from disk.").at_start(),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> SpoolSettings {
    let mut section = reader.section("spool", KEYS, found);
    let spool = SpoolSettings {
        segment_bytes: section.get("segment_bytes"),
        large_body_bytes: section.get("large_body_bytes"),
        free_bytes_min: section.get("free_bytes_min"),
        free_inodes_min: section.get("free_inodes_min"),
        bytes_max: section.get_opt("bytes_max"),
        memory_bodies_max: section.get("memory_bodies_max"),
    };
    if spool.large_body_bytes > spool.segment_bytes / 4 {
        let message =
            "want at most a quarter of segment_bytes, so that several messages fit a segment";
        section.note("large_body_bytes", message);
    }
    section.finish();
    spool
}
