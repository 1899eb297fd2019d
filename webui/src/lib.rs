//! The web pages, built from TypeScript in `app/` and embedded: the operator's console.
//!
//! `build.rs` makes them with npm and esbuild. Names carry a hash of the content, so that all but
//! the first page may be kept for ever; each file is here compressed too.

/// One file as it was built.
struct File {
    name: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page that everything begins with.
pub const INDEX: &str = "index.html";

/// A file, in the smallest form that the browser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    pub bytes: &'static [u8],
    pub content_type: &'static str,
    /// For `Content-Encoding`.
    pub encoding: Option<&'static str>,
    /// Its name changes whenever its content does.
    pub immutable: bool,
}

/// The file at `path`, relative to the console's root; `accept` is the request's `Accept-Encoding`.
pub fn asset(path: &str, accept: &str) -> Option<Asset> {
    let file = FILES.iter().find(|it| it.name == path)?;
    let forms = [("br", file.brotli), ("gzip", file.gzip)];
    let packed = forms
        .into_iter()
        .find_map(|(name, bytes)| bytes.filter(|_| accepts(accept, name)).map(|it| (name, it)));
    let (encoding, bytes) = packed.map_or((None, file.bytes), |(name, it)| (Some(name), it));
    Some(Asset { bytes, content_type: content_type(path), encoding, immutable: path != INDEX })
}

/// RFC 9110 §12.5.3, without `*`: who does not name a coding gets the plain file.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(coding));
        let refused = parts.any(|it| {
            let weight = it.strip_prefix("q=").and_then(|it| it.parse::<f32>().ok());
            weight.is_some_and(|it| it == 0.0)
        });
        named && !refused
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_is_never_kept_and_what_it_names_is_here() {
        let index = asset(INDEX, "").unwrap();
        assert!(!index.immutable);
        assert_eq!(index.content_type, "text/html; charset=utf-8");
        let page = std::str::from_utf8(index.bytes).unwrap();
        let named = page.split('"').filter_map(|it| it.strip_prefix("/console/"));
        for name in named.filter(|it| it.contains('.')) {
            assert!(asset(name, "").unwrap().immutable, "{name}");
        }
        assert_eq!(asset("nothing.js", ""), None);
        assert_eq!(asset("../Cargo.toml", ""), None);
    }

    #[test]
    fn nothing_in_the_page_is_inline() {
        let page = std::str::from_utf8(asset(INDEX, "").unwrap().bytes).unwrap();
        assert!(!page.contains("<style"), "{page}");
        assert!(!page.contains(" style="), "{page}");
        for script in page.split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains("src="), "{script}");
        }
    }

    #[test]
    fn a_coding_is_used_only_when_it_is_offered() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("gzip;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0, br", "gzip"));
        assert!(!accepts("", "br"));
        for file in FILES {
            let form = |accept| asset(file.name, accept).unwrap();
            assert_eq!(form("").bytes, file.bytes);
            let packed = form("gzip, br");
            assert!(packed.bytes.len() <= file.bytes.len(), "{}", file.name);
            assert_eq!(packed.encoding.is_some(), file.brotli.is_some());
        }
    }
}
