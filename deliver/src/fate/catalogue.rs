//! The table of known replies: `data/replies.toml`, read once.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use mail::{Enhanced, Reply};
use serde::Deserialize;

use super::HopKind;

/// The rows that this program was built with. They are checked by the tests of this file, so
/// reading them cannot fail in a build that passed.
pub(super) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let text = include_str!("../../data/replies.toml");
    Catalogue::parse(text).expect("the rows are checked when the program is built")
});

#[derive(Debug)]
pub(super) struct Catalogue {
    rows: Vec<Row>,
}

/// One known reply. Names end up in metrics and logs.
#[derive(Debug)]
pub(super) struct Row {
    pub name: Box<str>,
    codes: Vec<u16>,
    enhanced: Vec<EnhancedRange>,
    /// Lower case.
    text: Vec<String>,
    any_hop: bool,
    pub action: Action,
    pub after: Option<Duration>,
    pub bounce_after: Option<Duration>,
    pub meaning: Box<str>,
    pub advice: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Retry,
    ThrottleRecipient,
    SlowDown,
    HopDown,
    PreferIpv4,
    HoldSite,
    DirectoryLag,
    HoldLoop,
    Bounce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EnhancedRange {
    first: Enhanced,
    last_detail: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    reply: Vec<RawRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    name: Box<str>,
    #[serde(default)]
    codes: Vec<u16>,
    #[serde(default)]
    enhanced: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    hops: RawHops,
    action: Action,
    after_s: Option<u64>,
    bounce_after_s: Option<u64>,
    meaning: Box<str>,
    advice: Box<str>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawHops {
    #[default]
    Site,
    Any,
}

impl Catalogue {
    fn parse(text: &str) -> Result<Self, String> {
        let raw: RawCatalogue = toml::from_str(text).map_err(|it| it.to_string())?;
        Ok(Self { rows: raw.reply.into_iter().map(Row::check).collect::<Result<_, _>>()? })
    }

    /// The first row that fits.
    pub(super) fn find(&self, reply: &Reply, hop: HopKind) -> Option<&Row> {
        let mut text = None;
        self.rows.iter().find(|it| it.fits(reply, hop, &mut text))
    }

    /// The page `docs/reference/replies.md`.
    pub(super) fn markdown(&self) -> String {
        let mut page = String::from(PAGE_HEAD);
        for row in &self.rows {
            let _ = write!(
                page,
                "\n### {}\n\n{}: {}.\n\n- Means: {}\n- Do: {}\n",
                row.name,
                row.pattern(),
                row.consequence(),
                row.meaning,
                row.advice
            );
        }
        page
    }
}

const PAGE_HEAD: &str = "\
# Replies of next hops

Generated from `deliver/data/replies.toml` (`UPDATE_EXPECT=1 cargo test -p deliver`); edit that.

The first row that fits a reply decides what happens. A reply that no row knows is retried when
its code begins with 4 and bounced when it begins with 5. The names are the values of the label
`row` in metrics and of the field `row` in logs.
";

impl Row {
    fn check(raw: RawRow) -> Result<Self, String> {
        let needs_after = matches!(raw.action, Action::ThrottleRecipient | Action::SlowDown);
        if needs_after != raw.after_s.is_some() && raw.action != Action::Retry {
            return Err(format!("{}: after_s does not go with its action", raw.name));
        }
        if raw.codes.is_empty() && raw.enhanced.is_empty() {
            return Err(format!("{}: fits every reply", raw.name));
        }
        let enhanced: Option<Vec<_>> = raw.enhanced.iter().map(|it| parse_range(it)).collect();
        Ok(Self {
            enhanced: enhanced.ok_or_else(|| format!("{}: not an enhanced code", raw.name))?,
            name: raw.name,
            codes: raw.codes,
            text: raw.text.iter().map(|it| it.to_lowercase()).collect(),
            any_hop: raw.hops == RawHops::Any,
            action: raw.action,
            after: raw.after_s.map(Duration::from_secs),
            bounce_after: raw.bounce_after_s.map(Duration::from_secs),
            meaning: raw.meaning,
            advice: raw.advice,
        })
    }

    /// `lower` keeps the reply's text in lower case once a row has asked for it.
    fn fits(&self, reply: &Reply, hop: HopKind, lower: &mut Option<String>) -> bool {
        let hop_fits = self.any_hop || hop != HopKind::Stranger;
        let code_fits = self.codes.is_empty() || self.codes.contains(&reply.code);
        let enhanced_fits = self.enhanced.is_empty()
            || reply.enhanced.is_some_and(|it| self.enhanced.iter().any(|range| range.has(it)));
        if !hop_fits || !code_fits || !enhanced_fits {
            return false;
        }
        if self.text.is_empty() {
            return true;
        }
        let lower = lower.get_or_insert_with(|| reply.text.to_lowercase());
        self.text.iter().any(|it| lower.contains(it.as_str()))
    }

    fn pattern(&self) -> String {
        let list = |words: Vec<String>| words.join(" or ");
        let mut parts = Vec::new();
        if !self.codes.is_empty() {
            parts.push(list(self.codes.iter().map(|it| format!("`{it}`")).collect()));
        }
        if !self.enhanced.is_empty() {
            parts.push(list(self.enhanced.iter().map(|it| format!("`{it}`")).collect()));
        }
        if !self.text.is_empty() {
            let words = self.text.iter().map(|it| format!("\"{it}\"")).collect();
            parts.push(format!("with {}", list(words)));
        }
        if !self.any_hop {
            parts.push("from a site or the smart host".into());
        }
        parts.join(", ")
    }

    fn consequence(&self) -> String {
        let what = match self.action {
            Action::Retry => "retried",
            Action::ThrottleRecipient => "this recipient waits",
            Action::SlowDown => "waits, and the hop gets half the connections",
            Action::HopDown => "retried, and the hop counts as failing",
            Action::PreferIpv4 => "retried over IPv4",
            Action::HoldSite => "the site is held and an operator is called",
            Action::DirectoryLag => "retried while the mailbox has moved lately, then bounced",
            Action::HoldLoop => "the recipient is held",
            Action::Bounce => "bounced",
        };
        let mut text = what.to_owned();
        if let Some(after) = self.after {
            let _ = write!(text, ", again after {} s", after.as_secs());
        }
        if let Some(after) = self.bounce_after {
            let _ = write!(text, ", bounced after {} h", after.as_secs() / 3600);
        }
        text
    }

    #[cfg(test)]
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        CATALOGUE.rows.iter().map(|it| &*it.name)
    }
}

impl EnhancedRange {
    fn has(self, code: Enhanced) -> bool {
        (code.class, code.subject) == (self.first.class, self.first.subject)
            && (self.first.detail..=self.last_detail).contains(&code.detail)
    }
}

impl std::fmt::Display for EnhancedRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last_detail != self.first.detail {
            write!(f, "-{}", self.last_detail)?;
        }
        Ok(())
    }
}

