export function at(frame, path) {
let value = frame;
for (const name of path)
value = value?.[name];
return value;
}
export function put(frame, path, value) {
const inner = path.slice(0, -1).reduce((node, name) => (node[name] ??= {}), frame);
inner[path[path.length - 1]] = value;
}
export function some(object) {
return Object.values(object).some((value) => value !== undefined) ? object : undefined;
}
export function sign(credential, apiKey, headers, query) {
if (!credential || apiKey === undefined)
return;
if (credential.place === "header")
headers[credential.name] = credential.prefix + apiKey;
else
query.set(credential.name, apiKey);
}
export function asked(url, query) {
return query.size ? `${url}?${query}` : url;
}
export function uuid() {
const bytes = crypto.getRandomValues(new Uint8Array(16));
bytes[6] = (bytes[6] & 15) | 64;
bytes[8] = (bytes[8] & 63) | 128;
const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
return digits.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
