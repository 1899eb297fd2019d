// The main task of each screen, by mouse and by keyboard alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, demo, open, tabTo, until, visit } from "./harness.mjs";

let chrome;
let gateway;
before(async () => { [chrome, gateway] = await Promise.all([browser(), demo()]); });
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
/** What says that something was done. */
const note = (page, text) => page.locator(".toast", { hasText: text });

test("signing in by keyboard, and out again", async () => {
  const { page, close } = await open(chrome, gateway, { signedIn: false, place: "spool" });
  await page.locator("input[autocomplete=username]").waitFor();
  await until("the first field has focus", () => page.evaluate(() => document.activeElement?.autocomplete === "username"));
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("ArrowRight");
  await page.locator("input[type=password]").waitFor();
  await until("the token has focus", () => page.evaluate(() => document.activeElement?.type === "password"));
  await page.keyboard.type("wrong-token-wrong-token");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type(gateway.token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Spool" }).waitFor();
  await tabTo(page, ".menu summary");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).focus();
  await page.keyboard.press("Enter");
  await button(page, "Sign in").waitFor();
  await page.reload();
  await button(page, "Sign in").waitFor();
  await close();
});

test("going anywhere by keys, by the palette and by links", async () => {
  const { page, close } = await open(chrome, gateway);
  await page.getByRole("link", { name: "Sites" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Sites" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.getByRole("heading", { level: 1, name: "Routes" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "focus goes to the heading");
  assert.match(await page.title(), /^Routes/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("anna@contoso.example");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Explain" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Routes" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.getByRole("checkbox", { name: "Single keys" }).uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  assert.match(page.url(), /routes/, "single keys are off");
  await close();
});

test("routes: an edit by mouse becomes a draft, and can be dropped", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "routes", "Routes");
  await page.getByText("anna@contoso.example", { exact: true }).hover();
  await page.getByLabel("State of anna@contoso.example").selectOption("syncing");
  await page.getByRole("region", { name: "Draft" }).getByText("1 edit").waitFor();
  await page.getByLabel("Select bert@contoso.example").check();
  await page.getByLabel("Select carla@contoso.example").check();
  await page.getByLabel("Set state of the selected rows").selectOption("syncing");
  await page.getByText("3 edits").waitFor();
  await button(page, "Discard").click();
  await note(page, "3 edits discarded").getByRole("button", { name: "Undo" }).click();
  await page.getByText("3 edits").waitFor();
  await page.reload();
  await page.getByText("3 edits").waitFor();
  await button(page, "Discard").click();
  await close();
});

test("routes: found, opened, edited and undone by keyboard alone", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "routes", "Routes");
  await page.getByText("anna@contoso.example", { exact: true }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("david");
  await page.getByText("1 of ").waitFor();
  await tabTo(page, ".grid-focus");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "david@contoso.example" }).waitFor();
  await tabTo(page, "dialog select");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Syncing");
  await tabTo(page, "dialog button.primary");
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Draft" }).getByText("1 edit").waitFor();
  await tabTo(page, ".draft-bar .link");
  await page.keyboard.press("Enter");
  await note(page, "1 edit discarded").waitFor();
  await page.getByRole("heading", { level: 1 }).focus();
  await page.keyboard.press("u");
  await page.getByRole("region", { name: "Draft" }).getByText("1 edit").waitFor();
  await close();
});

test("explain: asked by mouse, and by keyboard at an older table", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "explain", "Explain");
  await page.getByRole("searchbox", { name: "Recipient" }).fill("emma@contoso.example");
  await button(page, "Explain").click();
  await page.getByText("Where does it live?").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1 }).focus();
  await page.keyboard.press("/");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("1");
  await page.keyboard.press("Enter");
  await page.getByText("This is how version 1 of the table would decide").waitFor();
  assert.match(page.url(), /generation=1/);
  await close();
});

test("sites: probed, and overridden by keyboard with a way back", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "sites", "Sites");
  await button(page, "Probe Cloud now").click();
  await page.getByText("Answers as it should").waitFor();
  await page.getByRole("region", { name: "Cloud" }).getByRole("button", { name: "Override…" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Override Cloud" }).waitFor();
  await page.keyboard.type("cable is being replaced");
  await page.keyboard.press("Enter");
  await page.getByText("cable is being replaced").waitFor();
  await note(page, "Cloud is held by your word").getByRole("button", { name: "Undo" }).click();
  await until("the override is gone", async () => (await gateway.call("GET", "/sites")).sites.every((it) => !it.override));
  await close();
});

test("spool: what waits is seen, held and released", async () => {
  await gateway.call("PUT", "/sites/cloud/override", { to: "down", reason: "maintenance", for_seconds: 600 });
  await gateway.mail("felix@contoso.example", "spool@sender.example");
  const { page, close } = await open(chrome, gateway);
  await visit(page, "spool", "Spool");
  await page.getByText("spool@sender.example").waitFor();
  await page.getByRole("searchbox", { name: "Sender" }).fill("spool@sender.example");
  await button(page, "Hold all that match…").click();
  await page.getByText("1 recipient of 1 message").waitFor();
  await page.getByRole("textbox", { name: "Reason" }).fill("to be looked at");
  await button(page, "Hold 1 recipient").click();
  await page.getByText("Held by").waitFor();
  await page.keyboard.press("Escape");
  await button(page, "Release all that match…").focus();
  await page.keyboard.press("Enter");
  await button(page, "Release 1 recipient").waitFor();
  await page.keyboard.type("looked at");
  await page.keyboard.press("Enter");
  await note(page, "Release: 1 recipient").waitFor();
  await gateway.call("PUT", "/sites/cloud/override", { to: "auto", reason: "" });
  await until("it is delivered", async () => (await gateway.call("GET", "/trace?address=spool@sender.example")).stories[0].recipients[0].outcome === "delivered");
  await page.getByText("No waiting messages match").waitFor();
  await close();
});

