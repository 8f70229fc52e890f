// A check of JSON values against the schemas of the documents. It knows the keywords that they use, and says nothing
// of others: the service decides, this only tells early.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const DEEPEST = 128;

/** What `node` is once its reference into `document`, if it is one, is followed. */
export function resolved(document, node) {
  let found = node;
  for (let steps = 0; typeof found?.$ref === "string" && steps < DEEPEST; steps++) {
    found = found.$ref
      .replace(/^#\/?/, "")
      .split("/")
      .filter((step) => step !== "")
      .reduce((inside, step) => inside?.[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")], document);
  }
  return found ?? {};
}

/** What is wrong with `value` by `schema`, a part of `document`: a sentence for each rule broken, which names the field. */
export function problems(document, schema, value, name = "", depth = 0) {
  const rules = resolved(document, schema);
  if (typeof rules !== "object" || depth > DEEPEST) return [];
  const found = [];
  const say = (rule) => found.push(`${name || "the frame"} ${rule}`);
  const types = rules.type === undefined ? [] : [rules.type].flat();
  if (types.length && !types.some((type) => isOf(type, value))) {
    say(`must be ${types.map(withArticle).join(" or ")}`);
    return found;
  }
  if ("const" in rules && !equal(rules.const, value)) say(`must be ${JSON.stringify(rules.const)}`);
  if (Array.isArray(rules.enum) && !rules.enum.some((one) => equal(one, value))) {
    say(`must be ${rules.enum.length > 1 ? "one of " : ""}${rules.enum.map((one) => JSON.stringify(one)).join(", ")}`);
  }
  if (typeof value === "string") text(rules, value, say);
  else if (typeof value === "number") number(rules, value, say);
  else if (Array.isArray(value)) {
    size(rules.minItems, rules.maxItems, value.length, "item", say);
    if (rules.items) {
      value.forEach((item, index) => found.push(...problems(document, rules.items, item, `${name}[${index}]`, depth + 1)));
    }
  } else if (value !== null && typeof value === "object") {
    const inside = (field) => (name ? `${name}.${field}` : field);
    for (const field of rules.required ?? []) {
      if (!Object.hasOwn(value, field)) found.push(`${inside(field)} is required`);
    }
    for (const [field, item] of Object.entries(value)) {
      if (rules.properties && Object.hasOwn(rules.properties, field)) {
        found.push(...problems(document, rules.properties[field], item, inside(field), depth + 1));
      } else if (rules.additionalProperties === false) {
        if (!rules.patternProperties) found.push(`${inside(field)} is unknown`);
      } else if (rules.additionalProperties && rules.additionalProperties !== true) {
        found.push(...problems(document, rules.additionalProperties, item, inside(field), depth + 1));
      }
    }
  }
  return found;
}

function text(rules, value, say) {
  size(rules.minLength, rules.maxLength, [...value].length, "character", say);
  if (rules.pattern !== undefined && matches(rules.pattern, value) === false) say(`${form(rules)}`);
  if (rules.format === "uuid" && !UUID.test(value)) say("must be a valid UUID");
  if (rules.format === "date-time" && !(DATE_TIME.test(value) && !Number.isNaN(Date.parse(value)))) say("must be a valid date and time");
}

/** A pattern is a rule for machines: people get the words that the document has for it, if it has any. */
function form(rules) {
  const words = String(rules.description ?? "").trim().replace(/\s+/g, " ");
  return words ? `is not in the form that the contract asks for. ${words}` : `must match the pattern ${rules.pattern}`;
}

function number(rules, value, say) {
  if (value < rules.minimum) say(`must be at least ${rules.minimum}`);
  if (value > rules.maximum) say(`must be at most ${rules.maximum}`);
}

function size(least, most, found, unit, say) {
  const units = (count) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (found < least) say(`must have at least ${units(least)}`);
  if (found > most) say(`must have at most ${units(most)}`);
}

/** Whether `value` matches; undefined for a pattern that a browser cannot read. */
function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return undefined;
  }
}

function isOf(type, value) {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return value !== null && typeof value === "object" && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

function withArticle(type) {
  return type === "null" ? "null" : `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}

/** Whether two JSON values are the same. */
export function equal(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && equal(one[key], other[key]));
}
