// Pages of a long list by position: what is seen is fetched, what was seen long ago is forgotten.

export interface Page<T> {
  total: number;
  generation: number;
  rows: T[];
}

export const PAGE = 200;
const KEEP = 40;
/** Somebody who drags the scroll bar wants the place where it stops. */
const SETTLE_MS = 40;

export class Pages<T> {
  total = 0;
  generation = 0;
  loaded = false;
  private pages = new Map<number, T[]>();
  private asked = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stop = new AbortController();

  constructor(
    private readonly fetch: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  row(index: number): T | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The rows from `first` to `last` are looked at. */
  want(first: number, last: number): void {
    clearTimeout(this.timer);
    const missing: number[] = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last) / PAGE); page += 1) {
      const rows = this.pages.get(page);
      if (rows) {
        this.pages.delete(page);
        this.pages.set(page, rows);
      } else if (!this.asked.has(page)) missing.push(page);
    }
    if (missing.length === 0) return;
    this.timer = setTimeout(() => missing.forEach((page) => void this.load(page)), this.loaded ? SETTLE_MS : 0);
  }

  private async load(page: number): Promise<void> {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    const { signal } = this.stop;
    try {
      const got = await this.fetch(page * PAGE, PAGE, signal);
      if (signal.aborted) return;
      if (this.loaded && got.generation !== this.generation) this.pages.clear();
      this.generation = got.generation;
      this.total = got.total;
      this.loaded = true;
      this.pages.set(page, got.rows);
      for (const old of this.pages.keys()) {
        if (this.pages.size <= KEEP) break;
        this.pages.delete(old);
      }
      this.changed();
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    } finally {
      this.asked.delete(page);
    }
  }

  /** Everything anew; what is shown stays until it comes. */
  refresh(first: number, last: number): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.asked.clear();
    const pages = new Set([Math.floor(first / PAGE), Math.floor(Math.max(first, last) / PAGE)]);
    for (const page of this.pages.keys()) if (!pages.has(page)) this.pages.delete(page);
    for (const page of pages) void this.load(page);
  }

  close(): void {
    clearTimeout(this.timer);
    this.stop.abort();
  }
}
