// How a plan is applied: at a time, a few rows first, with somebody else's word; and how one watches it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, open, rig, shot, tabTo, until, visit } from "./harness.mjs";

let chrome;
let gateway;
before(async () => {
  const rows = ["anna", "bert", "carla", "david", "emma", "felix", "greta", "hugo"].map((it) => `${it}@contoso.example,on_prem,on_prem,one`);
  [chrome, gateway] = await Promise.all([browser(), rig({ rows })]);
});
after(async () => {
  await chrome?.close();
  gateway?.stop();
});

const button = (page, name) => page.getByRole("button", { name });
const entry = (name) => gateway.call("GET", `/table/entries/${name}@contoso.example`);
const badge = (page, text) => page.locator(".about .badge", { hasText: text });

/** Puts homes into the draft and opens its review. */
async function review(page, names, reason) {
  for (const name of names) {
    await visit(page, `routes?matching=${name}`, "Routes");
    await page.getByText(`${name}@contoso.example`, { exact: true }).hover();
    await page.getByLabel(`Home of ${name}@contoso.example`).selectOption("cloud");
  }
  await button(page, "Review plan").click();
  await page.getByRole("textbox", { name: "Reason" }).fill(reason);
}

test("a plan is scheduled by keyboard in another time zone, counts down, and is cancelled", async () => {
  const { page, close } = await open(chrome, gateway);
  await review(page, ["anna"], "Anna moves in January");
  await page.getByRole("textbox", { name: "Reason" }).focus();
  await tabTo(page, "dialog .segmented input");
  await page.keyboard.press("ArrowRight");
  await page.getByLabel("Not before", { exact: true }).waitFor();
  await tabTo(page, "dialog input[type=datetime-local]");
  await page.keyboard.type("01152040");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type("1000PM");
  await tabTo(page, "dialog input[list]");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("America/New_York");
  await page.getByText("2040-01-16 03:00 UTC").waitFor();
  await shot(page, "terms-schedule");
  await tabTo(page, "dialog button.primary");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Anna moves in January" }).waitFor();
  await page.getByRole("region", { name: "Not applied before" }).waitFor();
  await tabTo(page, ".apply button:not([disabled])");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Schedule 1 change");
  await page.keyboard.press("Enter");
  await badge(page, "Scheduled").waitFor();
  const timer = page.getByRole("timer");
  await timer.getByText(/^in \d+ d/).waitFor();
  assert.equal((await entry("anna")).home, "on_prem");
  await shot(page, "plan-scheduled");
  await button(page, "Cancel plan").focus();
  await page.keyboard.press("Enter");
  await badge(page, "Cancelled").waitFor();
  await button(page, "Edit again as a draft").click();
  await page.getByRole("region", { name: "Draft" }).getByText("1 edit").waitFor();
  await button(page, "Discard").click();
  await close();
});

test("its time comes while one looks", async () => {
  const { page, close } = await open(chrome, gateway);
  const plan = await gateway.call("POST", "/plans", { edits: [{ op: "set", address: "bert@contoso.example", entry: { home: "cloud" } }], reason: "Bert in a moment", not_before: new Date(Date.now() + 8000).toISOString() });
  await visit(page, `plans/${plan.id}`, "Bert in a moment");
  await button(page, "Schedule 1 change").click();
  await page.getByRole("timer").getByText(/^in \d+ s|any moment/).waitFor();
  await badge(page, "Applied").waitFor();
  assert.equal((await entry("bert")).home, "cloud");
  await close();
});

test("what a time means is told as it is typed, and a mistake in it before it is sent", async () => {
  const { page, close } = await open(chrome, gateway);
  await review(page, ["anna"], "When the clocks go forward");
  await page.getByRole("radio", { name: "Not before a time" }).check();
  await page.getByLabel("Not before", { exact: true }).fill("2031-03-30T02:30");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByText("the clocks go forward over it").waitFor();
  await page.getByText("2031-03-30 01:30 UTC").waitFor();
  await page.getByLabel("Not before", { exact: true }).fill("2020-03-30T02:30");
  await page.getByText("This is over already.").waitFor();
  await page.getByLabel("Time zone").fill("Europe/Nowhere");
  await button(page, "Make the plan").click();
  await page.getByRole("dialog").getByRole("alert").getByText("there is no time zone").first().waitFor();
  await button(page, "Keep editing").click();
  await close();
});

