//! Help texts, the reference page made of them, and usage errors.

use clap::CommandFactory as _;
use expect_test::expect_file;

use crate::args::Cli;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The page is the snapshot of every `--help`. `UPDATE_EXPECT=1` writes it.
#[test]
fn the_reference_page_is_every_help_text() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    expect_file![page].assert_eq(&crate::commands::cli_reference());
}

#[test]
fn usage_errors_exit_2() {
    for line in [
        "causeway route set",
        "causeway nothing",
        "causeway site override cloud down",
        "causeway move transition cutover",
        "causeway move transition cloud --batch b1",
        "causeway move resolve anna@contoso.example 0000000000001",
    ] {
        let error = Cli::command().try_get_matches_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}
