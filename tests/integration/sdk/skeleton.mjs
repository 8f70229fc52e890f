// Reads a list of TypeScript or JavaScript sources from standard input, and writes the syntax tree of each, as text, without what is data
// in it: strings, names and comments. A source that is none gives its error. It runs in the toolchain's folder.

import { text } from "node:stream/consumers";
import { parsers } from "prettier/plugins/typescript";

const LEFT_OUT = new Set(["range", "loc", "start", "end", "comments", "tokens", "raw", "shorthand", "computed", "optional"]);

function bare(node) {
  if (Array.isArray(node)) return node.map(bare);
  if (typeof node !== "object" || node === null) return node;
  if (node.type === "Identifier") return "NAME" + (node.typeAnnotation ? JSON.stringify(bare(node.typeAnnotation)) : "");
  // A path, as many steps as it has.
  if (node.type === "ArrayExpression" && node.elements.every((each) => typeof each.value === "string")) return "PATH";
  // A field is called by a name or by a string.
  if (node.type === "Literal" && typeof node.value === "string") return "NAME";
  return Object.fromEntries(Object.entries(node).filter(([key]) => !LEFT_OUT.has(key) && !key.startsWith("__")).map(([key, inner]) => [key, bare(inner)]));
}

const made = [];
for (const source of JSON.parse(await text(process.stdin))) {
  try {
    made.push(JSON.stringify(bare(await parsers.typescript.parse(source, { filepath: "source.ts" })), (_, value) => (typeof value === "bigint" ? `${value}` : value)));
  } catch (error) {
    made.push(`no TypeScript: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(made));
