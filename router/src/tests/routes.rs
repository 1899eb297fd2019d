//! Every rule of docs/ops/routing-rules.md has a case here.

use expect_test::{Expect, expect};

use super::{address, domains, site, table};
use crate::{Admission, Facts, Route, SiteState, SiteStates, Table, decide, explain, onward};

const ROWS: &str = r#"
    anna@contoso.example      cloud   batch=finance-2 aliases=sales@contoso.example,a.b@fabrikam.example
    bert@contoso.example      on_prem state=syncing
    cleo@contoso.example      cloud   state=cutover batch=finance-3
    dora@contoso.example      cloud   cloud_address=d.ora@tenant.example
    c++@contoso.example       on_prem
    eve!x@contoso.example     on_prem
    finn@fabrikam.example     on_prem
    "gus@home"@contoso.example on_prem
    hugo@fabrikam.example     mars
    jörg@bücher.example       cloud
    postmaster@bücher.example cloud
"#;

fn explained(table: &Table, recipient: &str, admission: Admission, sites: &SiteStates) -> String {
    let (domains, recipient) = (domains(), address(recipient));
    let facts = Facts { table, domains: &domains, sites, admission, known: None };
    explain(&decide(&facts, &recipient)).to_string()
}

fn check(recipient: &str, want: Expect) {
    let got =
        explained(&table(ROWS), recipient, Admission::RelayDomainsOnly, &SiteStates::default());
    want.assert_eq(&got);
}

fn check_from_a_site(recipient: &str, want: Expect) {
    want.assert_eq(&explained(&table(ROWS), recipient, Admission::Any, &SiteStates::default()));
}

/// Only where it goes, one recipient a line.
fn conclusions(recipients: &[&str], admission: Admission) -> String {
    let table = table(ROWS);
    let line = |it: &&str| {
        let text = explained(&table, it, admission, &SiteStates::default());
        format!("{it}  {}\n", text.lines().last().unwrap())
    };
    recipients.iter().map(line).collect()
}

