//! What edits come to.

use expect_test::{Expect, expect};
use mail::Timestamp;

use super::{address, edit, edited, edits, table};
use crate::{Edit, MoveState, Table};

/// The table as lines, sorted.
fn shown(table: &Table) -> String {
    let mut text = format!("table {} with {}\n", table.generation(), table.len());
    for it in table.iter() {
        text.push_str(&format!("{} {} {}", it.address, it.home, it.state));
        for (name, value) in [("batch", &it.batch), ("note", &it.note)] {
            text.push_str(&value.as_ref().map(|it| format!(" {name}={it}")).unwrap_or_default());
        }
        for alias in &it.aliases {
            text.push_str(&format!(" ({alias})"));
        }
        text.push_str(&format!(" since {}\n", it.generation));
    }
    text
}

fn check(before: &str, then: &str, want: Expect) {
    let before = table(before);
    let got = match before.plan(&edits(then), Timestamp::from_micros(2)) {
        Ok(changes) => shown(&before.apply(&changes)),
        Err(problems) => problems.iter().map(|it| format!("{it}\n")).collect(),
    };
    want.assert_eq(&got);
}

#[test]
fn the_state_follows_the_home_unless_it_is_said() {
    check(
        "a@contoso.example on_prem state=syncing
         b@contoso.example on_prem state=syncing
         c@contoso.example cloud state=settled",
        "a@contoso.example on_prem
         b@contoso.example cloud
         c@contoso.example on_prem
         d@contoso.example cloud state=cutover
         e@fabrikam.example cloud
         f@contoso.example cloud",
        expect![[r#"
            table 2 with 6
            a@contoso.example on_prem syncing since 1
            b@contoso.example cloud cloud since 2
            c@contoso.example on_prem on_prem since 2
            d@contoso.example cloud cutover since 2
            e@fabrikam.example cloud cloud since 2
            f@contoso.example cloud cloud since 2
        "#]],
    );
}

#[test]
fn what_is_not_said_stays() {
    check(
        "a@contoso.example cloud batch=one note=n aliases=z@contoso.example,b@contoso.example",
        "a@contoso.example cloud batch=two",
        expect![[r#"
            table 2 with 1
            a@contoso.example cloud cloud batch=two note=n (b@contoso.example) (z@contoso.example) since 2
        "#]],
    );
}

#[test]
fn the_same_again_is_no_change() {
    let before = table("a@contoso.example cloud batch=one");
    let again = before.plan(&edits("a@contoso.example cloud"), Timestamp::from_micros(9)).unwrap();
    assert!(again.rows.is_empty());
    let gone = before.plan(&edits("- nobody@contoso.example"), Timestamp::from_micros(9)).unwrap();
    assert!(gone.rows.is_empty());
}

#[test]
fn no_address_belongs_to_two_mailboxes() {
    let rows = "a@contoso.example cloud aliases=x@contoso.example
                b@contoso.example cloud";
    check(
        rows,
        "c@contoso.example cloud aliases=X@contoso.example,B@contoso.example",
        expect![[r#"
            c@contoso.example: aliases: b@contoso.example is a mailbox of its own
            c@contoso.example: aliases: x@contoso.example is an alias of a@contoso.example already
        "#]],
    );
    check(
        rows,
        "x@contoso.example cloud",
        expect![[r#"
        x@contoso.example: address: x@contoso.example is an alias of a@contoso.example already
    "#]],
    );
    check(
        rows,
        "c@contoso.example cloud aliases=y@contoso.example
         d@contoso.example cloud aliases=y@contoso.example
         y@contoso.example cloud",
        expect![[r#"
            c@contoso.example: aliases: y@contoso.example is a mailbox of its own
            d@contoso.example: aliases: y@contoso.example is a mailbox of its own
        "#]],
    );
}

#[test]
fn an_alias_may_change_hands_in_one_step() {
    check(
        "a@contoso.example cloud aliases=x@contoso.example
         b@contoso.example cloud",
        "b@contoso.example cloud aliases=x@contoso.example,a@contoso.example
         - a@contoso.example",
        expect![[r#"
            table 2 with 1
            b@contoso.example cloud cloud (a@contoso.example) (x@contoso.example) since 2
        "#]],
    );
}

#[test]
fn an_alias_that_is_the_address_itself_is_left_out() {
    check(
        "",
        "a@contoso.example cloud aliases=A@contoso.example,z@contoso.example,Z@contoso.example",
        expect![[r#"
            table 2 with 1
            a@contoso.example cloud cloud (z@contoso.example) since 2
        "#]],
    );
}

#[test]
fn removing_a_mailbox_frees_its_aliases() {
    let before = table("a@contoso.example cloud aliases=x@contoso.example");
    assert!(before.resolve_alias(&address("x@contoso.example").key()).is_some());
    let after = edited(&before, "- A@contoso.example");
    assert_eq!((after.len(), after.generation()), (0, 2));
    assert!(after.find(&address("x@contoso.example").key()).is_none());
    assert_eq!(before.len(), 1, "a table that somebody reads never changes");
}

#[test]
fn problems_name_their_column() {
    let Edit::Put(put) =
        edit("a@elsewhere.example mars aliases=x@elsewhere.example cloud_address=a@[127.0.0.1]")
    else {
        panic!()
    };
    let problems: String =
        put.problems(&super::domains()).iter().map(|it| format!("{it}\n")).collect();
    expect![[r#"
        a@elsewhere.example: address: elsewhere.example is not a relay domain: add it to the configuration
        a@elsewhere.example: home: there is no site mars: want on_prem or cloud
        a@elsewhere.example: aliases: the domain of x@elsewhere.example is not a relay domain
        a@elsewhere.example: cloud_address: want a domain name after the @
    "#]].assert_eq(&problems);
}

#[test]
fn a_page_is_a_piece_of_the_sorted_list() {
    let table = table(
        "d@contoso.example cloud
         b@contoso.example on_prem
         a@contoso.example cloud
         c@contoso.example cloud",
    );
    let page = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(|it| address(it).key());
        let rows = table.page(after.as_ref(), limit, |it| it.state == MoveState::Cloud);
        rows.iter().map(|it| it.address.local().to_owned()).collect()
    };
    assert_eq!(page(None, 2), ["a", "c"]);
    assert_eq!(page(Some("c@contoso.example"), 2), ["d"]);
    assert_eq!(page(None, 0), [""; 0]);
    assert_eq!(table.len_by_home().values().copied().collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn of_rows_that_go_back_those_stay_that_somebody_changed_or_whose_alias_is_given_away() {
    let before = table(
        "anna@contoso.example on_prem\n\
         bert@contoso.example on_prem aliases=b@contoso.example\n\
         cleo@contoso.example on_prem",
    );
    let done = before
        .plan(
            &edits(
                "anna@contoso.example cloud\n\
                 bert@contoso.example cloud aliases=b2@contoso.example\n\
                 cleo@contoso.example cloud\n\
                 dora@contoso.example cloud",
            ),
            Timestamp::from_micros(2),
        )
        .unwrap();
    let now = edited(
        &before.apply(&done),
        "anna@contoso.example cloud note=x\nzoe@contoso.example cloud aliases=b@contoso.example",
    );
    let at = Timestamp::from_micros(3);
    let back = done.inverse().rows;
    assert!(now.carry(&back, at).is_err(), "all or nothing");
    let fitting = now.carry_what_fits(back, at);
    let keys = |it: Vec<String>| it.join(" ");
    assert_eq!(
        keys(fitting.stay.iter().map(ToString::to_string).collect()),
        "anna@contoso.example bert@contoso.example"
    );
    let gone = now.apply(&now.carry(&fitting.rows, at).unwrap());
    let home = |it: &str| gone.get(&address(it).key()).map(|it| it.home.to_string());
    assert_eq!(home("cleo@contoso.example").as_deref(), Some("on_prem"));
    assert_eq!((home("dora@contoso.example"), gone.len()), (None, 4));
    assert!(before.carry_what_fits(Vec::new(), at).rows.is_empty());
}

/// Somebody looked, and somebody else was faster: the home is not set back.
#[test]
fn a_home_that_is_not_said_is_the_one_of_now() {
    let before = table("a@contoso.example cloud state=cloud");
    let Edit::Put(mut put) = edit("a@contoso.example on_prem note=n") else { panic!("a row") };
    put.home_said = false;
    let changes = before.plan(&[Edit::Put(put.clone())], Timestamp::from_micros(2)).unwrap();
    let want = "table 2 with 1\na@contoso.example cloud cloud note=n since 2\n";
    assert_eq!(shown(&before.apply(&changes)), want);
    let gone = [Edit::Remove(address("a@contoso.example").key()), Edit::Put(put)];
    let problems = before.plan(&gone, Timestamp::from_micros(2)).unwrap_err();
    assert_eq!(problems[0].column, "home");
}
