// Reads {"sources", "schemas", "banner"} from standard input and writes the sources to standard output, by path: those
// given, formatted, and src/types.ts with a type for each of the schemas.

import { compile } from "json-schema-to-typescript";
import { text } from "node:stream/consumers";
import * as prettier from "prettier";

const ROOT = "RootOfAllSchemas";
const style = { printWidth: 120, trailingComma: "all" };

const { sources, schemas, banner } = JSON.parse(await text(process.stdin));
const types = await compile({ title: ROOT, type: "object", properties: {}, definitions: schemas }, ROOT, {
  additionalProperties: false, // fields that a schema does not name are not offered
  bannerComment: `// ${banner}`,
  cwd: "/", // references point into the document only
  format: false,
  ignoreMinAndMaxItems: true,
  unreachableDefinitions: true,
});
sources["src/types.ts"] = types.replace(new RegExp(`export interface ${ROOT} *\\{\\s*\\}`), "");
for (const [path, source] of Object.entries(sources)) {
  sources[path] = await prettier.format(source, { ...style, parser: "typescript" });
}
// How a type was found is of no interest.
sources["src/types.ts"] = sources["src/types.ts"]
  .replace(/ \* This interface was referenced by `[^`\n]*`'s JSON-Schema\n \* via the `definition` "[^"]*"\.\n/g, "")
  .replace(/( \*\n)+ \*\/\n/g, " */\n")
  .replace(/\/\*\*\n \*\/\n/g, "");
process.stdout.write(JSON.stringify(sources));