#[test]
fn a_moved_mailbox_is_delivered_to_its_home() {
    check(
        "Anna@Contoso.Example",
        expect![[r#"
        Anna@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  cloud, batch finance-2, since generation 1
          is cloud up?  yes
        => deliver to cloud"#]],
    );
}

#[test]
fn a_tag_is_looked_up_first_with_and_then_without() {
    check(
        "anna+news+x@contoso.example",
        expect![[r#"
        anna+news+x@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes, without its tag
          where does it live?  cloud, batch finance-2, since generation 1
          is cloud up?  yes
        => deliver to cloud"#]],
    );
    check(
        "c++@contoso.example",
        expect![[r#"
        c++@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  on_prem, since generation 1
          is on_prem up?  yes
        => deliver to on_prem"#]],
    );
}

#[test]
fn an_alias_is_resolved_to_its_mailbox_once() {
    check(
        "SALES@contoso.example",
        expect![[r#"
        SALES@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes, as an alias of anna@contoso.example
          where does it live?  cloud, batch finance-2, since generation 1
          is cloud up?  yes
        => deliver to cloud"#]],
    );
    check(
        "a.b+tag@fabrikam.example",
        expect![[r#"
        a.b+tag@fabrikam.example
          is fabrikam.example a relay domain?  yes
          is it in table 1?  yes, without its tag, as an alias of anna@contoso.example
          where does it live?  cloud, batch finance-2, since generation 1
          is cloud up?  yes
        => deliver to cloud"#]],
    );
}

#[test]
fn a_syncing_mailbox_may_get_a_copy() {
    check(
        "bert@contoso.example",
        expect![[r#"
        bert@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  on_prem, state syncing, since generation 1
          is on_prem up?  yes
        => deliver to on_prem, with a copy to cloud"#]],
    );
}

#[test]
fn mail_is_held_during_the_cutover() {
    check(
        "cleo@contoso.example",
        expect![[r#"
        cleo@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  cloud, state cutover, batch finance-3, since generation 1
          is cloud up?  not asked
        => hold until the cutover is over"#]],
    );
}

#[test]
fn an_operators_error_holds_mail() {
    check(
        "hugo@fabrikam.example",
        expect![[r#"
            hugo@fabrikam.example
              is fabrikam.example a relay domain?  yes
              is it in table 1?  yes
              where does it live?  mars, state cloud, since generation 1
              is mars up?  it is not configured
            => hold until there is a site mars"#]],
    );
}

#[test]
fn the_unlisted_are_where_their_domain_says() {
    check(
        "nobody@contoso.example",
        expect![[r#"
        nobody@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  no
          where does whoever is not listed live?  on_prem
          is on_prem up?  yes
        => deliver to on_prem"#]],
    );
    check(
        "nobody@fabrikam.example",
        expect![[r#"
        nobody@fabrikam.example
          is fabrikam.example a relay domain?  yes
          is it in table 1?  no
          where does whoever is not listed live?  nowhere
        => reject with 550 5.1.1 No such mailbox"#]],
    );
}

#[test]
fn other_domains_are_for_the_sites_only() {
    check(
        "x@elsewhere.example",
        expect![[r#"
        x@elsewhere.example
          is elsewhere.example a relay domain?  no
          may this client send to other domains?  no
        => reject with 550 5.7.1 Relaying denied"#]],
    );
    check_from_a_site(
        "x@elsewhere.example",
        expect![[r#"
        x@elsewhere.example
          is elsewhere.example a relay domain?  no
          may this client send to other domains?  yes
        => deliver by the MX of elsewhere.example, or the smart host"#]],
    );
    check_from_a_site(
        "x@[127.0.0.1]",
        expect![[r#"
        x@[127.0.0.1]
          is [127.0.0.1] a domain name?  no, an address literal
        => reject with 550 5.1.2 Mail to address literals is not relayed"#]],
    );
}

#[test]
fn international_and_quoted_names_have_one_form() {
    let forms = [
        "jörg@bücher.example",
        "JÖRG@xn--bcher-kva.example",
        "j\u{f6}rg@BÜCHER.example",
        "jo\u{308}rg@bücher.example",
        "\"jörg\"@bücher.example",
        "\"Anna\"@contoso.example",
        "\"gus@home\"@contoso.example",
        "\"an\\na\"@contoso.example",
    ];
    expect![[r#"
        jörg@bücher.example  => deliver to cloud
        JÖRG@xn--bcher-kva.example  => deliver to cloud
        jörg@BÜCHER.example  => deliver to cloud
        jörg@bücher.example  => deliver to cloud
        "jörg"@bücher.example  => deliver to cloud
        "Anna"@contoso.example  => deliver to cloud
        "gus@home"@contoso.example  => deliver to on_prem
        "an\na"@contoso.example  => deliver to cloud
    "#]]
    .assert_eq(&conclusions(&forms, Admission::RelayDomainsOnly));
}

/// The list of open-relay tricks; `<@ours:x@evil>` is the parser's, and so is what is no address.
#[test]
fn nobody_gets_mail_relayed() {
    let tricks = [
        "x@evil.example",
        "x%evil.example@contoso.example",
        "evil.example!x@contoso.example",
        "\"x@evil.example\"@contoso.example",
        "\"evil.example!x\"@contoso.example",
        "x%evil.example@[127.0.0.1]",
        "x@[IPv6:::1]",
        "x@notcontoso.example",
        "x@contoso.example.evil.example",
        "x@sub.contoso.example",
        "eve!x@contoso.example",
        "\"x%evil.example\"@fabrikam.example",
        "postmaster%evil.example@contoso.example",
        "anna+x%evil.example@contoso.example",
        "\"anna+x@evil.example\"@contoso.example",
        "evil.example!anna+x@contoso.example",
        "a.b+x!y@fabrikam.example",
    ];
    expect![[r#"
        x@evil.example  => reject with 550 5.7.1 Relaying denied
        x%evil.example@contoso.example  => reject with 550 5.7.1 Relaying denied
        evil.example!x@contoso.example  => reject with 550 5.7.1 Relaying denied
        "x@evil.example"@contoso.example  => reject with 550 5.7.1 Relaying denied
        "evil.example!x"@contoso.example  => reject with 550 5.7.1 Relaying denied
        x%evil.example@[127.0.0.1]  => reject with 550 5.1.2 Mail to address literals is not relayed
        x@[IPv6:::1]  => reject with 550 5.1.2 Mail to address literals is not relayed
        x@notcontoso.example  => reject with 550 5.7.1 Relaying denied
        x@contoso.example.evil.example  => reject with 550 5.7.1 Relaying denied
        x@sub.contoso.example  => reject with 550 5.7.1 Relaying denied
        eve!x@contoso.example  => deliver to on_prem
        "x%evil.example"@fabrikam.example  => reject with 550 5.7.1 Relaying denied
        postmaster%evil.example@contoso.example  => reject with 550 5.7.1 Relaying denied
        anna+x%evil.example@contoso.example  => reject with 550 5.7.1 Relaying denied
        "anna+x@evil.example"@contoso.example  => reject with 550 5.7.1 Relaying denied
        evil.example!anna+x@contoso.example  => reject with 550 5.7.1 Relaying denied
        a.b+x!y@fabrikam.example  => reject with 550 5.7.1 Relaying denied
    "#]]
    .assert_eq(&conclusions(&tricks, Admission::RelayDomainsOnly));
}

#[test]
fn a_tag_hides_no_route() {
    check(
        "anna+x%evil.example@contoso.example",
        expect![[r#"
        anna+x%evil.example@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes, without its tag
          does the local part ask for another hop?  yes
        => reject with 550 5.7.1 Relaying denied"#]],
    );
}

#[test]
fn postmaster_is_never_refused_by_our_domains() {
    let all = [
        "postmaster@contoso.example",
        "PostMaster@fabrikam.example",
        "postmaster@bücher.example",
        "\"postmaster\"@fabrikam.example",
        "postmaster@elsewhere.example",
    ];
    expect![[r#"
        postmaster@contoso.example  => deliver to on_prem
        PostMaster@fabrikam.example  => deliver to on_prem
        postmaster@bücher.example  => deliver to cloud
        "postmaster"@fabrikam.example  => deliver to on_prem
        postmaster@elsewhere.example  => reject with 550 5.7.1 Relaying denied
    "#]]
    .assert_eq(&conclusions(&all, Admission::RelayDomainsOnly));
    assert_eq!(domains().postmaster(), Some(address("postmaster@contoso.example")));
}

#[test]
fn a_site_that_is_down_or_held_keeps_its_mail_waiting() {
    for (state, want) in [
        (
            SiteState::Down,
            expect![[r#"
        dora@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  cloud, since generation 1
          is cloud up?  no
        => keep until cloud is back"#]],
        ),
        (
            SiteState::Held,
            expect![[r#"
        dora@contoso.example
          is contoso.example a relay domain?  yes
          is it in table 1?  yes
          where does it live?  cloud, since generation 1
          is cloud up?  held by an operator
        => keep until cloud is back"#]],
        ),
    ] {
        let sites = SiteStates::from_iter([(site("cloud"), state)]);
        let got = explained(&table(ROWS), "dora@contoso.example", Admission::Any, &sites);
        want.assert_eq(&got);
    }
}

#[test]
fn the_generation_that_decided_is_told() {
    let (table, domains, sites) = (table(ROWS), domains(), SiteStates::default());
    let recipient = address("anna@contoso.example");
    let facts = Facts {
        table: &table,
        domains: &domains,
        sites: &sites,
        admission: Admission::Any,
        known: None,
    };
    let decision = decide(&facts, &recipient);
    assert_eq!(decision.generation, 1);
    assert_eq!(decision.entry().unwrap().batch.as_deref(), Some("finance-2"));
    assert_eq!(decision.route, Route::Site { site: site("cloud"), copy_to: None, up: true });
}

#[test]
fn the_recipient_is_written_as_the_site_knows_it() {
    let (table, domains, sites) = (table(ROWS), domains(), SiteStates::default());
    let facts = Facts {
        table: &table,
        domains: &domains,
        sites: &sites,
        admission: Admission::Any,
        known: None,
    };
    let mut lines = String::new();
    for (recipient, target) in [
        ("Anna@contoso.example", "cloud"),
        ("Anna+News@contoso.example", "cloud"),
        ("Sales@contoso.example", "cloud"),
        ("Sales+x@contoso.example", "cloud"),
        ("Sales@contoso.example", "on_prem"),
        ("Dora@contoso.example", "cloud"),
        ("Dora+x@contoso.example", "cloud"),
        ("Dora@contoso.example", "on_prem"),
        ("Bert@contoso.example", "on_prem"),
        ("Bert@contoso.example", "cloud"),
        ("\"Un Listed\"@contoso.example", "on_prem"),
        ("\"anna+a b\"@contoso.example", "cloud"),
        ("\"dora+a b\"@contoso.example", "cloud"),
    ] {
        let address = address(recipient);
        let decision = decide(&facts, &address);
        let there = onward(&domains, &site(target), &address, decision.entry());
        lines.push_str(&format!("{recipient} at {target}: {there}\n"));
    }
    expect![[r#"
        Anna@contoso.example at cloud: Anna@contoso.mail.example
        Anna+News@contoso.example at cloud: Anna+News@contoso.mail.example
        Sales@contoso.example at cloud: anna@contoso.mail.example
        Sales+x@contoso.example at cloud: anna+x@contoso.mail.example
        Sales@contoso.example at on_prem: Sales@contoso.example
        Dora@contoso.example at cloud: d.ora@tenant.example
        Dora+x@contoso.example at cloud: d.ora+x@tenant.example
        Dora@contoso.example at on_prem: Dora@contoso.example
        Bert@contoso.example at on_prem: Bert@contoso.example
        Bert@contoso.example at cloud: Bert@contoso.mail.example
        "Un Listed"@contoso.example at on_prem: "Un Listed"@contoso.example
        "anna+a b"@contoso.example at cloud: "anna+a b"@contoso.mail.example
        "dora+a b"@contoso.example at cloud: d.ora@tenant.example
    "#]]
    .assert_eq(&lines);
}
