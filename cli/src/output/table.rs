//! Columns that line up, also across the pages of a list that is read as it is printed.

use super::{Colour, Paint, printable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One field of a row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    colour: Colour,
}

impl Cell {
    /// Any text; it is made harmless here.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), colour: Colour::Plain }
    }

    pub(crate) fn number(number: u64) -> Self {
        Self::new(number.to_string())
    }

    /// `-` for nothing, so that every row has as many words as the head.
    pub(crate) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) if !text.as_ref().is_empty() => Self::new(text),
            _ => Self::new("-").colour(Colour::Dim),
        }
    }

    pub(crate) const fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }
}

/// Rows under heads. Widths only grow, so that a later page lines up unless it must be wider.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<(&'static str, Align)>,
    widths: Vec<usize>,
    rows: Vec<Vec<Cell>>,
    head_shown: bool,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    pub(crate) fn new(heads: &[(&'static str, Align)]) -> Self {
        let widths = heads.iter().map(|(head, _)| head.chars().count()).collect();
        Self { heads: heads.to_vec(), widths, rows: Vec::new(), head_shown: false }
    }

    /// Adds a row; it has a cell for each head.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.text.chars().count());
        }
        self.rows.push(cells);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows added since the last time, under the heads the first time.
    pub(crate) fn render(&mut self, paint: Paint) -> String {
        let mut out = String::new();
        if !self.head_shown {
            self.head_shown = true;
            let heads = self.heads.iter().map(|(head, _)| Cell::new(head).colour(Colour::Bold));
            self.write_row(&mut out, &heads.collect::<Vec<_>>(), paint);
        }
        for row in std::mem::take(&mut self.rows) {
            self.write_row(&mut out, &row, paint);
        }
        out
    }

    fn write_row(&self, out: &mut String, cells: &[Cell], paint: Paint) {
        let last = cells.len().saturating_sub(1);
        for (column, cell) in cells.iter().enumerate() {
            let space = " ".repeat(self.widths[column].saturating_sub(cell.text.chars().count()));
            let text = paint.text(cell.colour, &cell.text);
            match self.heads[column].1 {
                Align::Right => out.extend([space.as_str(), &text]),
                Align::Left if column == last => out.push_str(&text),
                Align::Left => out.extend([text.as_str(), &space]),
            }
            out.push_str(if column == last { "\n" } else { GAP });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn sample() -> Table {
        let mut table =
            Table::new(&[("ADDRESS", Align::Left), ("N", Align::Right), ("NOTE", Align::Left)]);
        table.row(vec![
            Cell::new("anna@contoso.example"),
            Cell::number(7),
            Cell::maybe(None::<&str>),
        ]);
        table.row(vec![Cell::new("b@x"), Cell::number(1200), Cell::new("moves\ton Monday")]);
        table
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        expect![[r"
            ADDRESS                  N  NOTE
            anna@contoso.example     7  -
            b@x                   1200  moves\u{9}on Monday
        "]]
        .assert_eq(&sample().render(Paint::new(false)));
    }

    #[test]
    fn a_later_page_lines_up_and_has_no_heads() {
        let mut table = sample();
        table.render(Paint::new(false));
        table.row(vec![Cell::new("c@x"), Cell::number(3), Cell::new("n")]);
        assert_eq!(table.render(Paint::new(false)), "c@x                      3  n\n");
        assert_eq!(table.render(Paint::new(false)), "");
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let mut table = Table::new(&[("A", Align::Left), ("B", Align::Left)]);
        table.row(vec![Cell::new("up").colour(Colour::Green), Cell::new("x")]);
        assert_eq!(
            table.render(Paint::new(true)),
            "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[32mup\x1b[0m  x\n"
        );
    }
}
