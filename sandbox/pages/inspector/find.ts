import type { Kind } from "../../kinds.ts";
import type { World } from "../../world.ts";
import { SHOWN_KINDS } from "./views.ts";

/** An object of any kind, and what the pages may find in it. */
export interface Found {
  kind: Kind;
  row: { id: string; status?: string; customer?: string | null };
}

/** The object of an id, whatever its kind. */
export function find(world: World, id: string): Found | undefined {
  for (const kind of SHOWN_KINDS) {
    const row = world.store.get(kind, id) as Found["row"] | undefined;
    if (row) return { kind, row };
  }
  return undefined;
}
