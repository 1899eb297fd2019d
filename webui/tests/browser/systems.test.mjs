// Directory, alerts, one's own access, people, configuration and the table's past: the main task of
// each, by mouse and by keyboard alone.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browser, focused, open, rig, shot, tabTo, until, visit } from "./harness.mjs";

const STAFF = Array.from({ length: 30 }, (_, n) => `staff${n}@contoso.example`);
const staff = (addresses) => `address\n${addresses.join("\n")}\n`;
const MORE = `
[[relay_domain]]
name = "fabrikam.example"
unlisted = "reject"
directory = ["staff"]

[directory.staff]
kind = "csv"
file = "staff.csv"
refresh = "1d"
removals_max = 5
removals_percent_max = 10

[alerts]
site_after = "1s"
mail_to = "ops@contoso.example"
`;
let chrome;
let gateway;
before(async () => {
  const rows = ["anna", "bert", "carla"].map((it) => `${it}@contoso.example,on_prem,on_prem,one`);
  [chrome, gateway] = await Promise.all([browser(), rig({ rows: [...rows, "ops@contoso.example,cloud,cloud,", "zoe@fabrikam.example,on_prem,on_prem,"], files: { "staff.csv": staff(STAFF) }, more: MORE })]);
  await gateway.call("PUT", "/table/entries/bert@contoso.example?reason=Bert+moves", { home: "cloud", state: "cloud" });
  await gateway.call("DELETE", "/table/entries/carla@contoso.example?reason=Carla+leaves");
  await gateway.call("POST", "/users", { name: "vera", password: "long enough for vera", role: "operator" });
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
const note = (page, text) => page.locator(".toast", { hasText: text });
const entry = (name) => gateway.call("GET", `/table/entries/${name}@contoso.example`);

/** Types into what has focus, and goes on. */
async function press(page, name) {
  await button(page, name).focus();
  await page.keyboard.press("Enter");
}

test("directory: read by mouse, searched by keyboard, and what differs from the table", async () => {
  const { page, close } = await open(chrome, gateway, { place: "directory" });
  await page.getByText("Up to date").waitFor();
  await button(page, "Read staff now").click();
  await page.getByText(/Added 0, changed 0, removed 0 of 30 entries/).waitFor();
  const drift = page.getByRole("region", { name: "Where table and directories disagree" });
  await drift.getByRole("row", { name: /zoe@fabrikam.example.*In no directory/ }).waitFor();
  await page.getByRole("heading", { level: 1 }).focus();
  await page.keyboard.press("/");
  await page.keyboard.type("staff17");
  await page.getByRole("link", { name: "staff17@contoso.example" }).first().waitFor();
  await until("one is left", async () => (await page.getByRole("region", { name: "Recipients" }).last().getByRole("row").count()) === 2);
  await close();
});

test("directory: a read that would remove many stops and asks", async () => {
  const { page, close } = await open(chrome, gateway, { place: "directory" });
  writeFileSync(join(gateway.folder, "staff.csv"), staff(STAFF.slice(0, 3)));
  await press(page, "Try staff");
  await page.getByText("Nothing was changed.").waitFor();
  await press(page, "Read staff now");
  await page.getByText("Wants your agreement").waitFor();
  assert.equal((await gateway.call("GET", "/directory")).sources[0].recipients, 30);
  await shot(page, "directory-removals");
  await visit(page, "overview", "Overview");
  await page.getByRole("link", { name: /staff would remove 27 recipients/ }).click();
  await press(page, "Remove 27 recipients all the same");
  await page.getByText(/removed 27 of 3 entries/).waitFor();
  assert.equal((await gateway.call("GET", "/directory")).sources[0].recipients, 3);
  await close();
});

test("alerts: one fires, is on the overview, and a test of them says who got it", async () => {
  await gateway.call("PUT", "/sites/on_prem/override", { to: "down", reason: "cable", for_seconds: 600 });
  const { page, close } = await open(chrome, gateway);
  await page.getByRole("region", { name: "Wants a person" }).getByText(/on_prem is stopped/).waitFor({ timeout: 20_000 });
  await shot(page, "overview-alert");
  await page.getByRole("link", { name: /on_prem is stopped/ }).click();
  await page.getByRole("heading", { level: 1, name: "Alerts" }).waitFor();
  await page.getByRole("region", { name: "Alerts" }).getByText("Firing").waitFor();
  assert.match(await page.getByRole("link", { name: /^What to do/ }).first().getAttribute("href"), /^\/help\//);
  await press(page, "Send a test alert");
  await page.getByRole("status").getByText("ops@contoso.example").waitFor();
  await until("it is there", () => gateway.cloud.taken.includes("ops@contoso.example"));
  await gateway.call("PUT", "/sites/on_prem/override", { to: "auto", reason: "" });
  await page.getByRole("region", { name: "Alerts" }).getByText("Resolved").waitFor({ timeout: 20_000 });
  await close();
});

test("changes: back to an older version, by keyboard", async () => {
  const { page, close } = await open(chrome, gateway, { place: "changes/1" });
  await page.getByRole("heading", { name: "Version 1" }).waitFor();
  await press(page, "Roll back to here…");
  await page.getByRole("heading", { name: "Roll back to version 1" }).waitFor();
  await focused(page, "dialog input");
  await page.keyboard.type("both were mistakes");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "both were mistakes" }).waitFor();
  await page.getByRole("tab", { name: /^Added 1/ }).waitFor();
  await tabTo(page, ".apply button:not([disabled])");
  await page.keyboard.press("Enter");
  await page.locator(".about .badge", { hasText: "Applied" }).waitFor();
  assert.deepEqual([(await entry("bert")).home, (await entry("carla")).home], ["on_prem", "on_prem"]);
  await close();
});

test("routes: an older table by keyboard, what differs from now, and back", async () => {
  const { page, close } = await open(chrome, gateway, { place: "routes" });
  await page.getByText("5 mailboxes.").waitFor();
  await press(page, "Older tables…");
  await focused(page, "dialog input");
  await page.keyboard.type("3");
  await page.keyboard.press("Enter");
  const bar = page.getByRole("region", { name: "Past table" });
  await bar.getByText("This is the table as of version 3.").waitFor();
  await page.getByText("4 mailboxes.").waitFor();
  await page.getByRole("row", { name: /bert@contoso.example Cloud/ }).waitFor();
  assert.equal(await page.getByText("carla@contoso.example").count(), 0);
  assert.equal(await page.getByRole("checkbox").count(), 0, "nothing can be edited");
  await shot(page, "routes-past");
  await press(page, "What differs from now");
  await page.getByRole("dialog").getByText("carla@contoso.example").waitFor();
  await shot(page, "routes-differs");
  await page.keyboard.press("Escape");
  await tabTo(page, ".grid-focus");
  await page.keyboard.press("e");
  await page.getByText("This is how version 3 of the table would decide").waitFor();
  await page.goBack();
  await press(page, "Another version…");
  await page.getByRole("list", { name: "Versions" }).getByRole("button", { name: /Bert moves/ }).click();
  await bar.getByText("This is the table as of version 2.").waitFor();
  await button(page, "Roll back to here…").click();
  await page.getByRole("heading", { name: "Roll back to version 2" }).waitFor();
  await page.keyboard.press("Escape");
  await press(page, "Back to now");
  await page.getByText("5 mailboxes.").waitFor();
  await page.getByLabel("Select bert@contoso.example").waitFor();
  await close();
});

test("simulation: a plan against the last day's mail", async () => {
  await gateway.mail("anna@contoso.example");
  await until("it is delivered", () => gateway.onPrem.taken.includes("anna@contoso.example"));
  const plan = await gateway.call("POST", "/plans", { edits: [{ op: "set", address: "anna@contoso.example", entry: { home: "cloud" } }], reason: "Anna, perhaps" });
  const { page, close } = await open(chrome, gateway, { place: `plans/${plan.id}` });
  await button(page, "Simulate this plan").click();
  await page.getByText("1 recipient would have gone elsewhere.").waitFor();
  await page.getByRole("region", { name: "Messages that would have gone elsewhere" }).getByRole("link", { name: "anna@contoso.example" }).waitFor();
  await shot(page, "simulation");
  await visit(page, "routes?matching=bert", "Routes");
  await page.getByText("bert@contoso.example", { exact: true }).hover();
  await page.getByLabel("Home of bert@contoso.example").selectOption("cloud");
  await visit(page, "explain", "Explain");
  await press(page, "Simulate the draft (1 edit)");
  await page.getByText("Nothing would have gone elsewhere.").waitFor();
  await button(page, "Discard").click();
  await close();
});

/** Six digits of a time-based code. RFC 6238. */
function code(secret, at = Date.now()) {
  const bits = [...secret.replace(/[\s=]/g, "")].map((it) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((it) => Number.parseInt(it, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function signIn(page, password) {
  await page.getByLabel("User name").fill("vera");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

test("own access: another password and a second factor, by keyboard", async () => {
  const { page, close } = await open(chrome, gateway, { signedIn: false, place: "settings" });
  await signIn(page, "long enough for vera");
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  await page.getByLabel("Present password").focus();
  await page.keyboard.type("long enough for vera");
  await page.keyboard.press("Tab");
  await page.keyboard.type("longer still for vera");
  await page.keyboard.press("Enter");
  await note(page, "Your password is changed").waitFor();
  await press(page, "Set up second factor");
  const secret = await page.locator(".secret").first().textContent();
  await page.getByLabel("Code", { exact: true }).focus();
  await page.keyboard.type(code(secret));
  await page.keyboard.press("Enter");
  await page.getByText("Keep these codes.").waitFor();
  const [recovery] = (await page.locator(".secret").first().textContent()).trim().split(/\s+/);
  await shot(page, "second-factor");
  await page.locator(".menu summary").focus();
  await page.keyboard.press("Enter");
  await press(page, "Sign out");
  await signIn(page, "longer still for vera");
  await page.getByLabel("Code from your authenticator").waitFor();
  await page.getByLabel("Code from your authenticator").fill(recovery);
  await page.keyboard.press("Enter");
  await page.locator(".menu summary").getByText("vera").waitFor();
  await visit(page, "settings", "Settings");
  await press(page, "Turn off second factor");
  await button(page, "Set up second factor").waitFor();
  await close();
});

test("people: deleted only after the console's own question", async () => {
  const { page, close } = await open(chrome, gateway, { place: "people" });
  page.on("dialog", () => assert.fail("the browser's own box"));
  await press(page, "Delete vera");
  await page.getByRole("heading", { name: "Delete vera" }).waitFor();
  await shot(page, "delete-user");
  await page.keyboard.press("Escape");
  assert.equal((await gateway.call("GET", "/users")).users.length, 1);
  await press(page, "Delete vera");
  await tabTo(page, "dialog button.danger");
  await page.keyboard.press("Enter");
  await note(page, "vera is deleted").waitFor();
  assert.equal((await gateway.call("GET", "/users")).users.length, 0);
  await close();
});

test("settings: a key is found, and the file that says something else is told and read", async () => {
  const { page, close } = await open(chrome, gateway, { place: "settings" });
  await page.getByText("The file is what runs").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("removals_max");
  const section = page.getByRole("region", { name: "directory.staff", exact: true });
  await section.getByRole("row", { name: /^removals_max 5/ }).waitFor();
  assert.equal(await page.getByRole("region", { name: "server", exact: true }).count(), 0);
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.getByRole("checkbox", { name: "Only what was changed" }).focus();
  await page.keyboard.press("Space");
  await section.getByRole("row", { name: /^removals_percent_max 10/ }).waitFor({ state: "detached" });
  await section.getByRole("row", { name: /^removals_max 5/ }).waitFor();
  await shot(page, "configuration-changed");
  const path = join(gateway.folder, "causeway.toml");
  const { readFileSync } = await import("node:fs");
  const before_ = readFileSync(path, "utf8");
  writeFileSync(path, before_.replace('site_after = "1s"', 'site_after = "2s"'));
  await page.getByText("The file says something else by now about 1 key.").waitFor();
  await page.getByRole("row", { name: /alerts.site_after "1s" "2s" A reload/ }).waitFor();
  await shot(page, "configuration-differs");
  await press(page, "Read the file again");
  await page.getByText("1 key in force:").waitFor();
  writeFileSync(path, before_.replace('site_after = "1s"', 'site_after = "soon"'));
  await page.getByText("The file has 1 mistake: it would not be read.").waitFor();
  await shot(page, "configuration-mistake");
  writeFileSync(path, before_);
  await close();
});

// The last one: it ends the gateway.
test("a gateway that is gone is told once, and nothing is claimed of it", async () => {
  const { page, close } = await open(chrome, gateway);
  await page.getByRole("region", { name: "The last hour" }).getByText("messages").waitFor();
  gateway.stop();
  const alert = page.getByRole("alert").filter({ hasText: "The gateway cannot be reached." });
  await alert.waitFor();
  await page.locator(".header .badge", { hasText: "No connection" }).waitFor();
  await until("the figures are grey", async () => (await page.locator(".stale").count()) >= 3);
  await until("nobody says that nothing waits", async () => (await page.getByText("Nothing waits for a person").count()) === 0);
  assert.equal(await alert.count(), 1);
  await shot(page, "gone");
  await visit(page, "moves", "Moves");
  await page.getByText("Not known").first().waitFor();
  assert.equal(await alert.count(), 1);
  await close();
});
