//! Commands as they are typed, against a gateway in memory over real TCP.

mod access;
mod check;
mod configuration;
mod directory;
mod gateway;
mod harness;
mod help;
mod mail;
mod moves;
mod plans;
mod route;

use expect_test::Expect;

use harness::Desk;

/// Both streams and the exit code of `causeway LINE`.
async fn check(desk: &Desk, line: &str, expect: Expect) {
    expect.assert_eq(&desk.run(line).await.all());
}
