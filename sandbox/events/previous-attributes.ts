type Attributes = Record<string, unknown>;

const isPlain = (value: unknown): value is Attributes =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSame = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * What changed, with the values from before: nested objects only as far as they differ, lists
 * whole, and null for what was not there. https://docs.stripe.com/api/events/object
 */
export function previousAttributes(before: object, after: object): Attributes {
  const was = before as Attributes;
  const is = after as Attributes;
  const changed: Attributes = {};
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const [a, b] = [was[name], is[name]];
    if (isSame(a, b)) continue;
    changed[name] = isPlain(a) && isPlain(b) ? previousAttributes(a, b) : (a ?? null);
  }
  return changed;
}
