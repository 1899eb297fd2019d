//! `[server]`, `[admin]` and `[portal]`.

use crate::key::Default::{Absent, Required, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::{Admin, Portal, Server};

#[rustfmt::skip]
pub(crate) const SERVER: &[Key] = &[
    Key::new("hostname", Kind::Domain, Required, "Name of the gateway in banner, EHLO, Received and the Message-ID of DSNs.").at_start(),
    Key::new("data_dir", Kind::Path, Required, "Everything durable: spool, table, ledger. A relative path starts at the folder of this file.").at_start(),
    Key::new("data_threads", Kind::Count { min: 0, max: 256 }, Value("0"), "Threads that carry mail; 0 means one per processor.").at_start(),
    Key::new("shutdown_grace", Kind::Duration { min_s: 1, max_s: 600 }, Value("\"30s\""), "How long sessions and deliveries may finish after SIGTERM.").at_start(),
];

#[rustfmt::skip]
pub(crate) const ADMIN: &[Key] = &[
    Key::new("bind", Kind::Bind, Value("\"127.0.0.1:8025\""), "Address of API, console, /metrics, /livez and /readyz.").at_start(),
    Key::new("token_file", Kind::Path, Absent("`admin.token` in `data_dir`, written at the first start"), "File with the administrator's token.").at_start(),
    Key::new("trusted_proxies", Kind::Networks, Value("[]"), "Proxies whose `X-Forwarded-For` says who asks, for the audit log and for counting wrong passwords. Of a list there what counts is the last address that is none of theirs.").at_start(),
    Key::new("stream_listeners_max", Kind::Count { min: 1, max: 200 }, Value("64"), "Connections that follow live events at the same time; another one is answered 503.").at_start(),
    Key::new("session_idle", Kind::Duration { min_s: 60, max_s: 30 * 86_400 }, Value("\"8h\""), "A signed-in person's session ends so long after its last use.").at_start(),
    Key::new("session_max", Kind::Duration { min_s: 60, max_s: 30 * 86_400 }, Value("\"24h\""), "And so long after the login at the latest.").at_start(),
    Key::new("password_memory", Kind::Size { min: 8 << 20, max: 1 << 30 }, Value("\"19MiB\""), "Memory that hashing a password takes (Argon2id); two are hashed at once at most. For new passwords.").at_start(),
    Key::new("password_passes", Kind::Count { min: 1, max: 100 }, Value("2"), "Passes over that memory.").at_start(),
    Key::new("audit_kept", Kind::Duration { min_s: 86_400, max_s: 36_500 * 86_400 }, Value("\"730d\""), "How long the audit log keeps a record. What goes is noted in the log itself.").at_start(),
];

#[rustfmt::skip]
pub(crate) const PORTAL: &[Key] = &[
    Key::new("bind", Kind::Bind, Value("\"127.0.0.1:8026\""), "Address of webmail and JMAP.").at_start(),
];

pub(crate) fn read_server(found: Found<'_, '_>, reader: &mut Reader) -> Server {
    let mut section = reader.section("server", SERVER, found);
    let server = Server {
        hostname: section.get("hostname"),
        data_dir: section.path("data_dir"),
        data_threads: or_processors(section.get("data_threads")),
        shutdown_grace: section.get("shutdown_grace"),
    };
    section.finish();
    server
}

fn or_processors(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

pub(crate) fn read_admin(found: Found<'_, '_>, reader: &mut Reader) -> Admin {
    let mut section = reader.section("admin", ADMIN, found);
    let admin = Admin {
        bind: section.get("bind"),
        token_file: section.path_opt("token_file"),
        trusted_proxies: section.get("trusted_proxies"),
        stream_listeners_max: section.get("stream_listeners_max"),
        session_idle: section.get("session_idle"),
        session_max: section.get("session_max"),
        password_memory_bytes: section.get("password_memory"),
        password_passes: section.get::<usize>("password_passes").try_into().unwrap_or(u32::MAX),
        audit_kept: section.get("audit_kept"),
    };
    section.finish();
    admin
}

pub(crate) fn read_portal(found: Found<'_, '_>, reader: &mut Reader) -> Portal {
    let mut section = reader.section("portal", PORTAL, found);
    let portal = Portal { bind: section.get("bind") };
    section.finish();
    portal
}
