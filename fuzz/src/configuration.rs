//! A configuration file is read or refused with at least one mistake, all of which can be printed.

/// Text of a `causeway.toml`.
pub fn configuration(bytes: &[u8]) {
    if let Err(mistakes) = config::Config::parse_bytes(bytes, "causeway.toml") {
        assert!(!mistakes.to_string().is_empty(), "refused without a reason");
    }
}
