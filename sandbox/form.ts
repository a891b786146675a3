import { invalidRequest } from "./errors.ts";

/** Parameters as they arrive: text, lists and objects of text. */
export type Raw = string | Raw[] | { [name: string]: Raw };

const MAX_DEPTH = 10;
const MAX_FIELDS = 10_000;

type Tree = Map<string, Tree | string>;

/** `a[b][0]` → `["a", "b", "0"]`; `a[]` ends in an empty segment. */
function segments(name: string): string[] {
  const bracket = name.indexOf("[");
  if (bracket <= 0 || !name.endsWith("]")) return [name];
  return [name.slice(0, bracket), ...name.slice(bracket + 1, -1).split("][")];
}

function plant(tree: Tree, path: string[], value: string): void {
  const [head = "", ...rest] = path;
  const name = head === "" ? String(tree.size) : head;
  if (rest.length === 0) {
    tree.set(name, value);
    return;
  }
  const below = tree.get(name);
  const branch = below instanceof Map ? below : new Map();
  tree.set(name, branch);
  plant(branch, rest, value);
}

/** Names 0, 1, 2 … make a list; anything else an object. */
function harvest(tree: Tree | string): Raw {
  if (typeof tree === "string") return tree;
  const names = [...tree.keys()];
  if (names.length > 0 && names.every((name) => /^\d+$/.test(name))) {
    return names.sort((a, b) => Number(a) - Number(b)).map((name) => harvest(tree.get(name)!));
  }
  return Object.fromEntries(names.map((name) => [name, harvest(tree.get(name)!)]));
}

/**
 * Decodes Stripe's form and query encoding (`items[0][price]=…`, `expand[]=…`).
 * Refuses more than 10,000 fields or ten levels.
 */
export function decodeForm(text: string): { [name: string]: Raw } {
  const tree: Tree = new Map();
  let fields = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    const path = segments(name);
    if (++fields > MAX_FIELDS || path.length > MAX_DEPTH) {
      throw invalidRequest("Too many parameters, or parameters nested too deep.");
    }
    plant(tree, path, value);
  }
  return Object.fromEntries([...tree].map(([name, branch]) => [name, harvest(branch)]));
}