fn parse_range(text: &str) -> Option<EnhancedRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, ""));
    let first: Enhanced = first.parse().ok()?;
    let last_detail = if last.is_empty() { first.detail } else { last.parse().ok()? };
    (last_detail >= first.detail).then_some(EnhancedRange { first, last_detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "[[reply]]\nname = 'x'\nmeaning = ''\nadvice = ''\n";

    #[test]
    fn mistakes_in_rows_are_found() {
        let error = |rest: &str| Catalogue::parse(&format!("{ROW}{rest}")).unwrap_err();
        assert!(error("action = 'retry'").contains("fits every reply"));
        assert!(error("action = 'slow_down'\ncodes = [421]").contains("after_s"));
        assert!(error("action = 'bounce'\ncodes = [421]\nafter_s = 1").contains("after_s"));
        assert!(error("action = 'bounce'\nenhanced = ['5.1.9-3']").contains("enhanced"));
        assert!(error("action = 'explode'\ncodes = [421]").contains("explode"));
        assert!(error("action = 'bounce'\ncodes = [421]\ncolour = 1").contains("colour"));
    }

    #[test]
    fn ranges_are_of_the_last_number() {
        let range = parse_range("4.7.500-699").unwrap();
        assert!(range.has(Enhanced::new(4, 7, 500)) && range.has(Enhanced::new(4, 7, 699)));
        assert!(!range.has(Enhanced::new(4, 7, 700)) && !range.has(Enhanced::new(5, 7, 500)));
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/replies.md");
        let page = CATALOGUE.markdown();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let on_disk = std::fs::read_to_string(path).unwrap_or_default();
        assert!(on_disk == page, "docs/reference/replies.md: run with UPDATE_EXPECT=1");
    }
}
