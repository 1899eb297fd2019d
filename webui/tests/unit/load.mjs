// Modules of app/ as node can run them.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const app = join(dirname(fileURLToPath(import.meta.url)), "../../app");

/** What `path` below app/ exports, with a browser's few globals where it wants them. */
export async function load(path) {
  const kept = new Map();
  globalThis.sessionStorage ??= { getItem: (it) => kept.get(it) ?? null, setItem: (it, value) => kept.set(it, value), removeItem: (it) => kept.delete(it) };
  const result = await build({ entryPoints: [join(app, path)], bundle: true, write: false, format: "esm", platform: "neutral", mainFields: ["module", "main"], jsx: "automatic", jsxImportSource: "preact" });
  return import(`data:text/javascript;base64,${Buffer.from(result.outputFiles[0].contents).toString("base64")}`);
}
