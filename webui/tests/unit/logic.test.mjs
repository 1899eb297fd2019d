// What needs no browser: arithmetic of long lists, drafts, the stream's parser, words and numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "../../types.mjs";
import { load } from "./load.mjs";

const window_ = await load("lib/window.ts");
const format = await load("lib/format.ts");
const draft = await load("lib/draft.ts");
const { EventParser } = await load("lib/live.ts");
const { Pages, PAGE } = await load("lib/pages.ts");

test("the bar of a long list and its place say the same at both ends", () => {
  const [total, row, view] = [1_000_000, 32, 600];
  const most = window_.reach(total, row, view);
  for (const at of [0, 1, most / 3, most - 1, most]) {
    const back = window_.fromBar(window_.toBar(at, total, row, view), total, row, view);
    assert.ok(Math.abs(back - at) < 1e-3 * row, `${at}: ${back}`);
  }
  const end = window_.frame(total, row, view, most);
  assert.equal(end.first + end.shown, total);
  assert.equal(end.height, window_.TALLEST);
});

test("a short list is as tall as its rows", () => {
  assert.deepEqual(window_.frame(10, 32, 600, 0), { height: 320, first: 0, above: 0, shown: 10 });
  assert.equal(window_.fromBar(50, 10, 32, 600), 0);
  assert.equal(window_.reveal(3, 32, 64, 0), 64);
  assert.equal(window_.reveal(0, 32, 64, 40), 0);
});

test("numbers come with units that people read", () => {
  assert.deepEqual([0, 59, 61, 3600, 7260, 90_000].map(format.span), ["0 s", "59 s", "1 min 1 s", "1 h", "2 h 1 min", "1 d 1 h"]);
  assert.deepEqual([512, 1500, 268_400_000].map(format.bytes), ["512 B", "1.5 KB", "268.4 MB"]);
  assert.deepEqual([format.plural(1, "edit"), format.plural(1234, "edit")], ["1 edit", "1,234 edits"]);
  assert.deepEqual([999, 12_400, 1_200_000].map(format.short), ["999", "12.4 k", "1.2 M"]);
  assert.equal(format.clock("2026-11-27T16:05:09Z", true), "2026-11-27 16:05:09");
  assert.equal(format.ago(1000, 121_000), "2 min ago");
});

const row = (address, home = "on_prem") => ({ address, home, state: "on_prem", batch: null, cloud_address: null, aliases: [], note: null, changed_at: "", generation: 1 });

test("an edit that is taken back leaves the draft", () => {
  draft.put(new Map());
  draft.edit([row("a@x"), row("b@x")], { home: "cloud" });
  draft.edit([row("a@x")], { state: "cloud" });
  assert.deepEqual(draft.edits(), [
    { op: "set", address: "a@x", entry: { home: "cloud", state: "cloud" } },
    { op: "set", address: "b@x", entry: { home: "cloud" } },
  ]);
  draft.edit([row("b@x")], { home: "on_prem" });
  assert.equal(draft.draftCount.value, 1);
  draft.edit([row("a@x")], null);
  assert.deepEqual(draft.edits(), [{ op: "remove", address: "a@x" }]);
  draft.edit([{ address: "new@x" }], { home: "cloud" });
  draft.edit([{ address: "new@x" }], null);
  assert.equal(draft.draftCount.value, 1, "a mailbox that never was need not be removed");
});

test("events are whole however the bytes are cut", () => {
  const text = "id: 7\r\nevent: flow\r\ndata: {\"a\":1}\r\n\r\n: keep-alive\n\ndata: one\ndata: two\n\nevent: lost\n\n";
  for (let size = 1; size < text.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(found, [{ event: "flow", id: "7", data: { a: 1 } }, { event: "message", id: "7", data: "one\ntwo" }], `in pieces of ${size}`);
  }
});

test("pages are asked for once, and forgotten when the table is another", async () => {
  const asked = [];
  let generation = 1;
  let changed = 0;
  const pages = new Pages(async (offset, limit) => {
    asked.push(offset);
    return { total: 1000, generation, rows: Array.from({ length: limit }, (_, n) => `${generation}:${offset + n}`) };
  }, () => { changed += 1; }, assert.fail);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 80));
  pages.want(0, 30);
  await settle();
  assert.deepEqual([asked, pages.row(7), pages.row(PAGE)], [[0], "1:7", undefined]);
  pages.want(0, 30);
  pages.want(PAGE - 5, PAGE + 5);
  await settle();
  assert.deepEqual([asked, pages.row(PAGE + 1)], [[0, PAGE], `1:${PAGE + 1}`]);
  generation = 2;
  pages.want(3 * PAGE, 3 * PAGE + 1);
  await settle();
  assert.deepEqual([pages.row(0), pages.row(3 * PAGE), changed], [undefined, `2:${3 * PAGE}`, 3]);
});

test("schemas become types", () => {
  assert.equal(type({ type: ["string", "null"] }), "string | null");
  assert.equal(type({ anyOf: [{ $ref: "#/components/schemas/Entry" }, { type: "null" }] }), "Entry | null");
  assert.equal(type({ type: "array", items: { enum: ["a", "b"] } }), '("a" | "b")[]');
  assert.equal(type({ type: "object", properties: { a: { type: "integer" } }, required: [] }), "{\n  a?: number;\n}");
  assert.equal(type({ type: "object", additionalProperties: { type: "string" } }), "Record<string, string>");
});

test("a clock on a wall says one moment", async () => {
  const { moment } = await load("lib/terms.ts");
  assert.equal(moment("2026-11-28T22:00", "Europe/Berlin"), Date.UTC(2026, 10, 28, 21));
  assert.equal(moment("2026-07-01T22:00", "America/New_York"), Date.UTC(2026, 6, 2, 2));
  assert.equal(moment("2026-11-28T22:00", "UTC"), Date.UTC(2026, 10, 28, 22));
  assert.equal(moment("2026-03-29T02:30", "Europe/Berlin"), Date.UTC(2026, 2, 29, 1, 30), "the clocks go forward over it");
  assert.equal(moment("2026-10-25T02:30", "Europe/Berlin"), Date.UTC(2026, 9, 25, 0, 30), "it comes twice: the first");
  assert.equal(moment("2026-10-25T03:30", "Europe/Berlin"), Date.UTC(2026, 9, 25, 2, 30));
  assert.equal(moment("2026-11-28T22:00", "Europe/Nowhere"), undefined);
  assert.equal(moment("", "UTC"), undefined);
});

test("terms go into a plan and into a file's query", async () => {
  const { bodyOf, queryOf, PLAIN } = await load("lib/terms.ts");
  const plain = (it) => JSON.parse(JSON.stringify(it));
  assert.deepEqual(plain(bodyOf(PLAIN)), {});
  const terms = { ...PLAIN, when: "later", at: "2026-11-28T22:00", zone: "Europe/Berlin", first: "some", amount: "5", unit: "percent", deliveries: "20", minutes: "", bounces: "3", second: true };
  assert.deepEqual(plain(bodyOf(terms)), { not_before: "2026-11-28T22:00", time_zone: "Europe/Berlin", canary: { percent: 5, after_deliveries: 20, bounce_percent_max: 3 }, second_person: true });
  assert.deepEqual(plain(queryOf(terms)), { not_before: "2026-11-28T22:00", time_zone: "Europe/Berlin", second_person: true, canary_percent: 5, canary_after_deliveries: 20, canary_bounce_percent_max: 3 });
});
