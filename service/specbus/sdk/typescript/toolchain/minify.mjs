// Reads JavaScript modules by path from standard input, and writes each the smaller to standard output. What can be seen from outside a
// module keeps its name; lines stay short, for tracebacks.

import { text } from "node:stream/consumers";
import { minify } from "terser";

const sources = JSON.parse(await text(process.stdin));
for (const [path, source] of Object.entries(sources)) {
  const { code } = await minify(source, { module: true, ecma: 2022, format: { max_line_len: 120 } });
  sources[path] = `${code}\n`;
}
process.stdout.write(JSON.stringify(sources));
