// axe on every screen, light and dark, narrow and wide; nothing is wider than the window.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { browser, open, rig, shot, until, visit } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const SCREENS = {
  overview: "Overview", routes: "Routes", "routes?generation=1": "Routes", plans: "Plans", moves: "Moves", "moves/hugo@contoso.example": "hugo@contoso.example", changes: "Changes",
  "explain?address=emma@contoso.example": "Explain", flow: "Mail flow", "trace?q=emma@contoso.example": "Message trace", spool: "Spool", sites: "Sites", directory: "Directory",
  alerts: "Alerts", people: "People and access", audit: "Audit", settings: "Settings",
};
const button = (page, name) => page.getByRole("button", { name }).first();
/** Dialogs: where, and how they open. */
const DIALOGS = {
  "add-mailbox": ["routes", (page) => button(page, "Add mailbox").click()],
  "older-tables": ["routes", (page) => button(page, "Older tables…").click()],
  "row": ["routes", async (page) => { await page.locator(".grid-focus").focus(); await page.keyboard.press("Enter"); }],
  "terms": ["routes?matching=felix", async (page) => {
    await page.getByLabel("Select felix@contoso.example").check();
    await page.getByLabel("Set home of the selected rows").selectOption("cloud");
    await button(page, "Review plan").click();
    await page.getByRole("radio", { name: "Not before a time" }).check();
    await page.getByRole("radio", { name: "A few first" }).check();
    await page.getByLabel("Not before", { exact: true }).fill("2040-01-01T22:00");
  }],
  "import": ["plans?import=1", () => undefined],
  "step": ["moves", async (page) => { await page.getByLabel("Select bert@contoso.example").check(); await button(page, "Begin syncing…").click(); }],
  "resolve": ["moves/greta@contoso.example", (page) => button(page, "It is there…").click()],
  "roll-back": ["changes/1", (page) => button(page, "Roll back to here…").click()],
  "override": ["sites", (page) => button(page, "Override…").click()],
  "queue": ["spool", (page) => button(page, "Hold all…").click()],
  "user": ["people", (page) => button(page, "Add user").click()],
  "token": ["people", (page) => button(page, "Make a token").click()],
  "delete": ["people", (page) => button(page, "Delete vera").click()],
};
let chrome;
let gateway;

before(async () => {
  const rows = ["anna", "bert", "carla", "david", "emma", "felix"].map((it) => `${it}@contoso.example,on_prem,on_prem,one`);
  const files = { "staff.csv": "address\nanna@contoso.example\n" };
  [chrome, gateway] = await Promise.all([browser(), rig({ rows: [...rows, "greta@contoso.example,cloud,cloud,two", "hugo@contoso.example,on_prem,cutover,two"], files, more: '\n[directory.staff]\nkind = "csv"\nfile = "staff.csv"\n' })]);
  await gateway.call("PUT", "/moves/sync", { reports: [{ address: "hugo@contoso.example", items_done: 7, items_total: 10 }] });
  await gateway.call("POST", "/users", { name: "vera", password: "long enough for vera", role: "operator" });
  // Plans in several states, mail that waits, is held and is in doubt, so that nothing is empty.
  const edits = (...names) => names.map((it) => ({ op: "set", address: `${it}@contoso.example`, entry: { home: "cloud" } }));
  const canary = await gateway.call("POST", "/plans", { edits: edits("anna", "carla"), reason: "A canary", canary: { recipients: 1, after_deliveries: 100 } });
  await gateway.call("POST", `/plans/${canary.id}/apply`, {});
  const later = await gateway.call("POST", "/plans", { edits: edits("david"), reason: "Later", not_before: "2040-01-01T00:00:00Z" });
  await gateway.call("POST", `/plans/${later.id}/apply`, {});
  gateway.cloud.silent.add("greta@contoso.example");
  await gateway.mail("greta@contoso.example");
  await until("a delivery is in doubt", async () => (await gateway.call("GET", "/moves/greta@contoso.example")).in_doubt_total === 1);
  await gateway.call("PUT", "/sites/cloud/override", { to: "down", reason: "maintenance", for_seconds: 3600 });
  gateway.cloud.refused.add("emma@contoso.example");
  const blocked = await gateway.call("POST", "/plans", { edits: edits("emma"), reason: "Blocked" });
  for (const it of ["hugo", "emma", "felix"]) await gateway.mail(`${it}@contoso.example`);
  PLANS.push(canary.id, later.id, blocked.id);
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});
const PLANS = [];

async function violations(page, within = "html") {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(([tags, within]) => window.axe.run(within, { runOnly: { type: "tag", values: tags } }), [TAGS, within]);
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(" ")}: ${node.failureSummary?.split("\n").slice(1, 3).join(" ").slice(0, 300)}`));
}

for (const dark of [false, true]) {
  for (const width of [1280, 320]) {
    test(`every screen is accessible at ${width} pixels, ${dark ? "dark" : "light"}`, async () => {
      const { page, close, check } = await open(chrome, gateway, { width, dark });
      const found = [];
      const plans = PLANS.map((id, n) => [`plans/${id}`, ["A canary", "Later", "Blocked"][n]]);
      for (const [place, title] of [...Object.entries(SCREENS), ...plans]) {
        await visit(page, place, title);
        await page.waitForFunction(() => !document.querySelector(".skeleton"));
        found.push(...(await violations(page)).map((it) => `${place}: ${it}`));
        await shot(page, `${place.replace(/[?=@/]/g, "_").replace(/_address.*|_q_.*/, "")}-${width}-${dark ? "dark" : "light"}`);
        await check();
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").waitFor();
      found.push(...(await violations(page)).map((it) => `palette: ${it}`));
      await page.keyboard.press("Escape");
      await page.getByRole("heading", { level: 1 }).focus();
      await page.keyboard.press("?");
      await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
      found.push(...(await violations(page)).map((it) => `shortcuts: ${it}`));
      await page.keyboard.press("Escape");
      assert.deepEqual(found, []);
      await close();
    });

    test(`every dialog is accessible at ${width} pixels, ${dark ? "dark" : "light"}`, async () => {
      const { page, close, check } = await open(chrome, gateway, { width, dark });
      const found = [];
      for (const [name, [place, show]] of Object.entries(DIALOGS)) {
        await visit(page, place, SCREENS[place]);
        await page.waitForFunction(() => !document.querySelector(".skeleton"));
        await show(page);
        await page.locator("dialog[open]").waitFor();
        await page.waitForFunction(() => !document.querySelector("dialog .skeleton"));
        found.push(...(await violations(page, "dialog[open]")).map((it) => `${name}: ${it}`));
        await shot(page, `dialog-${name}-${width}-${dark ? "dark" : "light"}`);
        await check();
        const wider = await page.locator("dialog[open]").evaluate((it) => it.scrollWidth - it.clientWidth);
        if (wider > 0) found.push(`${name}: its content is ${wider} pixels wider than the dialog`);
        await page.keyboard.press("Escape");
        await page.locator("dialog[open]").waitFor({ state: "detached" });
      }
      assert.deepEqual(found, []);
      await close();
    });
  }
}

test("the login page is accessible", async () => {
  for (const dark of [false, true]) {
    const { page, close } = await open(chrome, gateway, { width: 320, dark, signedIn: false });
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await shot(page, `login-320-${dark ? "dark" : "light"}`);
    await close();
  }
});
