//! The API over real TCP, with the backend in memory.

mod access;
mod changes;
mod client;
mod console;
mod limits;
mod moves;
mod oidc;
mod requests;
mod stream;

use expect_test::expect_file;

/// `docs/reference` has what the code says. `UPDATE_EXPECT=1` writes it.
#[test]
fn the_reference_pages_are_current() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/api.md");
    expect_file![page].assert_eq(&crate::reference());
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/openapi.json");
    expect_file![document].assert_eq(&crate::openapi());
}
