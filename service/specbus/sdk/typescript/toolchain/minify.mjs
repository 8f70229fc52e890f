// Reads JavaScript sources by path from standard input, and writes each the smaller to standard output: local and private names are one or two
// letters, and spaces are gone that separate nothing. What can be seen from outside a file keeps its name.

import { text } from "node:stream/consumers";
import { parsers } from "prettier/plugins/typescript";

const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const BESIDE = new Set(["range", "loc", "comments", "tokens"]);

/** What takes the place of a literal while spaces are looked at: it is in no source. */
const LITERAL = "\u0001";

/** Name after name: no reserved word is a letter and a digit. */
function* names() {
  yield* LETTERS;
  for (let digit = 0; ; digit++) for (const letter of LETTERS) yield letter + digit;
}

/** The names that a pattern of parameters or variables binds. */
function bound(pattern) {
  if (!pattern) return [];
  if (pattern.type === "Identifier") return [pattern.name];
  const inner = pattern.properties ?? pattern.elements ?? [];
  return [pattern.left, pattern.argument, pattern.value, ...inner].filter((each) => each?.type).flatMap(bound);
}

async function minified(source, path) {
  const locals = new Set();
  const kept = new Set(); // names that are a field's, an import's or an export's somewhere in the file
  const spots = []; // identifiers, private ones and literals
  const visit = (node, parent, key) => {
    if (Array.isArray(node)) return node.forEach((each) => visit(each, parent, key));
    if (!node?.type) return;
    if (node.type === "Identifier") {
      const isField = !parent.computed && (key === "key" || (key === "property" && parent.type === "MemberExpression"));
      if (isField || parent.shorthand || /Specifier$|^Class/.test(parent.type)) kept.add(node.name);
    }
    if (node.type === "ExportNamedDeclaration") {
      const { declaration } = node;
      for (const { id } of declaration?.declarations ?? [declaration ?? {}]) for (const name of bound(id)) kept.add(name);
    }
    if (/Identifier$|^Literal$|^TemplateElement$/.test(node.type)) spots.push(node);
    if (node.type === "VariableDeclarator" || /Function/.test(node.type)) for (const name of bound(node.id)) locals.add(name);
    for (const pattern of [...(node.params ?? []), node.param]) for (const name of bound(pattern)) locals.add(name);
    for (const [name, inner] of Object.entries(node)) if (!BESIDE.has(name) && typeof inner === "object") visit(inner, node, name);
  };
  visit(await parsers.typescript.parse(source, { filepath: path }), {}, "");

  const taken = new Set(spots.map(({ name }) => name));
  const shorter = new Map();
  const free = names();
  for (const name of locals) {
    if (kept.has(name) || name in globalThis) continue;
    let short;
    do short = free.next().value;
    while (taken.has(short));
    shorter.set(name, short);
  }
  const fields = names();
  const shorterField = new Map();
  let code = "";
  let end = 0;
  const literals = [];
  for (const { type, name, range } of spots.sort((a, b) => a.range[0] - b.range[0])) {
    if (range[0] < end) continue; // one that is short for two of the same name
    code += source.slice(end, range[0]);
    end = range[1];
    if (type === "PrivateIdentifier") {
      if (!shorterField.has(name)) shorterField.set(name, fields.next().value);
      code += `#${shorterField.get(name)}`;
    } else if (type === "Identifier") {
      code += shorter.get(name) ?? name;
    } else {
      const literal = source.slice(...range);
      literals.push(literal);
      code = (/^["'`]/.test(literal) ? code.trimEnd() : code) + LITERAL;
    }
  }
  code += source.slice(end);
  // The compiler ends each statement with a semicolon, and none of ours is empty.
  return code
    .replace(/\s*\n\s*/g, "\n")
    .replace(/ ([-+/]) (?![-+])/g, "$1")
    .replace(/ ?([=?:,;{}()<>&|!*[\]]) ?/g, "$1")
    .replace(/([^\w}])\n/g, "$1")
    .replace(/;}/g, "}")
    .replaceAll(LITERAL, () => literals.shift());
}

const sources = JSON.parse(await text(process.stdin));
for (const [path, source] of Object.entries(sources)) sources[path] = await minified(source, path);
process.stdout.write(JSON.stringify(sources));
