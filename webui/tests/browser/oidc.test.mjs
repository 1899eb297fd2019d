// Signing in by a real identity provider, in a real browser.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browser, serve, shot } from "./harness.mjs";
import { provider } from "./provider.mjs";

const SECRET = "a secret that both know";
let chrome;
let gateway;
let identity;
const started = [];

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const secretFile = join(mkdtempSync(join(tmpdir(), "causeway-oidc-")), "secret");
writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });

async function gatewayWith(issuer, port) {
  const it = await serve({
    bind: `127.0.0.1:${port}`,
    more: `
[oidc]
issuer = "${issuer}"
client_id = "causeway"
client_secret_file = "${secretFile}"
public_url = "http://127.0.0.1:${port}"
label = "Contoso"
scopes = ["profile"]

[[oidc_group]]
group = "mail-operators"
role = "operator"

[[oidc_group]]
group = "mail-fabrikam"
role = "operator"
domains = ["fabrikam.example"]
`,
  });
  started.push(it);
  return it;
}

before(async () => {
  const port = await freePort();
  identity = await provider({ redirect: `http://127.0.0.1:${port}/api/v1/session/oidc/callback`, secret: SECRET });
  [chrome, gateway] = await Promise.all([browser(), gatewayWith(identity.issuer, port)]);
});
after(async () => {
  await chrome?.close();
  identity?.stop();
  for (const it of started) it.stop();
});

/** A browser of its own, at the console. */
async function visitor(base = gateway.base) {
  const context = await chrome.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${base}/console/`);
  return { context, page };
}

/** Through the provider's pages as `name`; ends where they lead. */
async function through(page, name) {
  await page.getByRole("link", { name: "Sign in with Contoso" }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const session = (page) => page.evaluate(async () => (await fetch("/api/v1/session")).json());

test("the provider's page leads to a console that is signed in", async () => {
  const { context, page } = await visitor();
  await page.getByRole("link", { name: "Sign in with Contoso" }).waitFor();
  await shot(page, "sign-in-oidc");
  let callback;
  page.on("request", (it) => { if (it.url().includes("/oidc/callback")) callback = it.url(); });
  await through(page, "anna");
  await page.locator(".shell").waitFor();
  const me = await session(page);
  assert.deepEqual([me.name, me.role, me.via], ["oidc:anna@contoso.example", "operator", "oidc"]);
  const cookies = await context.cookies(gateway.base);
  assert.deepEqual(cookies.map((it) => [it.name, it.sameSite, it.httpOnly, it.secure]), [["__Host-sid", "Strict", true, true]], "and the sign-in's own cookie is gone");
  await page.reload();
  await page.locator(".shell").waitFor();
  const put = await page.evaluate(async () => (await fetch("/api/v1/table/entries/anna@contoso.example", { method: "PUT", headers: { "content-type": "application/json", "causeway-csrf": "1" }, body: JSON.stringify({ home: "cloud" }) })).status);
  assert.equal(put, 200);
  const forged = await page.evaluate(async () => (await fetch("/api/v1/table/entries/anna@contoso.example", { method: "DELETE" })).status);
  assert.equal(forged, 403, "without our header nothing is changed");
  const { records } = await gateway.call("GET", "/audit?actor=oidc:anna@contoso.example");
  const login = records.find((it) => it.kind === "login");
  assert.match(login.via, /^oidc [0-9a-f]+$/);
  assert.deepEqual(JSON.parse(login.details), { issuer: identity.issuer, subject: "anna" });
  const change = records.find((it) => it.kind === "begun" && it.action.startsWith("PUT"));
  assert.equal(JSON.parse(change.details).subject, "anna");
  const again = await page.goto(callback);
  assert.equal(again.status(), 403, "what was used counts once");
  await page.getByRole("heading", { name: "Not signed in" }).waitFor();
  await context.close();
});

test("a limit of the group is a limit of the person", async () => {
  const { context, page } = await visitor();
  await through(page, "dora");
  await page.locator(".shell").waitFor();
  assert.deepEqual((await session(page)).domains, ["fabrikam.example"]);
  await context.close();
});

test("somebody in no group is told so", async () => {
  const { context, page } = await visitor();
  await through(page, "carl");
  await page.getByRole("heading", { name: "Not signed in" }).waitFor();
  const text = await page.locator("main").innerText();
  assert.match(text, /You are carl@contoso.example, and none of your groups may use this gateway/);
  await shot(page, "sign-in-no-group");
  assert.deepEqual((await context.cookies(gateway.base)).filter((it) => it.name === "__Host-sid"), []);
  const { records } = await gateway.call("GET", "/audit?actor=oidc:carl@contoso.example");
  assert.deepEqual([records[0].status, records[0].code], [403, "no_group"]);
  await context.close();
});

test("a sign-in that another browser began is nobody's", async () => {
  const attacker = await visitor();
  let state;
  attacker.page.on("request", (it) => { state ??= new URL(it.url()).searchParams.get("state"); });
  await attacker.page.getByRole("link", { name: "Sign in with Contoso" }).click();
  await attacker.page.locator("input[name=login]").waitFor();
  assert.ok(state);
  const victim = await visitor();
  const answer = await victim.page.goto(`${gateway.base}/api/v1/session/oidc/callback?code=theirs&state=${state}`);
  assert.equal(answer.status(), 403);
  assert.match(await victim.page.locator("main").innerText(), /begun in another browser/);
  await Promise.all([attacker.context.close(), victim.context.close()]);
});

test("while the provider is down, the page says so and a token signs in", async () => {
  const lonely = await gatewayWith(`http://localhost:${await freePort()}`, await freePort());
  const { context, page } = await visitor(lonely.base);
  await page.getByRole("status").filter({ hasText: "Contoso does not answer" }).waitFor();
  await shot(page, "sign-in-provider-down");
  assert.equal(await page.getByRole("link", { name: "Sign in with Contoso" }).count(), 0);
  await page.getByRole("radio", { name: "Token" }).check();
  await page.locator("input[type=password]").fill(lonely.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".shell").waitFor();
  const begun = await page.request.get(`${lonely.base}/api/v1/session/oidc`, { maxRedirects: 0, headers: { Accept: "text/html" } });
  assert.equal(begun.status(), 503);
  assert.match(await begun.text(), /Sign in with a local account/);
  await context.close();
});
