// A list of any length: only the rows that are seen exist, and one of them is the active one.
// Arrow keys, j and k, page keys and Home and End move it; Enter opens, Space peeks, x selects.
import { Component, type ComponentChildren, type JSX } from "preact";
import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { rowHeight } from "../lib/prefs.ts";
import { frame, fromBar, reach, reveal, TALLEST, toBar } from "../lib/window.ts";

export interface Column<T> {
  id: string;
  title: string;
  /** A track of a CSS grid. */
  width: string;
  /** `live`: the row is the active one or under the pointer, so that controls in it can be used. */
  render: (row: T, live: boolean) => ComponentChildren;
  /** Left out on narrow screens. */
  wide?: boolean;
  end?: boolean;
}

interface Props<T> {
  label: string;
  total: number;
  columns: readonly Column<T>[];
  row: (index: number) => T | undefined;
  /** Rows that are seen, so that they may be fetched. */
  seen?: (first: number, last: number) => void;
  open?: (row: T, index: number) => void;
  peek?: (row: T, index: number) => void;
  select?: (row: T, index: number) => void;
  selected?: (row: T) => boolean;
  marked?: (row: T) => string | undefined;
  /** For keys of the screen: which row is the active one. */
  onActive?: (row: T | undefined, index: number) => void;
  name?: (row: T) => string;
}

interface RowProps {
  id: string;
  index: number;
  row: unknown;
  columns: readonly Column<unknown>[];
  height: number;
  active: boolean;
  selected: boolean;
  selectable: boolean;
  mark: string;
  activate: (index: number) => void;
  open: (row: unknown, index: number) => void;
}

/** A row is drawn anew only if it became another. One that left at an edge comes in at the other. */
class GridRow extends Component<RowProps, { hovered: boolean }> {
  override state = { hovered: false };

  override shouldComponentUpdate(next: RowProps, state: { hovered: boolean }): boolean {
    const now = this.props;
    return state.hovered !== this.state.hovered || (Object.keys(next) as (keyof RowProps)[]).some((it) => next[it] !== now[it]);
  }

  override render(): JSX.Element {
    const { id, index, row, columns, height, active, selected, selectable, mark, activate, open } = this.props;
    const live = active || this.state.hovered;
    return (
      <div id={id} role="row" aria-rowindex={index + 2} style={{ height: `${height}px` }} aria-selected={selectable ? selected : active}
        class={`row${active ? " active" : ""}${selected ? " selected" : ""}${mark ? ` ${mark}` : ""}`}
        onMouseEnter={() => this.setState({ hovered: true })} onMouseLeave={() => this.setState({ hovered: false })}
        onClick={() => activate(index)} onDblClick={() => row !== undefined && open(row, index)}>
        {columns.map((it) => cell(it, row === undefined ? <span class="bone" aria-hidden="true" /> : it.render(row, live), "gridcell"))}
      </div>
    );
  }
}

function cell(it: Column<never>, content: ComponentChildren, role: "gridcell" | "columnheader"): JSX.Element {
  return <div key={it.id} role={role} class={`cell c-${it.id}${it.wide ? " wide-only" : ""}${it.end ? " end" : ""}`}>{content}</div>;
}

/** Height of the column titles with their line. */
const HEAD = 36;
/** Pixels for one line of a wheel that counts in lines. */
const LINE = 16;

