// The arithmetic of a list too long for the page. Browsers give up on elements of some 17 million
// pixels, so a longer list has a scroll bar that stands for more than it measures.

export const TALLEST = 8_000_000;

export interface Frame {
  /** Height of what is scrolled. */
  height: number;
  /** First row that is seen, and how many pixels of it are above the edge. */
  first: number;
  above: number;
  /** Rows to draw. */
  shown: number;
}

/** How far the list can be scrolled, in its own pixels. */
export const reach = (total: number, row: number, view: number): number => Math.max(0, total * row - view);

export function frame(total: number, row: number, view: number, at: number): Frame {
  const height = Math.min(total * row, TALLEST);
  const place = Math.min(Math.max(0, at), reach(total, row, view));
  const first = Math.floor(place / row);
  const shown = Math.min(total - first, Math.ceil(view / row) + 1);
  return { height, first, above: place - first * row, shown: Math.max(0, shown) };
}

/** From the scroll bar's place to the list's, and back. */
export function fromBar(bar: number, total: number, row: number, view: number): number {
  const height = Math.min(total * row, TALLEST);
  if (height <= view) return 0;
  return (bar / (height - view)) * reach(total, row, view);
}

export function toBar(at: number, total: number, row: number, view: number): number {
  const height = Math.min(total * row, TALLEST);
  const most = reach(total, row, view);
  return most === 0 ? 0 : (at / most) * (height - view);
}

/** The place from which row `index` is wholly seen, nearest to `at`. */
export function reveal(index: number, row: number, view: number, at: number): number {
  const top = index * row;
  if (top < at) return top;
  if (top + row > at + view) return top + row - view;
  return at;
}
