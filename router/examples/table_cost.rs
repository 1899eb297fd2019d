//! What a table of a million rows costs.
//!
//! Expected before it was measured, on one core: a look-up 200 to 400 ns (two pointers, one leaf
//! of 6 KiB searched by halves, one row: about four cache misses, and a SipHash of 30 bytes); a
//! single edit 20 µs (copies a leaf of 250 slots and two arrays of 64 pointers); 50,000 edits
//! 150 ms (they touch every leaf, so it is a copy of all slots and 50,000 rows to make); about
//! 350 bytes a row.
//!
//! Run with `cargo run --release -p router --example table_cost`.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use mail::{Address, SiteName, Template, Timestamp, Unlisted};
use router::{Admission, Domains, Edit, Facts, Put, Rules, SiteStates, Table, decide};

const ROWS: usize = 1_000_000;

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let domains = domains();
    let addresses: Vec<Address> = (0..ROWS).map(address).collect();
    let before = resident_bytes();
    let start = Cpu::now();
    let table = load(&domains, &addresses);
    let seconds = start.elapsed().as_secs_f64();
    let bytes = (resident_bytes() - before) / ROWS as u64;
    println!("load            {seconds:.2} s, {bytes} bytes a row");

    let start = Cpu::now();
    let mut found = 0;
    for n in 0..ROWS {
        let recipient = &addresses[n.wrapping_mul(7919) % ROWS];
        found += usize::from(table.find(black_box(&recipient.key())).is_some());
    }
    println!("look-up         {} ns ({found} found)", start.elapsed().as_nanos() / ROWS as u128);

    let sites = SiteStates::default();
    let facts =
        Facts { table: &table, domains: &domains, sites: &sites, admission: Admission::Any };
    let start = Cpu::now();
    for n in 0..ROWS {
        black_box(decide(&facts, black_box(&addresses[n.wrapping_mul(7919) % ROWS])));
    }
    println!("decide          {} ns", start.elapsed().as_nanos() / ROWS as u128);

    edits(&table, &domains, &addresses);
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn edits(table: &Table, domains: &Domains, addresses: &[Address]) {
    let put =
        |it: &Address| Edit::Put(Box::new(Put::new(it.clone(), SiteName::new("cloud"), domains)));
    let start = Cpu::now();
    let mut next = table.clone();
    for address in &addresses[..1000] {
        next = next.apply(&next.plan(&[put(address)], Timestamp::default()).expect("no conflict"));
    }
    println!("one edit        {} µs", start.elapsed().as_micros() / 1000);

    let many: Vec<Edit> = addresses[1000..51_000].iter().map(put).collect();
    let start = Cpu::now();
    let changes = next.plan(&many, Timestamp::default()).expect("no conflict");
    let planned = start.elapsed().as_millis();
    let start = Cpu::now();
    let next = next.apply(&changes);
    println!("50,000 edits    plan {planned} ms, apply {} ms", start.elapsed().as_millis());

    let start = Cpu::now();
    let last = next.iter().last().map(|it| it.address.to_string());
    println!("sorted list     {} ms (last {last:?})", start.elapsed().as_millis());
    let start = Cpu::now();
    drop(next);
    println!("drop            {} ms", start.elapsed().as_millis());
}

fn load(domains: &Domains, addresses: &[Address]) -> Table {
    let puts: Vec<Edit> = addresses
        .iter()
        .map(|it| Edit::Put(Box::new(Put::new(it.clone(), SiteName::new("on_prem"), domains))))
        .collect();
    let empty = Table::empty();
    empty.apply(&empty.plan(&puts, Timestamp::default()).expect("no conflict"))
}

fn address(n: usize) -> Address {
    format!("first.last{n}@contoso.example").parse().expect("a valid address")
}

fn domains() -> Domains {
    let on_prem = SiteName::new("on_prem");
    Domains::from(Rules {
        relay_domains: vec![(
            "contoso.example".parse().expect("a valid domain"),
            Unlisted::Site(on_prem.clone()),
        )],
        sites: vec![(on_prem, Template::Unchanged), (SiteName::new("cloud"), Template::Unchanged)],
        subaddress_separator: Some('+'),
        ..Rules::default()
    })
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Time on a processor: others share this machine.
struct Cpu(u64);

impl Cpu {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Self(text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}
