// A real gateway with two stand-in sites and a real browser. Every page that a test opens is watched:
// a request to another origin, a breach of the policy and an error of the script fail the test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { start } from "../../dev.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../../..");

/** The binary under test. */
export function binary() {
  const named = process.env.CAUSEWAY;
  const found = named ?? ["release", "debug"].map((it) => join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), it, "causeway")).find(existsSync);
  if (!found) throw new Error("build the gateway first, or say CAUSEWAY=/path/to/causeway");
  return found;
}

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function browser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
}

/** Waits until `ask` answers something, and says what was awaited if it never does. */
export async function until(what, ask, ms = 30_000) {
  const end = Date.now() + ms;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${error.message}`);
    }
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** `causeway demo --keep`: a gateway that has been through mail, a move and an outage. */
export async function demo() {
  const child = spawn(binary(), ["demo", "--keep"], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let text = "";
  child.stdout.on("data", (it) => { text += it; });
  child.stderr.on("data", (it) => { text += it; });
  const config = await until("the demo is ready", () => {
    if (child.exitCode !== null) throw new Error(`the demo ended: ${text}`);
    return /It takes mail for/.test(text) && /--config (\S+\.toml)/.exec(text)?.[1];
  }, 120_000);
  return new Gateway(child, config, join(dirname(config), "data")).ready();
}

export class Gateway {
  constructor(child, config, data) {
    this.child = child;
    this.config = config;
    const addresses = JSON.parse(readFileSync(join(data, "addresses.json"), "utf8"));
    this.api = `http://${addresses.admin}`;
    this.base = this.api;
    this.smtp = Object.values(addresses.listeners)[0];
    this.token = readFileSync(join(data, "admin.token"), "utf8").split("\n")[0].trim();
  }

  /** With CONSOLE_DEV the pages come from app/ as it is now, not from the binary. */
  async ready() {
    if (process.env.CONSOLE_DEV) {
      this.pages = await start(new URL(this.base));
      this.base = this.pages.base;
    }
    return this;
  }

  /** A call of the API beside the browser. */
  async call(method, path, body, type = "application/json") {
    const response = await fetch(`${this.api}/api/v1${path}`, {
      method, headers: { Authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "Content-Type": type }) },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  }

  /** Sends one message by SMTP and answers when it was acknowledged. */
  async mail(to, from = "eve@sender.example") {
    const [host, port] = this.smtp.split(":");
    const socket = net.connect(Number(port), host);
    const lines = ["EHLO sender.example", `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA", `Subject: hello\r\nMessage-ID: <${Math.random()}@sender.example>\r\n\r\nhello\r\n.`, "QUIT"];
    let rest = "";
    return new Promise((resolve, reject) => {
      socket.setTimeout(20_000, () => reject(new Error("SMTP: no answer")));
      socket.on("error", reject);
      socket.on("data", (it) => {
        rest += it;
        const reply = /^(\d\d\d) .*\r\n$/m.exec(rest);
        if (!reply || !rest.endsWith("\r\n")) return;
        rest = "";
        if (!/^[23]/.test(reply[1])) reject(new Error(`SMTP: ${reply[0]}`));
        const next = lines.shift();
        if (next) socket.write(`${next}\r\n`);
        else resolve();
      });
    });
  }

  stop() {
    this.pages?.stop();
    try {
      process.kill(-this.child.pid, "SIGINT");
    } catch {
      // It has ended already.
    }
  }
}

/** A page that fails the test for what must not happen; call `check` at its end. */
export async function open(chrome, gateway, { width = 1280, dark = false, place = "", signedIn = true } = {}) {
  const context = await chrome.newContext({ viewport: { width, height: 800 }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on("request", (it) => { if (!it.url().startsWith(gateway.base) && !/^(blob|data):/.test(it.url())) faults.push(`off-origin: ${it.url()}`); });
  page.on("console", (it) => { if (/Content Security Policy|Trusted/i.test(it.text())) faults.push(it.text()); });
  page.on("pageerror", (it) => faults.push(String(it.stack ?? it)));
  await page.goto(`${gateway.base}/console/${place}`);
  if (signedIn) {
    await page.getByRole("radio", { name: "Token" }).check();
    await page.locator("input[type=password]").fill(gateway.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".shell").waitFor();
  }
  const check = async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.deepEqual(faults, []);
    assert.ok(width <= 0, `the page is ${width} pixels wider than the window`);
  };
  return { page, context, check, close: async () => { await check(); await context.close(); } };
}

/** Goes somewhere as a link would. */
export async function visit(page, place, title) {
  await page.evaluate((to) => { history.pushState(null, "", `/console/${to}`); dispatchEvent(new PopStateEvent("popstate")); }, place);
  if (title) await page.getByRole("heading", { level: 1, name: title }).waitFor();
}

/** Tab until what has focus matches. */
export async function tabTo(page, selector, most = 60) {
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((it) => document.activeElement?.matches(it), selector)) return;
  }
  throw new Error(`${selector} is not reached by Tab`);
}

/** Waits until what has focus matches: whoever types at once types beside it. */
export function focused(page, selector) {
  return until(`${selector} has focus`, () => page.evaluate((it) => document.activeElement?.matches(it), selector));
}

const shots = process.env.CONSOLE_SHOTS;
/** With CONSOLE_SHOTS=FOLDER, a picture of the page. */
export async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

/** A place that somebody answers for nowhere. */
export const NOBODY = "127.0.0.1:9";

/** The configuration of a gateway with two sites, and whatever `more` says. */
const configuration = ({ onPrem = NOBODY, cloud = NOBODY, unlisted = "reject", bind = "127.0.0.1:0", more = "" }) => `[server]
hostname = "gw.console.example"
data_dir = "data"
data_threads = 1

[[listener]]
name = "mx"
bind = "127.0.0.1:0"
role = "mx"

[site.on_prem]
hosts = ["${onPrem}"]
tls = "none"

[site.cloud]
hosts = ["${cloud}"]
tls = "none"

[[relay_domain]]
name = "contoso.example"
unlisted = "${unlisted}"

[admin]
bind = "${bind}"
${more}`;

/** `causeway serve` with an empty table. Files of `files` are beside its configuration, to which `more` is added. */
export async function serve({ files = {}, ...wanted } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "causeway-console-"));
  const config = join(folder, "causeway.toml");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(config, configuration(wanted));
  const child = spawn(binary(), ["serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let text = "";
  child.stderr.on("data", (it) => { text += it; });
  const data = join(folder, "data");
  await until("the gateway is ready", () => {
    if (child.exitCode !== null) throw new Error(`the gateway ended: ${text}`);
    return existsSync(join(data, "addresses.json"));
  }, 60_000);
  const gateway = new Gateway(child, config, data);
  gateway.folder = folder;
  /** Another configuration, read again. */
  gateway.configure = (changes) => {
    writeFileSync(config, configuration({ ...wanted, ...changes }));
    return gateway.call("POST", "/reload", {});
  };
  return gateway.ready();
}

/** A site that takes mail, as a server would that one can tell what to say. */
export class Site {
  /** Recipients that are refused at RCPT; that are refused after the message; after whose message the line is cut; who get no answer at all. */
  refused = new Set();
  returned = new Set();
  silent = new Set();
  stuck = new Set();
  /** Recipients of messages that were acknowledged. */
  taken = [];

  async start() {
    this.server = net.createServer((socket) => this.talk(socket));
    await new Promise((resolve) => { this.server.listen(0, "127.0.0.1", resolve); });
    this.place = `127.0.0.1:${this.server.address().port}`;
    return this;
  }

  talk(socket) {
    let rest = "";
    let recipients = [];
    let body = false;
    socket.on("error", () => socket.destroy());
    socket.setEncoding("latin1");
    socket.write("220 site.example\r\n");
    socket.on("data", (text) => {
      rest += text;
      for (;;) {
        const end = body ? rest.indexOf("\r\n.\r\n") : rest.indexOf("\r\n");
        if (end < 0) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + (body ? 5 : 2));
        if (body) {
          body = false;
          if (recipients.some((it) => this.silent.has(it))) return void socket.destroy();
          if (recipients.some((it) => this.stuck.has(it))) return;
          const bad = recipients.some((it) => this.returned.has(it));
          if (!bad) this.taken.push(...recipients);
          socket.write(bad ? "550 5.7.1 not here\r\n" : "250 2.0.0 taken\r\n");
          continue;
        }
        const [verb, address] = [line.slice(0, 4).toUpperCase(), /<(.*?)>/.exec(line)?.[1]?.toLowerCase() ?? ""];
        if (verb === "MAIL" || verb === "RSET") recipients = [];
        if (verb === "RCPT" && !this.refused.has(address)) recipients.push(address);
        body = verb === "DATA" && recipients.length > 0;
        const said = { EHLO: "250 site.example", RCPT: this.refused.has(address) ? "550 5.1.1 no such mailbox here" : "250 2.1.5 fine", DATA: body ? "354 go on" : "503 5.5.1 nobody", QUIT: "221 bye" }[verb] ?? "250 2.0.0 fine";
        socket.write(`${said}\r\n`);
        if (verb === "QUIT") socket.end();
      }
    });
  }

  stop() {
    this.server?.close();
  }
}

/** A gateway between two sites that one can tell what to say, with a table, and `more` of its configuration. */
export async function rig({ rows, ...wanted }) {
  const [onPrem, cloud] = await Promise.all([new Site().start(), new Site().start()]);
  const gateway = await serve({ onPrem: onPrem.place, cloud: cloud.place, ...wanted });
  await gateway.call("POST", "/table/import?reason=rig", `address,home,state,batch\n${rows.join("\n")}\n`, "text/csv");
  const end = gateway.stop.bind(gateway);
  gateway.stop = () => {
    end();
    onPrem.stop();
    cloud.stop();
  };
  return Object.assign(gateway, { onPrem, cloud });
}