export function Grid<T>(props: Props<T>): JSX.Element {
  const { total, columns, row, seen } = props;
  const height = rowHeight();
  const box = useRef<HTMLDivElement>(null);
  const at = useRef(0);
  const moved = useRef(false);
  const [, paint] = useState(0);
  const [view, setView] = useState(400);
  const [active, setActive] = useState(0);
  const id = useId();
  const most = reach(total, height, view);
  if (at.current > most) at.current = most;
  const { first, above, shown, height: tall } = frame(total, height, view, at.current);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = new ResizeObserver(() => setView(element.clientHeight || 400));
    measure.observe(element);
    return () => measure.disconnect();
  }, []);

  const place = useCallback((to: number) => {
    const next = Math.min(Math.max(0, to), reach(total, height, view));
    at.current = next;
    if (box.current) {
      moved.current = true;
      box.current.scrollTop = toBar(next, total, height, view);
    }
    paint((it) => it + 1);
  }, [total, height, view]);

  const scrolled = () => {
    if (moved.current) {
      moved.current = false;
      return;
    }
    at.current = fromBar(box.current?.scrollTop ?? 0, total, height, view);
    paint((it) => it + 1);
  };

  // In a list whose bar stands for more than it measures, the wheel still moves by what it says.
  useEffect(() => {
    const element = box.current;
    if (!element || total * height <= tall) return;
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey || !event.deltaY) return;
      event.preventDefault();
      place(at.current + event.deltaY * (event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? view : 1));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [place, total, height, tall, view]);

  useEffect(() => {
    if (total > 0) seen?.(first, first + shown - 1);
  }, [first, shown, total, seen]);

  const current = Math.min(active, Math.max(0, total - 1));
  const activeRow = total > 0 ? row(current) : undefined;
  useEffect(() => props.onActive?.(activeRow, current), [activeRow, current]);

  const move = (to: number) => {
    const next = Math.min(Math.max(0, to), total - 1);
    setActive(next);
    place(reveal(next, height, view, at.current));
  };

  const key = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey || total === 0) return;
    const page = Math.max(1, Math.floor(view / height) - 1);
    const steps: Record<string, () => void> = {
      ArrowDown: () => move(current + 1), j: () => move(current + 1),
      ArrowUp: () => move(current - 1), k: () => move(current - 1),
      PageDown: () => move(current + page), PageUp: () => move(current - page),
      Home: () => move(0), End: () => move(total - 1),
      Enter: () => activeRow && props.open?.(activeRow, current),
      " ": () => activeRow && (props.peek ?? props.open)?.(activeRow, current),
      x: () => { if (activeRow) props.select?.(activeRow, current); },
    };
    const step = steps[event.key];
    if (!step || (event.key === "x" && !props.select)) return;
    event.preventDefault();
    event.stopPropagation();
    step();
  };

  const template = columns.map((it) => it.width).join(" ");
  const narrow = columns.filter((it) => !it.wide).map((it) => it.width).join(" ");
  const slots = Math.ceil(view / height) + 1;
  const opened = useRef(props.open);
  opened.current = props.open;
  const openRow = useCallback((it: T, index: number) => opened.current?.(it, index), []);
  return (
    <div class="grid" style={{ "--columns": template, "--columns-narrow": narrow, "--rows-high": `${Math.min(total * height, TALLEST) + HEAD}px` }}>
      <div role="grid" aria-label={props.label} aria-rowcount={total + 1} aria-multiselectable={props.select ? true : undefined} tabIndex={0} class="grid-focus"
        aria-activedescendant={activeRow ? `${id}-${current}` : undefined} onKeyDown={key}>
        <div role="rowgroup" class="grid-head">
          <div role="row" aria-rowindex={1} class="row">{columns.map((it) => cell(it, it.title, "columnheader"))}</div>
        </div>
        <div role="rowgroup" class="grid-body" ref={box} onScroll={scrolled} tabIndex={-1}>
          <div role="presentation" class="spacer" style={{ height: `${tall}px` }}>
            <div role="presentation" class="layer" style={{ height: `${Math.min(view, tall)}px` }}>
              <div role="presentation" style={{ transform: `translateY(${-above}px)` }}>
                {Array.from({ length: shown }, (_, n) => {
                  const index = first + n;
                  const it = row(index);
                  return (
                    <GridRow key={index % slots} id={`${id}-${index}`} index={index} row={it} columns={columns as readonly Column<unknown>[]} height={height} active={index === current}
                      selected={it ? props.selected?.(it) ?? false : false} selectable={props.select !== undefined} mark={(it && props.marked?.(it)) ?? ""} activate={setActive} open={openRow as (row: unknown, index: number) => void} />
                  );
                })}
              </div>
            </div>
          </div>
        </div>
      </div>
    </div>
  );
}
