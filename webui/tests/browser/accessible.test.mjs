// axe on every screen, light and dark, narrow and wide; nothing is wider than the window.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { browser, demo, open, shot, visit } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const SCREENS = {
  overview: "Overview", routes: "Routes", plans: "Plans", changes: "Changes", "explain?address=emma@contoso.example": "Explain", flow: "Mail flow",
  "trace?q=emma@contoso.example": "Message trace", spool: "Spool", sites: "Sites", directory: "Directory", alerts: "Alerts", people: "People and access", audit: "Audit", settings: "Settings",
};
let chrome;
let gateway;

before(async () => {
  [chrome, gateway] = await Promise.all([browser(), demo()]);
  // Something waits, so that the spool has rows.
  await gateway.call("PUT", "/sites/cloud/override", { to: "down", reason: "maintenance", for_seconds: 3600 });
  await gateway.mail("emma@contoso.example");
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: { type: "tag", values: tags } }), TAGS);
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(" ")}: ${node.failureSummary?.split("\n").slice(1, 3).join(" ").slice(0, 300)}`));
}

for (const dark of [false, true]) {
  for (const width of [1280, 320]) {
    test(`every screen is accessible at ${width} pixels, ${dark ? "dark" : "light"}`, async () => {
      const { page, close, check } = await open(chrome, gateway, { width, dark });
      const found = [];
      for (const [place, title] of Object.entries(SCREENS)) {
        await visit(page, place, title);
        await page.waitForFunction(() => !document.querySelector(".skeleton"));
        found.push(...(await violations(page)).map((it) => `${place}: ${it}`));
        await shot(page, `${place.split("?")[0]}-${width}-${dark ? "dark" : "light"}`);
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
