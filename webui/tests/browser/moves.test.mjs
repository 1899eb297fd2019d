// Moving mailboxes: one by keyboard from its first step to its last, a batch by mouse, and everything
// that can stand in the way of a step.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, focused, open, rig, shot, tabTo, until, visit } from "./harness.mjs";

let chrome;
let gateway;
before(async () => {
  const one = ["anna", "bert", "carla", "dora", "emil", "fritz", "gerd"].map((it) => `${it}@contoso.example,on_prem,syncing,one`);
  const two = ["felix", "greta", "hugo"].map((it) => `${it}@contoso.example,on_prem,on_prem,wave-2`);
  [chrome, gateway] = await Promise.all([browser(), rig({ rows: [...one, ...two, "ina@contoso.example,cloud,cloud,"] })]);
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
const note = (page, text) => page.locator(".toast", { hasText: text });
const move = (name) => gateway.call("GET", `/moves/${name}@contoso.example`);
const state = (name, wanted) => until(`${name} is ${wanted}`, async () => (await move(name)).state === wanted);
const dialog = (page) => page.getByRole("dialog");

test("one mailbox is cut over, its mail held, and it goes on, by keyboard alone", async () => {
  const { page, close } = await open(chrome, gateway);
  await page.getByRole("heading", { level: 1 }).focus();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.getByRole("heading", { level: 1, name: "Moves" }).waitFor();
  await page.getByRole("link", { name: "anna@contoso.example" }).waitFor();
  await shot(page, "moves");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("anna@contoso.example");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "anna@contoso.example" }).waitFor();
  await tabTo(page, "main .screen-head button");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Cut over: anna@contoso.example" }).waitFor();
  await focused(page, "dialog input");
  await page.keyboard.type("ticket 4711");
  await shot(page, "move-step");
  await page.keyboard.press("Enter");
  await page.getByText("Mail for it is held here.").waitFor();
  await gateway.mail("anna@contoso.example");
  await page.getByText("1 message held by the cutover.").waitFor();
  await shot(page, "move-held");
  await tabTo(page, "main .screen-head button.primary");
  await page.keyboard.press("Enter");
  await focused(page, "dialog input");
  await page.keyboard.type("ticket 4711");
  await page.keyboard.press("Enter");
  await note(page, "1 mailbox is in cloud").waitFor();
  await until("the cloud has it", () => gateway.cloud.taken.includes("anna@contoso.example"));
  assert.equal((await move("anna")).home, "cloud");
  const { generations } = await gateway.call("GET", "/table/history?limit=1");
  assert.equal(generations[0].reason, "ticket 4711");
  await close();
});

test("a step is undone from its note", async () => {
  const { page, close } = await open(chrome, gateway, { place: "moves" });
  await page.getByLabel("Select bert@contoso.example").check();
  await page.getByRole("group", { name: "Selected mailboxes" }).getByRole("button", { name: "Cut over…" }).click();
  await dialog(page).getByLabel("Reason", { exact: true }).fill("too early");
  await dialog(page).getByLabel("Digest").fill("3f2a");
  await dialog(page).getByRole("button", { name: "Cut over: bert@contoso.example" }).click();
  await state("bert", "cutover");
  assert.match((await gateway.call("GET", "/table/history?limit=1")).generations[0].reason, /too early \(digest 3f2a\)/);
  await note(page, "1 mailbox is in cutover").getByRole("button", { name: "Undo" }).click();
  await state("bert", "syncing");
  await close();
});

test("a whole batch moves by mouse, and somebody who was faster is told", async () => {
  const { page, close } = await open(chrome, gateway, { place: "moves" });
  await page.getByRole("searchbox", { name: "Batch" }).fill("wave-2");
  await page.getByRole("navigation", { name: "States" }).getByRole("link", { name: /^3\s*On premises/ }).click();
  const group = page.getByRole("group", { name: "All of batch wave-2" });
  await group.getByRole("button", { name: "Begin syncing…" }).click();
  await dialog(page).getByLabel("Reason", { exact: true }).fill("wave 2 begins");
  await shot(page, "move-batch");
  await dialog(page).getByRole("button", { name: "Begin syncing: batch wave-2" }).click();
  await note(page, "3 mailboxes are in syncing").waitFor();
  await page.getByRole("navigation", { name: "States" }).getByRole("link", { name: /^3\s*Syncing/ }).click();
  await page.getByLabel("Select all 3 that are shown").check();
  await page.getByText("3 mailboxes selected").waitFor();
  await page.getByRole("group", { name: "Selected mailboxes" }).getByRole("button", { name: "Cut over…" }).click();
  await dialog(page).getByLabel("Reason", { exact: true }).fill("wave 2");
  await gateway.call("PUT", "/table/entries/greta@contoso.example?reason=meanwhile", { note: "somebody else" });
  await dialog(page).getByRole("button", { name: "Cut over: 3 mailboxes" }).click();
  await dialog(page).getByText("Somebody was faster.").waitFor();
  await dialog(page).getByRole("cell", { name: "greta@contoso.example" }).waitFor();
  await shot(page, "move-conflict");
  assert.equal((await move("felix")).state, "syncing", "nothing was changed");
  await button(page, "Look again").click();
  await page.getByText("somebody else").waitFor({ state: "detached" });
  await close();
});

