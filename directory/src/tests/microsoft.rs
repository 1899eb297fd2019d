//! Files that Microsoft's migrations take: what is read of them, and every mistake.

use expect_test::{Expect, expect};

use super::domains;
use crate::{FileOptions, Format, export_csv, parse_file};

fn to_cloud() -> FileOptions {
    FileOptions {
        home: Some(mail::SiteName::new("cloud")),
        state: Some(router::MoveState::Syncing),
        batch: Some("wave 7".into()),
        ..FileOptions::default()
    }
}

/// The format, the table that comes of it, and the remarks.
fn check(bytes: &[u8], options: &FileOptions, want: Expect) {
    let text = match parse_file(bytes, &domains(), options) {
        Ok(file) => {
            let table = router::Table::empty();
            let changes = table.plan(&file.edits, mail::Timestamp::from_micros(1)).unwrap();
            let csv = export_csv(&table.apply(&changes));
            format!("{}\n{csv}{}\n", file.format.as_str(), file.remarks.join("\n"))
        }
        Err(errors) => errors.iter().map(|it| format!("{it}\n")).collect(),
    };
    want.assert_eq(&text);
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let units = format!("\u{feff}{text}");
    let bytes = |it: u16| if little { it.to_le_bytes() } else { it.to_be_bytes() };
    units.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn the_three_formats_are_known_by_their_headers() {
    let staged = "EmailAddress,Password,ForceChangePassword\r\nanna@contoso.example,Secret-77,True\r\n\r\n,,\r\n";
    check(
        staged.as_bytes(),
        &to_cloud(),
        expect![[r#"
        staged
        address,home,state,batch,cloud_address,aliases,note
        anna@contoso.example,cloud,syncing,wave 7,,,
        the column Password was not read: Causeway has no use for passwords and keeps none
        checked and left to the migration service: ForceChangePassword
    "#]],
    );
    let imap = "\u{feff}EmailAddress,UserName,Password,UserRoot\n\"bert@contoso.example\",bert*admin,\"a,\"\"b\",/public\n";
    check(
        imap.as_bytes(),
        &to_cloud(),
        expect![[r#"
        imap
        address,home,state,batch,cloud_address,aliases,note
        bert@contoso.example,cloud,syncing,wave 7,,,
        the column Password was not read: Causeway has no use for passwords and keeps none
        checked and left to the migration service: UserName, UserRoot
    "#]],
    );
    let moves = "emailaddress,MailboxType,TargetDatabase,BadItemLimit\ncleo@contoso.example,PrimaryOnly,DB 1,unlimited\ndora@contoso.example,,,20\n";
    check(
        moves.as_bytes(),
        &to_cloud(),
        expect![[r#"
        remote_move
        address,home,state,batch,cloud_address,aliases,note
        cleo@contoso.example,cloud,syncing,wave 7,,,
        dora@contoso.example,cloud,syncing,wave 7,,,
        checked and left to the migration service: MailboxType, TargetDatabase, BadItemLimit
    "#]],
    );
    let bare =
        parse_file(b"EmailAddress\nanna@contoso.example\n", &domains(), &to_cloud()).unwrap();
    assert_eq!((bare.format, bare.edits.len()), (Format::Staged, 1));
    let ours =
        parse_file(b"EmailAddress,home\nanna@contoso.example,cloud\n", &domains(), &to_cloud());
    assert_eq!(ours.unwrap().format, Format::Causeway);
}

#[test]
fn utf_16_reads_as_utf_8_does() {
    let text = "EmailAddress,MailboxType\r\n\"J\u{f6}rg@contoso.example\",PrimaryOnly\r\n";
    for bytes in [utf16(text, true), utf16(text, false), text.as_bytes().to_vec()] {
        check(
            &bytes,
            &to_cloud(),
            expect![[r#"
            remote_move
            address,home,state,batch,cloud_address,aliases,note
            Jörg@contoso.example,cloud,syncing,wave 7,,,
            checked and left to the migration service: MailboxType
        "#]],
        );
    }
    let mut cut = utf16(text, true);
    cut.pop();
    check(
        &cut,
        &to_cloud(),
        expect![[r#"
        line 2: half a character at the end: the file was cut off
    "#]],
    );
    check(
        &utf16(text, true)[2..],
        &to_cloud(),
        expect![[r#"
        line 1: a zero byte: UTF-16 wants its byte order mark; save the file as "CSV UTF-8"
    "#]],
    );
}

#[test]
fn every_mistake_is_listed_and_no_password_repeated() {
    let file = "EmailAddress,Password,ForceChangePassword,Departement\n\
        anna@contoso.example,Hunter2!,maybe,x\n\
        Hunter2!-in-the-wrong-place,Hunter2!Hunter2!,True,x\n\
        bert@elsewhere.example,Hunter2!Hunter2!,,x\n\
        cleo@contoso.example,short,False,x\n\
        ANNA@contoso.example,Hunter2!Hunter2!,True,x\n\
        dora@contoso.example,Hunter2!Hunter2!,True\n\
        \"emil@contoso.example\"x,Hunter2!,True,x\n\
        \n";
    let want = expect![[r#"
        line 1: Departement: unknown column: there are EmailAddress, Password, ForceChangePassword
        line 2: ForceChangePassword: want True or False
        line 3: EmailAddress: address has no @
        line 4: EmailAddress: elsewhere.example is not a relay domain: add it to the configuration
        line 5: Password: Exchange Online wants 8 characters or more
        line 6: EmailAddress: anna@contoso.example is in line 2 already
        line 7: want 4 fields as in the header, not 3
        line 8: text after a closing quote: want a comma or the end of the line
    "#]];
    check(file.as_bytes(), &to_cloud(), want);
    check(
        &utf16(file, true),
        &FileOptions { home: None, ..to_cloud() },
        expect![[r#"
        line 1: Departement: unknown column: there are EmailAddress, Password, ForceChangePassword
        line 1: home: such a file does not say where to: give the home beside it (--home SITE)
        line 2: ForceChangePassword: want True or False
        line 3: EmailAddress: address has no @
        line 4: EmailAddress: elsewhere.example is not a relay domain: add it to the configuration
        line 5: Password: Exchange Online wants 8 characters or more
        line 6: EmailAddress: anna@contoso.example is in line 2 already
        line 7: want 4 fields as in the header, not 3
        line 8: text after a closing quote: want a comma or the end of the line
    "#]],
    );
    let known = FileOptions { allow_unknown_columns: true, ..to_cloud() };
    let two = "EmailAddress,Department\nanna@contoso.example,x\n";
    check(
        two.as_bytes(),
        &known,
        expect![[r#"
        staged
        address,home,state,batch,cloud_address,aliases,note
        anna@contoso.example,cloud,syncing,wave 7,,,
        unknown columns were left out: Department
    "#]],
    );
    check(
        b"EmailAddress,UserName\nanna@contoso.example,\n",
        &to_cloud(),
        expect![[r#"
        line 1: Password: this column is missing from the header
        line 2: UserName: this must not be empty
    "#]],
    );
    check(
        b"EmailAddress,MailboxType,LargeItemLimit\nanna@contoso.example,Both,many\n",
        &to_cloud(),
        expect![[r#"
            line 2: MailboxType: want PrimaryOnly, ArchiveOnly or PrimaryAndArchive
            line 2: LargeItemLimit: want a number, or unlimited
        "#]],
    );
    check(
        b"EmailAddress,Password\n\n,\n",
        &to_cloud(),
        expect![[r#"
        line 1: there is no row below the header
    "#]],
    );
}

#[test]
fn a_file_has_no_more_rows_than_the_service_takes() {
    let file = |header: &str, rest: &str, n: usize| {
        let rows: String = (0..n).map(|it| format!("u{it}@contoso.example{rest}\n")).collect();
        format!("{header}\n{rows}")
    };
    let rows = |text: String| parse_file(text.as_bytes(), &domains(), &to_cloud());
    assert_eq!(rows(file("EmailAddress", "", 2_000)).unwrap().edits.len(), 2_000);
    let error = rows(file("EmailAddress", "", 2_001)).unwrap_err();
    assert_eq!(error.len(), 1);
    assert!(error[0].to_string().starts_with("line 2002: row 2001: Exchange Online takes 2000"));
    let imap = "EmailAddress,UserName,Password";
    assert!(rows(file(imap, ",a,b", 2_001)).is_ok());
    assert!(rows(file(imap, ",a,b", 50_001)).is_err());
    assert!(rows(file("address,home", ",cloud", 60_000)).is_ok(), "ours has no such bound");
}

#[test]
fn of_a_mailbox_whose_archive_alone_moves_the_mail_does_not() {
    check(
        b"EmailAddress,MailboxType\nanna@contoso.example,PrimaryOnly\nbert@contoso.example,archiveonly\n",
        &to_cloud(),
        expect![[r#"
            line 3: MailboxType: only the archive of this mailbox moves, its mail does not: leave the row out
        "#]],
    );
    let home = Some(mail::SiteName::new("on_prem"));
    let stays = FileOptions { home, ..to_cloud() };
    let archive = b"EmailAddress,MailboxType\nbert@contoso.example,ArchiveOnly\n";
    assert!(parse_file(archive, &domains(), &stays).is_ok());
}
