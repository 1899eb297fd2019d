//! The pages for operators, served by the gateway itself: whoever needs them may have no internet.
//! No token: they say nothing of this gateway, and a login may be what does not work.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

/// A page: its name in the address, and its text.
struct Page {
    name: &'static str,
    text: &'static str,
}

macro_rules! pages {
    ($($folder:literal: $($name:literal)+;)+) => {
        &[$($(Page {
            name: $name,
            text: include_str!(concat!("../../docs/", $folder, "/", $name, ".md")),
        },)+)+]
    };
}

/// The order is that of the index: what happens first, what is looked up last.
const PAGES: &[Page] = pages! {
    "ops":
        "install" "first-day" "moving-a-mailbox" "changing-the-table" "routing-rules" "directory"
        "console" "mail-is-slow" "outage" "faulted-site" "restore" "upgrade" "access" "monitoring" "alerts"
        "alert-site-down" "alert-site-held" "alert-mail-waits" "alert-disk"
        "alert-certificate-expires" "alert-damage-on-disk" "alert-no-inbound-mail"
        "alert-canary-rolled-back" "alert-cutover-expired" "alert-directory-stale" "alert-break-glass"
        "alert-ledger"
        "alert-duplicates" "alert-gone";
    "reference": "configuration" "cli" "metrics" "replies" "api";
};

const STYLE: &str = include_str!("help.css");

/// Nothing but text and our own style sheet.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// `GET /help/`: the list of pages.
pub(crate) async fn index() -> Response {
    let mut list = String::from("<h1>Help</h1>\n<ul>\n");
    for page in PAGES {
        let title = escaped(title(page.text));
        let row = writeln!(list, "<li><a href=\"/help/{}\">{title}</a></li>", page.name);
        row.expect("a String takes any text");
    }
    list.push_str("</ul>\n");
    html(StatusCode::OK, "Help", "", &list)
}

/// `GET /help/{page}`: one of them.
pub(crate) async fn page(Path(name): Path<String>) -> Response {
    if name == "help.css" {
        return (headers("text/css; charset=utf-8"), STYLE).into_response();
    }
    match find(&name) {
        Some(page) => html(StatusCode::OK, title(page.text), "", &render(page.text)),
        None => html(
            StatusCode::NOT_FOUND,
            "No such page",
            "",
            "<h1>No such page</h1>\n<p><a href=\"/help/\">All pages</a></p>\n",
        ),
    }
}

/// Whether there is a page of that name: alerts name theirs.
pub fn has_page(name: &str) -> bool {
    find(name).is_some()
}

fn find(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|it| it.name == name)
}

/// The first line, without its mark.
fn title(text: &'static str) -> &'static str {
    text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
}

fn render(text: &str) -> String {
    let mut in_link_to_nowhere = false;
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => match target(&dest_url) {
            Some(dest_url) => Some(Event::Start(Tag::Link { link_type, dest_url, title, id })),
            None => {
                in_link_to_nowhere = true;
                None
            }
        },
        Event::End(TagEnd::Link) if std::mem::take(&mut in_link_to_nowhere) => None,
        // The pages have none; nothing raw goes out.
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        other => Some(other),
    });
    let mut out = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut out, parser);
    // A wide table scrolls by itself, so that a phone's page does not.
    out.replace("<table>", "<div class=\"wide\" tabindex=\"0\"><table>")
        .replace("</table>", "</table></div>")
}

/// Where a link of a page leads here; `None` to what is only in the source.
fn target(link: &str) -> Option<CowStr<'static>> {
    if link.starts_with('#') || link.contains("://") {
        return Some(link.to_owned().into());
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let name = path.rsplit('/').next()?.strip_suffix(".md")?;
    find(name)?;
    let hash = if fragment.is_empty() { "" } else { "#" };
    Some(format!("/help/{name}{hash}{fragment}").into())
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page of ours; `head` and `body` are HTML.
pub(crate) fn html(status: StatusCode, title: &str, head: &str, body: &str) -> Response {
    let title = escaped(title);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - Causeway</title>\n<link rel=\"stylesheet\" href=\"/help/help.css\">\n\
         {head}</head>\n<body>\n<header><a href=\"/help/\">Causeway help</a></header>\n<main>\n{body}\
         </main>\n</body>\n</html>\n"
    );
    (status, headers("text/html; charset=utf-8"), Html(page)).into_response()
}

fn headers(kind: &'static str) -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_folder_is_served_and_its_links_lead_somewhere() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ops");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(has_page(name.trim_end_matches(".md")), "{name} is not in PAGES");
        }
        for page in PAGES {
            for event in Parser::new(page.text) {
                let Event::Start(Tag::Link { dest_url, .. }) = event else { continue };
                // What is not for operators, or not a page, is only in the source.
                let in_source = dest_url.contains("/adr")
                    || dest_url.contains("/formats")
                    || dest_url.contains("/samples/");
                let leads = target(&dest_url).is_some() || in_source;
                assert!(leads, "{}: {dest_url} leads nowhere", page.name);
            }
        }
    }

    #[test]
    fn links_are_rewritten_and_nothing_raw_goes_out() {
        let out = render("[a](outage.md#x), [b](../adr/0001-shards.md) <b>c</b>\n");
        let expected = "<p><a href=\"/help/outage#x\">a</a>, b &lt;b&gt;c&lt;/b&gt;</p>\n";
        assert_eq!(out, expected);
    }
}
