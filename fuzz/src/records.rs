//! The reader of spool segments, on a disk whose one segment holds any bytes.

use std::io::IoSlice;
use std::sync::Arc;

use spool::sim::{Hands, SimDisk};
use spool::{Disk, Options, SystemClock};

/// The segment, and the size of its file: the smallest that the spool makes.
const PATH: &str = "spool/seg-00000001";
const SEGMENT_BYTES: usize = 64 * 1024;

/// The block before the first record, which names the segment.
const TITLE_BYTES: usize = 4096;
const TITLE_CHECKED_BYTES: usize = 36;

/// A record's header, by docs/formats/spool.md.
const HEADER_BYTES: usize = 64;
const HEADER_CHECKED_BYTES: usize = 60;

/// First byte: whether checksums and places are put right, so that what lies
/// behind them is reached, and whether counts of recipients stay as they are,
/// which is slow; the rest is what follows the title of a segment.
pub fn records(bytes: &[u8]) {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let mut file = title();
    file.extend_from_slice(&content[..content.len().min(SEGMENT_BYTES - TITLE_BYTES)]);
    file.resize(SEGMENT_BYTES, 0);
    if choice & 1 == 0 {
        repair(&mut file, choice & 0b11_1110 == 0b11_1110);
    }
    let disk = SimDisk::new();
    disk.create_dir("spool").expect("a folder in memory");
    let segment = disk.create(PATH).expect("a file in memory");
    segment.write_at(0, &[IoSlice::new(&file)]).expect("a write to memory");
    let options = Options { segment_bytes: SEGMENT_BYTES as u64, ..Options::default() };
    let opened = Hands::open(Arc::new(disk), options, Arc::new(SystemClock));
    let (spool, recovered, hands) = opened.expect("no content keeps a spool from opening");
    for message in recovered {
        assert!(message.recipients.iter().any(|one| !one.settled), "nobody waits for it");
        // A body may be damaged, which is an error and not a panic.
        drop(spool.load(message.id));
    }
    hands.close();
}

/// The title of segment 1 that follows none.
fn title() -> Vec<u8> {
    let mut title = b"CwSpool\0\x01\0\0\0\x01\0\0\0".to_vec();
    title.resize(TITLE_CHECKED_BYTES, 0);
    let crc = crc32fast::hash(&title);
    title.extend_from_slice(&crc.to_le_bytes());
    title.resize(TITLE_BYTES, 0);
    title
}

/// Gives each record that begins with the magic its right place and checksums, and few
/// recipients unless any number will do.
fn repair(file: &mut [u8], any_number: bool) {
    let mut at = TITLE_BYTES;
    while at + HEADER_BYTES <= file.len() {
        if file[at..at + 4] != *b"CwR\x01" {
            at = (at + 1).next_multiple_of(4096);
            continue;
        }
        let place = u32::try_from(at).expect("a segment is small");
        if !any_number {
            (file[at + 6], file[at + 7]) = (file[at + 6] % 16, 0);
        }
        put_u32(file, at + 8, 1);
        put_u32(file, at + 12, place);
        let head = at + HEADER_BYTES;
        let room = file.len() - head;
        let head_bytes = get_u32(file, at + 28) as usize % (room + 1).min(4096);
        put_u32(file, at + 28, head_bytes as u32);
        let body = head + head_bytes;
        let is_large = file[at + 5] & 1 != 0;
        let body_bytes = get_u32(file, at + 32) as usize % (file.len() - body + 1);
        put_u32(file, at + 32, body_bytes as u32);
        put_u32(file, at + 36, 0);
        let body_end = if is_large { body } else { body + body_bytes };
        let body_crc = crc32fast::hash(&file[body..body_end]);
        put_u32(file, at + 48, body_crc);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&file[at..at + HEADER_CHECKED_BYTES]);
        crc.update(&file[head..body]);
        put_u32(file, at + HEADER_CHECKED_BYTES, crc.finalize());
        at = body_end;
    }
}

fn get_u32(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
}

fn put_u32(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
