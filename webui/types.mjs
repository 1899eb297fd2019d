// Writes app/api/types.ts from the OpenAPI document: `node types.mjs OPENAPI.json [--check]`.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const target = join(dirname(fileURLToPath(import.meta.url)), "app/api/types.ts");

/** One schema as a type. */
export function type(schema, indent = "") {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return schema.$ref.replace(/^.*\//, "");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  const several = schema.oneOf ?? schema.anyOf;
  if (several) {
    const cases = [...new Set(several.map((it) => type(it, indent)))].join(" | ");
    return schema.properties ? `(${cases}) & ${type({ ...schema, oneOf: undefined, anyOf: undefined }, indent)}` : cases;
  }
  if (schema.allOf) return schema.allOf.map((it) => type(it, indent)).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((it) => type({ ...schema, type: it }, indent)).join(" | ");
  switch (schema.type) {
    case "string": return "string";
    case "integer": case "number": return "number";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": {
      if (schema.prefixItems) return `[${schema.prefixItems.map((it) => type(it, indent)).join(", ")}]`;
      const items = type(schema.items ?? {}, indent);
      return /[|&]/.test(items) ? `(${items})[]` : `${items}[]`;
    }
    case "object": return object(schema, indent);
    default: return schema.properties ? object(schema, indent) : "unknown";
  }
}

function object(schema, indent) {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) {
    const values = schema.additionalProperties;
    return values ? `Record<string, ${type(values, indent)}>` : "Record<string, never>";
  }
  const deeper = `${indent}  `;
  const lines = fields.map(([name, field]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    return `${comment(field.description, deeper)}${deeper}${key}${optional}: ${type(field, deeper)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function comment(text, indent) {
  if (!text) return "";
  const lines = text.replaceAll("*/", "* /").split("\n").map((it) => it.trimEnd());
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((it) => `${indent} *${it ? ` ${it}` : ""}\n`).join("")}${indent} */\n`;
}

/** The whole file. */
export function render(document) {
  let text = "// Written by `cargo xtask docs` from the OpenAPI document; do not edit.\n\n";
  for (const [name, schema] of Object.entries(document.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1))) {
    text += `${comment(schema.description, "")}export type ${name} = ${type(schema)};\n\n`;
  }
  const paths = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  text += `/** Every call of the API. */\nexport type Call =\n${paths.sort().map((it) => `  | ${JSON.stringify(it)}`).join("\n")};\n`;
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const source = process.argv[2];
  if (!source) throw new Error("usage: node types.mjs OPENAPI.json [--check]");
  const text = render(JSON.parse(readFileSync(source, "utf8")));
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) throw new Error("app/api/types.ts is out of date: run `cargo xtask docs`");
}
