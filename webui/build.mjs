// Bundles app/ into the folder that is named: hashed names, gzip and brotli beside each file.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
/** Kilobytes of script and style with gzip, above which the console is too heavy. */
const LIMIT_KB = 130;

/** Everything the console is, by name. */
export async function bundle({ minify = true } = {}) {
  const result = await build({
    entryPoints: { app: join(here, "app/main.tsx"), style: join(here, "app/style/index.css") },
    bundle: true,
    write: false,
    outdir: "/",
    format: "esm",
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    minify,
    sourcemap: minify ? false : "inline",
    legalComments: "none",
    charset: "utf8",
    metafile: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const files = new Map();
  const names = {};
  for (const output of result.outputFiles) {
    const plain = output.path.replace(/^.*\//, "");
    const hash = createHash("sha256").update(output.contents).digest("hex").slice(0, 10);
    const name = plain.replace(/\.(\w+)$/, `-${hash}.$1`);
    names[plain] = name;
    files.set(name, Buffer.from(output.contents));
  }
  const icon = readFileSync(join(here, "app/icon.svg"));
  names["icon.svg"] = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 10)}.svg`;
  files.set(names["icon.svg"], icon);
  let page = readFileSync(join(here, "app/index.html"), "utf8");
  for (const [plain, name] of Object.entries(names)) page = page.replaceAll(`/console/${plain}`, `/console/${name}`);
  files.set("index.html", Buffer.from(page));
  return { files, metafile: result.metafile };
}

export const gz = (bytes) => gzipSync(bytes, { level: 9 });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2];
  if (!out) throw new Error("usage: node build.mjs FOLDER");
  mkdirSync(out, { recursive: true });
  const { files } = await bundle();
  let sum = 0;
  for (const [name, bytes] of files) {
    writeFileSync(join(out, name), bytes);
    const small = gz(bytes);
    const smaller = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    sum += small.length;
    if (smaller.length < bytes.length && small.length < bytes.length) {
      writeFileSync(join(out, `${name}.gz`), small);
      writeFileSync(join(out, `${name}.br`), smaller);
    }
    console.log(`${name}: ${bytes.length} bytes, ${small.length} with gzip, ${smaller.length} with brotli`);
  }
  console.log(`together ${(sum / 1024).toFixed(1)} KB with gzip`);
  if (sum > LIMIT_KB * 1024) throw new Error(`the console is over ${LIMIT_KB} KB with gzip`);
}
