//! "Did you mean …": the nearest name that exists.

/// The candidate that `word` is most likely a misspelling of, if any is near enough: a third of
/// its letters may differ, at most three.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|it| (distance(word, it), it))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, it)| it)
}

/// `: did you mean "x"?`, or nothing.
pub(crate) fn hint<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|it| format!(": did you mean {it:?}?")).unwrap_or_default()
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`, where `-`
/// and `_` and the cases are the same. Words beyond 64 characters are no misspelling of ours.
fn distance(a: &str, b: &str) -> usize {
    let letters = |it: &str| -> Vec<char> {
        it.chars().take(64).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 { i + j } else { step(&rows, &a, &b, i, j) };
        }
    }
    rows[a.len()][b.len()]
}

fn step(rows: &[Vec<usize>], a: &[char], b: &[char], i: usize, j: usize) -> usize {
    let differs = usize::from(a[i - 1] != b[j - 1]);
    let best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
    if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_far_fetched() {
        let words = ["hostname", "data_dir", "data_threads", "bind"];
        let near = |word: &str| nearest(word, words.into_iter());
        assert_eq!(near("hostnam"), Some("hostname"));
        assert_eq!(near("Data-Dir"), Some("data_dir"));
        assert_eq!(near("bnid"), Some("bind"));
        assert_eq!(near("port"), None);
        assert_eq!(near(""), None);
    }
}
