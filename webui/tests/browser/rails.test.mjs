// Every safety rail, tripped in the console against a gateway that has the reason for it: what it
// says, that nothing is applied, and that it is passed with a reason that stays in the history.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, open, rig, shot, tabTo, until, visit } from "./harness.mjs";

const MORE = `
[site.dead]
hosts = ["127.0.0.1:9"]
tls = "none"

[[relay_domain]]
name = "fabrikam.example"
unlisted = "reject"

[directory.staff]
kind = "csv"
file = "staff.csv"
refresh = "1s"
`;
let chrome;
let gateway;
before(async () => {
  const people = ["anna", "bert", "carla", "david", "emma"].map((it) => `${it}@contoso.example,on_prem,on_prem,one`);
  const wave = Array.from({ length: 30 }, (_, n) => `wave${n}@contoso.example,on_prem,on_prem,wave`);
  const whole = Array.from({ length: 10 }, (_, n) => `fab${n}@fabrikam.example,on_prem,on_prem,fabrikam`);
  const rows = [...people, ...wave, ...whole, "lea@contoso.example,cloud,cloud,two", "down@contoso.example,dead,cloud,"];
  const files = { "staff.csv": "address,target_address\nlea@contoso.example,lea@contoso.example\n" };
  [chrome, gateway] = await Promise.all([browser(), rig({ rows, files, unlisted: "on_prem", more: MORE })]);
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
const entry = (address) => gateway.call("GET", `/table/entries/${address}`);

/** Selects all rows that match: so many, which is known only once they are there. */
async function select(page, filter, n) {
  await visit(page, `routes?${filter}`, "Routes");
  await page.getByLabel(/^Select .*@/).first().check();
  if (n > 1) await page.getByRole("button", { name: `Select all ${n}`, exact: true }).click();
  await page.getByText(`${n} row${n > 1 ? "s" : ""} selected`).waitFor();
}

/** Makes a plan of all rows that match, by the console, and waits for its page. */
async function plan(page, filter, field, value, reason, n = 1) {
  await select(page, filter, n);
  await page.getByLabel(`Set ${field} of the selected rows`).selectOption(value);
  await button(page, "Review plan").click();
  await page.getByRole("textbox", { name: "Reason" }).fill(reason);
  await button(page, "Make the plan").click();
  await page.getByRole("heading", { level: 1, name: reason }).waitFor();
  await page.getByRole("button", { name: /^Apply/ }).waitFor();
}

/** The rail says what it says, holds the plan, and lets it pass with a reason. */
async function trip(page, { rail, name, says, hint, keyboard = false }) {
  const notice = page.locator("li.notice", { hasText: `${name}.` });
  await notice.getByText(says).waitFor();
  await notice.getByText(hint).waitFor();
  assert.ok(await page.getByRole("button", { name: /^Apply/ }).isDisabled(), `${rail} holds the plan`);
  await shot(page, `rail-${rail}`);
  const override = notice.getByRole("button", { name: /^Override/ });
  if (keyboard) {
    await override.focus();
    await page.keyboard.press("Enter");
    await until("the reason has focus", () => page.evaluate(() => document.activeElement?.matches("li.notice input")));
    await page.keyboard.type(`because of ${rail}`);
    await tabTo(page, ".apply button:not([disabled])");
    await page.keyboard.press("Enter");
  } else {
    await override.click();
    await notice.getByRole("textbox").fill(`because of ${rail}`);
    await page.getByRole("button", { name: /^Apply/ }).click();
  }
  await page.locator(".about .badge", { hasText: "Applied" }).waitFor();
  const { generations } = await gateway.call("GET", "/table/history?limit=1");
  assert.deepEqual(generations[0].overrides, [`${rail}: because of ${rail}`]);
}

test("a site that does not answer", async () => {
  await gateway.mail("down@contoso.example");
  await until("the site is down", async () => (await gateway.call("GET", "/sites")).sites.find((it) => it.name === "dead").state !== "up");
  const { page, close } = await open(chrome, gateway);
  await plan(page, "matching=anna", "home", "dead", "To a site that is down");
  await trip(page, { rail: "site_not_healthy", name: "Site not healthy", says: /Dead is down/, hint: "wait until it is up", keyboard: true });
  assert.equal((await entry("anna@contoso.example")).home, "dead");
  await close();
});

test("a site that does not know the recipient", async () => {
  gateway.cloud.refused.add("bert@contoso.example");
  const { page, close } = await open(chrome, gateway);
  await plan(page, "matching=bert", "home", "cloud", "To a site without the mailbox");
  await trip(page, { rail: "recipient_refused", name: "Recipient refused by the future site", says: "The future site refuses 1 recipient: cloud says 550 5.1.1 no such mailbox here", hint: "Make the mailboxes there first" });
  await close();
});

test("a mailbox that its directory sends back", async () => {
  await until("the directory is read", async () => (await gateway.call("GET", "/directory")).recipients === undefined ? false : (await gateway.call("GET", "/directory")).sources[0].recipients === 1);
  const { page, close } = await open(chrome, gateway);
  await plan(page, "matching=lea", "home", "on_prem", "Back where it came from");
  await trip(page, { rail: "loop", name: "Mail would loop", says: "On_prem would send the mail back here: its directory says so", hint: "Clear targetAddress" });
  await close();
});

test("a mailbox that is not copied yet", async () => {
  await gateway.call("PUT", "/moves/sync", { reports: [{ address: "carla@contoso.example", items_done: 5, items_total: 10, last_sync_at: new Date().toISOString().replace(/\.\d+/, "") }] });
  const { page, close } = await open(chrome, gateway);
  await plan(page, "matching=carla", "state", "cutover", "Too early");
  await trip(page, { rail: "batch_not_synced", name: "Batch not copied yet", says: "1 mailbox is not wholly copied", hint: "Let the copy finish" });
  await close();
});

test("a large change", async () => {
  const { page, close } = await open(chrome, gateway);
  await plan(page, "batch=wave", "home", "cloud", "The whole wave", 30);
  await trip(page, { rail: "large_change", name: "Large change", says: /30 mailboxes would move or lose their entry: \d+ % of contoso.example/, hint: "repeat the text below" });
  await close();
});

test("every mailbox of a domain", async () => {
  const { page, close } = await open(chrome, gateway);
  await plan(page, "domain=fabrikam.example", "home", "cloud", "A domain", 10);
  await trip(page, { rail: "domain_row", name: "Every mailbox of a domain", says: "All listed mailboxes of fabrikam.example would move or go", hint: "repeat the text below" });
  await close();
});

test("a window in which the table is left alone", async () => {
  await gateway.configure({ more: `${MORE}\n[rails]\nfreeze = ["2020-01-01..2099-12-31"]\n` });
  const { page, close } = await open(chrome, gateway);
  await plan(page, "matching=david", "home", "cloud", "During the freeze");
  await trip(page, { rail: "freeze_window", name: "Freeze window", says: /The table is frozen now: 2020-01-01/, hint: "Wait for its end, or schedule the change" });
  await gateway.configure({});
  await close();
});

test("a second person, of a large change", async () => {
  await gateway.configure({ more: `${MORE}\n[rails]\nsecond_person = "large"\n` });
  const { page, close } = await open(chrome, gateway);
  await select(page, "domain=fabrikam.example", 10);
  await page.getByLabel("Set home of the selected rows").selectOption("on_prem");
  await button(page, "Review plan").click();
  await page.getByRole("textbox", { name: "Reason" }).fill("Back again");
  await button(page, "Make the plan").click();
  await page.locator(".about .badge", { hasText: "Waits for approval" }).waitFor();
  await page.locator("li.notice", { hasText: "Second person." }).waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Apply|Override)/ }).count(), 0);
  await shot(page, "rail-second_person");
  await gateway.configure({});
  await close();
});