test("a canary is watched, and the rest follows its mail", async () => {
  const { page, close } = await open(chrome, gateway);
  await review(page, ["carla", "david", "emma"], "Three, one of them first");
  await page.getByRole("radio", { name: "A few first" }).check();
  await page.getByLabel("So many first").fill("1");
  await page.getByLabel("Rest after deliveries").fill("2");
  await page.getByLabel("Or after minutes").fill("");
  await page.getByText("the rest follows after 2 of it are delivered").waitFor();
  await shot(page, "terms-canary");
  await button(page, "Make the plan").click();
  await button(page, "Apply 3 changes").click();
  await badge(page, "Canary runs").waitFor();
  const card = page.getByRole("region", { name: "A few first" });
  await card.getByText("0 of 2").waitFor();
  const first = (await Promise.all(["carla", "david", "emma"].map(entry))).filter((it) => it.home === "cloud").map((it) => it.address);
  assert.equal(first.length, 1);
  await gateway.mail(first[0]);
  await card.getByText("1 of 2").waitFor();
  await shot(page, "plan-canary");
  await gateway.mail(first[0]);
  await badge(page, "Applied").waitFor();
  assert.deepEqual((await Promise.all(["carla", "david", "emma"].map(entry))).map((it) => it.home), ["cloud", "cloud", "cloud"]);
  await close();
});

test("a canary whose mail comes back goes back; another is stopped by keyboard", async () => {
  const { page, close } = await open(chrome, gateway);
  const canary = (name, reason) => gateway.call("POST", "/plans", { edits: ["hugo", name].map((it) => ({ op: "set", address: `${it}@contoso.example`, entry: { home: "cloud" } })), reason, canary: { recipients: 1 } });
  const bad = await canary("felix", "A bad idea");
  await gateway.call("POST", `/plans/${bad.id}/apply`, {});
  await visit(page, `plans/${bad.id}`, "A bad idea");
  await badge(page, "Canary runs").waitFor();
  const first = (await Promise.all(["felix", "hugo"].map(entry))).find((it) => it.home === "cloud").address;
  gateway.cloud.returned.add(first);
  for (let n = 0; n < 5; n += 1) await gateway.mail(first);
  await badge(page, "Rolled back").waitFor();
  await page.getByRole("alert").getByText("5 of 5 outcomes of its first rows were bounces").waitFor();
  gateway.cloud.returned.clear();
  const slow = await canary("greta", "Stopped in time");
  await gateway.call("POST", `/plans/${slow.id}/apply`, {});
  await visit(page, `plans/${slow.id}`, "Stopped in time");
  await button(page, "Stop and go back…").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Stop the canary" }).waitFor();
  await tabTo(page, "dialog button.danger");
  await page.keyboard.press("Enter");
  await badge(page, "Rolled back").waitFor();
  assert.deepEqual((await Promise.all(["greta", "hugo"].map(entry))).map((it) => it.home), ["on_prem", "on_prem"]);
  await close();
});

test("a plan waits for somebody else, who approves it on their own screen", async () => {
  await gateway.call("POST", "/users", { name: "vera", password: "long enough for vera", role: "approver" });
  const { page, close } = await open(chrome, gateway);
  await review(page, ["anna"], "Two pairs of eyes");
  await page.getByRole("checkbox", { name: "Somebody else has to agree" }).check();
  await page.getByLabel("Ticket").fill("CHG-7");
  await button(page, "Make the plan").click();
  await badge(page, "Waits for approval").waitFor();
  await page.getByText("Somebody else with the right to approve has to agree").waitFor();
  const other = await open(chrome, gateway, { signedIn: false, place: page.url().split("/console/")[1] });
  await other.page.getByLabel("User name").fill("vera");
  await other.page.getByLabel("Password").fill("long enough for vera");
  await other.page.keyboard.press("Enter");
  await other.page.getByText("CHG-7").waitFor();
  await button(other.page, "Approve this plan").focus();
  await other.page.keyboard.press("Enter");
  await badge(other.page, "Ready").waitFor();
  await badge(page, "Ready").waitFor();
  await button(page, "Apply 1 change").click();
  await badge(page, "Applied").waitFor();
  await page.getByText("Approved by").waitFor();
  await until("anna moves", async () => (await entry("anna")).home === "cloud");
  await other.close();
  await close();
});