test("trace: from an address to every attempt", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "trace", "Message trace");
  await page.keyboard.press("/");
  await page.keyboard.type("hugo@contoso.example");
  await page.keyboard.press("Enter");
  await page.locator(".story-head").first().waitFor();
  await page.locator(".story-head").first().focus();
  await page.keyboard.press("Enter");
  await page.getByText("Message-ID", { exact: true }).waitFor();
  await page.locator(".event").getByText("Delivered").first().waitFor();
  await page.locator(".story-head").nth(1).click();
  await page.locator(".event").getByText("Accepted").first().waitFor();
  await close();
});

test("overview: what was sent is on it", async () => {
  const { page, close } = await open(chrome, gateway);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.getByRole("list", { name: "Sites" }).getByText("Cloud").waitFor();
  const hour = page.getByRole("region", { name: "The last hour" });
  await until("what was sent is in the hour", async () => Number((await hour.locator(".value").first().textContent()).replace(/\D/g, "")) > 0, 25_000);
  await hour.getByRole("img", { name: /^Accepted: \d+ messages in the last hour/ }).waitFor();
  await tabTo(page, 'main a[href$="/spool"]');
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Spool" }).waitFor();
  await close();
});

test("changes: a version and its export", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "changes/1", "Changes");
  await page.getByRole("heading", { name: "Version 1" }).waitFor();
  const download = page.waitForEvent("download");
  await button(page, "Export as it was").click();
  assert.equal((await download).suggestedFilename(), "routes-1.csv");
  await close();
});

test("settings: theme, rows and times are remembered", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "settings", "Settings");
  await page.getByRole("radio", { name: "Dark" }).check();
  await page.getByRole("radio", { name: "Comfortable" }).focus();
  await page.keyboard.press("Space");
  await page.getByRole("radio", { name: "UTC" }).check();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.dataset.theme, document.documentElement.dataset.density]), ["dark", "comfortable"]);
  await page.locator(".clock").getByText("UTC").waitFor();
  await button(page, "Read the file again").click();
  await page.getByText("Nothing in the file has changed.").waitFor();
  await close();
});

test("on a narrow screen the rail is a menu", async () => {
  const { page, close } = await open(chrome, gateway, { width: 320 });
  assert.equal(await page.getByRole("link", { name: "Routes" }).first().isVisible(), false);
  await page.getByRole("button", { name: "Sections" }).click();
  await page.getByRole("link", { name: "Routes" }).click();
  await page.getByRole("heading", { level: 1, name: "Routes" }).waitFor();
  await until("the menu is closed", async () => !(await page.getByRole("link", { name: "Spool" }).isVisible()));
  await close();
});

test("people: an account by mouse, signed in to, and disabled by keyboard", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "people", "People and access");
  await button(page, "Add user").click();
  await page.getByLabel("User name").fill("vera");
  await page.getByLabel("First password").fill("long enough for vera");
  await page.getByLabel("Role").selectOption("operator");
  await page.getByRole("dialog").getByRole("button", { name: "Add user" }).click();
  await page.getByRole("region", { name: "Users" }).getByText("vera", { exact: true }).first().waitFor();
  const other = await open(chrome, gateway, { signedIn: false });
  await other.page.getByLabel("User name").fill("vera");
  await other.page.getByLabel("Password").fill("long enough for vera");
  await other.page.keyboard.press("Enter");
  await other.page.locator(".menu summary").getByText("vera").waitFor();
  await visit(other.page, "people", "People and access");
  await other.page.getByText("For administrators").waitFor();
  await button(page, "Change vera").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("checkbox", { name: "Disabled" }).focus();
  await page.keyboard.press("Space");
  await tabTo(page, "dialog button.primary");
  await page.keyboard.press("Enter");
  await note(page, "vera is changed").waitFor();
  await visit(other.page, "spool");
  await button(other.page, "Sign in").waitFor();
  await other.close();
  await close();
});

test("people: a token is made, shown once, and revoked", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "people", "People and access");
  await button(page, "Make a token").click();
  await page.getByLabel("What it is for").fill("sidecar of wave 7");
  await page.keyboard.press("Enter");
  const secret = await page.locator(".secret").textContent();
  assert.ok(secret.length > 20);
  await button(page, "Done").click();
  await button(page, "Revoke token for sidecar of wave 7").click();
  await button(page, "Revoke sidecar of wave 7").click();
  await note(page, "is revoked").waitFor();
  await close();
});

test("audit: what was done is found, and the chain is checked", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "audit", "Audit");
  await page.keyboard.press("/");
  await page.keyboard.type("break-glass");
  await page.getByRole("searchbox", { name: "Who" }).fill("");
  await page.getByRole("region", { name: "Audit records" }).getByText("Login").first().waitFor();
  await button(page, "Check the chain").focus();
  await page.keyboard.press("Enter");
  await page.getByText("The chain is whole.").waitFor();
  await close();
});

test("mail flow: a message appears as it passes, and Enter traces it", async () => {
  const { page, close } = await open(chrome, gateway);
  await visit(page, "flow?recipient=greta", "Mail flow");
  await page.locator(".filters .badge", { hasText: "Live" }).waitFor();
  await gateway.mail("greta@contoso.example", "live@sender.example");
  await page.getByText("greta@contoso.example").first().waitFor();
  await button(page, "Pause").click();
  await button(page, "Continue").click();
  await tabTo(page, ".grid-focus");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Message trace" }).waitFor();
  await page.getByText("live@sender.example").first().waitFor();
  await close();
});