test("a delivery in doubt is resolved with what was found, by keyboard", async () => {
  gateway.onPrem.silent.add("dora@contoso.example");
  await gateway.mail("dora@contoso.example");
  await until("it is in doubt", async () => (await move("dora")).in_doubt_total === 1);
  const { page, close } = await open(chrome, gateway, { place: "moves/dora@contoso.example" });
  await page.getByRole("region", { name: "1 delivery in doubt" }).waitFor();
  await shot(page, "move-doubt");
  await tabTo(page, ".alert-row .button");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The message is in the mailbox" }).waitFor();
  await focused(page, "dialog input");
  await page.keyboard.type("in the inbox, 10:42");
  await shot(page, "move-resolve");
  await page.keyboard.press("Enter");
  await note(page, "1 recipient settled as delivered").waitFor();
  assert.equal((await move("dora")).in_doubt_total, 0);
  gateway.onPrem.silent.clear();
  await close();
});

test("a rail holds a step, says why before it is taken, and is overridden with a reason", async () => {
  await gateway.call("PUT", "/moves/sync", { reports: [{ address: "fritz@contoso.example", items_done: 5, items_total: 10 }] });
  const { page, close } = await open(chrome, gateway, { place: "moves/fritz@contoso.example" });
  await page.getByText("5 of 10 items").first().waitFor();
  await button(page, "Cut over…").click();
  const rails = dialog(page).getByRole("alert");
  await rails.getByText("Batch not copied yet.").waitFor();
  await dialog(page).getByLabel("Reason", { exact: true }).fill("cannot wait");
  const go = dialog(page).getByRole("button", { name: "Cut over: fritz@contoso.example" });
  assert.ok(await go.isDisabled());
  await shot(page, "move-blocked");
  await rails.getByRole("button", { name: "Override batch not copied yet…" }).focus();
  await page.keyboard.press("Enter");
  await focused(page, "li.notice input");
  await page.keyboard.type("the rest follows by hand");
  await tabTo(page, "dialog button[type=submit]");
  await page.keyboard.press("Enter");
  await state("fritz", "cutover");
  const { generations } = await gateway.call("GET", "/table/history?limit=1");
  assert.deepEqual(generations[0].overrides, ["batch_not_synced: the rest follows by hand"]);
  await close();
});

test("a delivery that a cutover waits for is cut off, and is in doubt then", async () => {
  gateway.onPrem.stuck.add("gerd@contoso.example");
  await gateway.mail("gerd@contoso.example");
  await until("it is under way", async () => (await move("gerd")).leases_total === 1);
  await gateway.call("POST", "/moves/transitions", { moves: [{ address: "gerd@contoso.example", generation: (await move("gerd")).generation, to: "cutover" }], reason: "now" });
  const { page, close } = await open(chrome, gateway, { place: "moves/gerd@contoso.example" });
  await page.getByRole("region", { name: "1 delivery under way" }).waitFor();
  await shot(page, "move-lease");
  await button(page, "Cut off…").focus();
  await page.keyboard.press("Enter");
  await focused(page, "dialog input");
  await page.keyboard.type("the site hangs");
  await page.keyboard.press("Enter");
  await dialog(page).getByText("in doubt: resolve it").waitFor();
  await button(page, "Done").click();
  await page.getByRole("region", { name: "1 delivery in doubt" }).waitFor();
  gateway.onPrem.stuck.clear();
  await close();
});

test("mail that an operator holds is released from the mailbox's page", async () => {
  await gateway.call("PUT", "/sites/on_prem/override", { to: "down", reason: "maintenance", for_seconds: 600 });
  await gateway.mail("emil@contoso.example");
  await gateway.call("POST", "/queue/actions", { action: "hold", selector: { recipient: "emil@contoso.example" }, reason: "to be looked at" });
  const { page, close } = await open(chrome, gateway, { place: "moves/emil@contoso.example" });
  await page.getByRole("region", { name: "Mail on hold" }).getByRole("button", { name: "Release…" }).click();
  await dialog(page).getByText("1 recipient of 1 message").waitFor();
  await dialog(page).getByLabel("Reason", { exact: true }).fill("looked at");
  await dialog(page).getByRole("button", { name: "Release 1 recipient" }).click();
  await note(page, "Release: 1 recipient").waitFor();
  await gateway.call("PUT", "/sites/on_prem/override", { to: "auto", reason: "" });
  await until("the site has it", () => gateway.onPrem.taken.includes("emil@contoso.example"));
  await close();
});

test("an address that is not listed says so", async () => {
  const { page, close } = await open(chrome, gateway, { place: "moves/nobody@contoso.example" });
  await page.getByText("nobody@contoso.example is not in the table").waitFor();
  await close();
});
