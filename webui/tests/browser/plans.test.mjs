// Changing the table: from a draft to a plan, through the rails, and back again.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browser, open, rig, tabTo, until, visit } from "./harness.mjs";

let chrome;
let gateway;
before(async () => { 
  const rows = ["bert", "carla", "david", "emma", "felix", "greta", "hugo"].map((it) => `${it}@contoso.example,on_prem,on_prem,`);
  [chrome, gateway] = await Promise.all([browser(), rig({ rows: ["anna@contoso.example,cloud,cloud,", ...rows] })]);
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
const entry = (address) => gateway.call("GET", `/table/entries/${address}`);

/** Puts a state into the draft by the row's own control, and makes the plan. */
async function plan(page, address, field, value, reason) {
  await visit(page, `routes?matching=${address}`, "Routes");
  await page.getByText(address, { exact: true }).hover();
  await page.getByLabel(`${field} of ${address}`).selectOption(value);
  await button(page, "Review plan").click();
  await page.getByRole("textbox", { name: "Reason" }).fill(reason);
  await button(page, "Make the plan").click();
  await page.getByRole("heading", { level: 1, name: reason }).waitFor();
}

test("a plan is made, applied and undone by mouse", async () => {
  const { page, close } = await open(chrome, gateway);
  await plan(page, "carla@contoso.example", "State", "syncing", "Carla moves tomorrow");
  await page.getByText("No rail stands in its way").waitFor();
  await page.getByRole("tabpanel").getByText("carla@contoso.example").waitFor();
  await button(page, "Apply 1 change").click();
  await page.locator(".toast", { hasText: "Applied as version" }).waitFor();
  assert.equal((await entry("carla@contoso.example")).state, "syncing");
  await button(page, "Undo this change…").click();
  await page.getByRole("heading", { level: 1, name: /^Undo version/ }).waitFor();
  await button(page, "Apply 1 change").click();
  await until("it is as it was", async () => (await entry("carla@contoso.example")).state === "on_prem");
  await visit(page, "changes", "Changes");
  await page.getByText("Carla moves tomorrow").first().waitFor();
  await close();
});

test("a plan is made and applied by keyboard alone", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "routes", "Routes");
  await page.getByText("david@contoso.example", { exact: true }).waitFor();
  await tabTo(page, ".grid-focus");
  for (let n = 0; n < 3; n += 1) await page.keyboard.press("j");
  await tabTo(page, ".row.active select");
  await tabTo(page, ".c-state select");
  await page.keyboard.type("Syncing");
  await page.getByRole("region", { name: "Draft" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1 }).focus();
  await page.keyboard.press("p");
  await page.getByRole("heading", { name: "Review 1 edit" }).waitFor();
  await until("the reason has focus", () => page.evaluate(() => document.activeElement?.matches("dialog input")));
  await page.keyboard.type("David by keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "David by keyboard" }).waitFor();
  await tabTo(page, ".apply button:not([disabled])");
  await page.keyboard.press("Enter");
  await until("it is applied", async () => (await entry("david@contoso.example")).state === "syncing");
  await close();
});

test("a rail stops a plan, says why, and is overridden with a reason", async () => {
  await gateway.call("PUT", "/sites/cloud/override", { to: "down", reason: "maintenance", for_seconds: 900 });
  const { page, close } = await open(chrome, gateway);
  await plan(page, "bert@contoso.example", "Home", "cloud", "Bert moves now");
  await page.getByText("Site not healthy.").waitFor();
  assert.ok(await page.getByRole("button", { name: /^Apply/ }).isDisabled());
  await button(page, "Override site not healthy…").click();
  await page.getByLabel("Why site not healthy may be overridden").fill("it is back in a minute");
  for (const rail of await page.getByRole("button", { name: /^Override .*…$/ }).all()) {
    await rail.click();
    await page.keyboard.type("known");
  }
  await button(page, "Apply 1 change").click();
  await page.locator(".toast", { hasText: "Applied as version" }).waitFor();
  assert.equal((await entry("bert@contoso.example")).home, "cloud");
  await gateway.call("PUT", "/sites/cloud/override", { to: "auto", reason: "" });
  await close();
});

test("a large change wants its text repeated", async () => {
  const rows = Array.from({ length: 40 }, (_, n) => `wave${n}@contoso.example,on_prem`).join("\n");
  await gateway.call("POST", "/table/import?reason=wave&override=large_change,domain_row", `address,home\n${rows}\n`, "text/csv");
  const { page, close } = await open(chrome, gateway);
  await visit(page, "routes?matching=wave", "Routes");
  await page.getByLabel("Select wave0@contoso.example").check();
  await button(page, "Select all 40").click();
  await page.getByText("40 rows selected").waitFor();
  await page.getByLabel("Set home of the selected rows").selectOption("cloud");
  await button(page, "Review plan").click();
  await page.getByRole("textbox", { name: "Reason" }).fill("The whole wave");
  await button(page, "Make the plan").click();
  await page.getByText("Large change.").waitFor();
  const label = page.getByLabel(/^Type .* to confirm$/);
  const text = /“(.*)”/.exec(await page.locator(".apply label").textContent())[1];
  await label.fill("yes");
  assert.ok(await page.getByRole("button", { name: /^Apply/ }).isDisabled());
  await label.fill(text);
  for (const rail of await page.getByRole("button", { name: /^Override (?!large|every).*…$/ }).all()) {
    await rail.click();
    await page.keyboard.type("known");
  }
  await button(page, "Apply 40 changes").click();
  await page.locator(".toast", { hasText: "Applied as version" }).waitFor();
  assert.equal((await entry("wave7@contoso.example")).home, "cloud");
  await close();
});

test("two who change one row: the second sees three versions and begins again", async () => {
  const { page, close } = await open(chrome, gateway);
  await plan(page, "anna@contoso.example", "State", "settled", "Anna is settled");
  await gateway.call("PUT", "/table/entries/anna@contoso.example?reason=meanwhile", { batch: "somebody-elses" });
  await page.getByRole("button", { name: /^Apply/ }).click();
  await page.getByText("Somebody else changed 1 row meanwhile").waitFor();
  const row = page.getByRole("row", { name: /Batch/ });
  await row.getByText("somebody-elses").waitFor();
  assert.equal((await entry("anna@contoso.example")).state, "cloud", "nothing was applied");
  await button(page, "Put the edits into the draft again").click();
  await page.getByRole("heading", { level: 1, name: "Routes" }).waitFor();
  await page.getByRole("region", { name: "Draft" }).waitFor();
  await close();
});

test("a file becomes a plan, and each of its mistakes is told", async () => {
  const { page, close } = await open(chrome, gateway);
  const file = join(tmpdir(), `causeway-${process.pid}.csv`);
  await visit(page, "plans", "Plans");
  await button(page, "Import CSV").click();
  writeFileSync(file, "address,home\nemma@contoso.example,nowhere\nnot an address,cloud\n");
  await page.getByLabel("CSV file").setInputFiles(file);
  await page.getByRole("textbox", { name: "Reason" }).fill("From a file");
  await button(page, "Make the plan").click();
  await page.getByText("line 2").waitFor();
  await page.getByText("line 3").waitFor();
  // UTF-16 with a byte order mark, as spreadsheets write it.
  writeFileSync(file, Buffer.from("\ufeffaddress,home,batch\r\nemma@contoso.example,cloud,\"wave, one\"\r\n", "utf16le"));
  await page.getByLabel("CSV file").setInputFiles(file);
  await button(page, "Make the plan").click();
  await page.getByRole("heading", { level: 1, name: "From a file" }).waitFor();
  await page.getByText("wave, one").waitFor();
  await button(page, "Cancel plan").click();
  await page.locator(".badge", { hasText: "Cancelled" }).first().waitFor();
  await close();
});
