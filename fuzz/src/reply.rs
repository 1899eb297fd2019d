//! Replies of a server that is not trusted.

use smtp::client::{Capabilities, ReplyParser};

/// What a server sends. However it is cut, the same replies come out, each printable.
pub fn reply(bytes: &[u8]) {
    let whole = replies([bytes]);
    let Some((&cut, rest)) = bytes.split_first() else { return };
    let pieces = replies(rest.chunks(usize::from(cut % 32) + 1));
    let again = replies([rest]);
    assert_eq!(pieces, again, "the same bytes in pieces");
    drop(whole);
}

/// The replies up to the first mistake, and the mistake.
fn replies<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = ReplyParser::default();
    let mut found = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match parser.push(piece) {
                Ok((used, reply)) => {
                    assert!(used <= piece.len() && (used > 0 || reply.is_some()), "no progress");
                    piece = &piece[used..];
                    if let Some(reply) = reply {
                        let text = format!("{} {}", reply.code, reply.text);
                        assert!(
                            text.chars().all(|one| one == '\n' || !one.is_control()),
                            "{text:?}"
                        );
                        // Whatever a server claims to offer is understood or ignored.
                        Capabilities::from_ehlo(&reply);
                        found.push(text);
                    }
                }
                Err(_) => {
                    found.push("refused".into());
                    return found;
                }
            }
        }
    }
    found
}
