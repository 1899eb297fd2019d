//! What a table of a million rows costs.
//!
//! Expected before it was measured, on one core: a look-up 200 to 400 ns (two pointers, one leaf,
//! one row: about four cache misses, and a SipHash of 30 bytes); a single edit 20 µs; 50,000 edits
//! 150 ms (they touch every leaf, so it is a copy of all slots and 50,000 rows to make); about
//! 350 bytes a row.
//!
//! Found on a busy two-core machine, CPU time: look-up 1.1 µs when nothing is cached (six misses
//! that wait for one another, each with a page walk), edit 10 µs, 50,000 edits 150 ms to plan and
//! 120 ms to apply, 340 bytes a row.
//!
//! Run with `cargo run --release -p router --example table_cost`.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use mail::{Address, Domain, SiteName, Template, Timestamp, Unlisted};
use router::{
    Admission, Domains, Edit, Entry, Facts, MoveState, Put, Rules, SiteStates, Table, decide,
};

const ROWS: usize = 1_000_000;

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let domains = domains();
    let domain: Domain = "contoso.example".parse().expect("a valid domain");
    let addresses: Vec<Address> = (0..ROWS).map(|it| address(it, &domain)).collect();
    let home = SiteName::new("on_prem");
    let before = resident_bytes();
    let start = Cpu::now();
    let table = Table::from_rows(1, addresses.iter().map(|it| entry(it, &home)));
    let seconds = start.elapsed().as_secs_f64();
    let bytes = (resident_bytes() - before) / ROWS as u64;
    println!("load            {seconds:.2} s, {bytes} bytes a row");

    let start = Cpu::now();
    for n in 0..ROWS {
        black_box(black_box(&addresses[n.wrapping_mul(7919) % ROWS]).key());
    }
    println!("key             {} ns", start.elapsed().as_nanos() / ROWS as u128);

    let start = Cpu::now();
    let mut found = 0;
    for n in 0..ROWS {
        let recipient = &addresses[n.wrapping_mul(7919) % ROWS];
        found += usize::from(table.find(black_box(&recipient.key())).is_some());
    }
    println!("look-up         {} ns ({found} found)", start.elapsed().as_nanos() / ROWS as u128);

    let sites = SiteStates::default();
    let facts = Facts {
        table: &table,
        domains: &domains,
        sites: &sites,
        admission: Admission::Any,
        known: None,
    };
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

fn entry(address: &Address, home: &SiteName) -> Entry {
    Entry {
        address: address.clone(),
        home: home.clone(),
        state: MoveState::OnPrem,
        batch: Some("batch-17".into()),
        cloud_address: None,
        aliases: Box::default(),
        note: None,
        changed_at: Timestamp::default(),
        generation: 1,
    }
}

/// As the directory loads them: the domain is shared.
fn address(n: usize, domain: &Domain) -> Address {
    let address: Address = format!("first.last{n}@x.example").parse().expect("a valid address");
    address.with_domain(domain.clone())
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
