//! The API over real TCP, with the backend in memory.

mod client;
mod limits;
mod requests;

use expect_test::expect_file;

/// `docs/reference/api.md` is what the code says. `UPDATE_EXPECT=1` writes it.
#[test]
fn the_reference_page_is_current() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/api.md");
    expect_file![page].assert_eq(&crate::reference());
}
