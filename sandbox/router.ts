import { type Infer, list, type Shape, text } from "./params.ts";
import type { Transaction } from "./transaction.ts";

/** The variable parts of a path, such as `id`. */
export type PathParams = Record<string, string>;

/** One operation of the API: what it takes, and what it does in its transaction. */
export interface Route {
  method: string;
  path: string;
  shape: Shape;
  handle(tx: Transaction, params: object, path: PathParams, expand: string[]): object;
}

/**
 * Describes an operation. `expand` is understood everywhere; everything else that it takes is in
 * `shape`, and the handler sees what the shape was read into.
 */
export function route<S extends Shape>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  shape: S,
  handle: (tx: Transaction, params: Infer<S>, path: PathParams, expand: string[]) => object,
): Route {
  return {
    method,
    path,
    shape: { ...shape, expand: list(text()) },
    handle: handle as Route["handle"],
  };
}

/** What is found by method and path. */
type Findable = Pick<Route, "method" | "path">;

/** An operation, and what the variable parts of its path were. */
export interface Found<R extends Findable = Route> {
  route: R;
  path: PathParams;
}

interface Compiled<R> {
  route: R;
  segments: string[];
}

/** Finds the operation of a method and path; literal segments win over variables. */
export class Router<R extends Findable = Route> {
  private readonly compiled = new Map<string, Compiled<R>[]>();

  constructor(routes: R[]) {
    for (const route of routes) {
      const segments = route.path.split("/");
      const key = `${route.method} ${segments.length}`;
      this.compiled.set(key, [...(this.compiled.get(key) ?? []), { route, segments }]);
    }
    const variables = (entry: Compiled<R>) =>
      entry.segments.filter((segment) => segment.startsWith(":")).length;
    for (const entries of this.compiled.values()) entries.sort((a, b) => variables(a) - variables(b));
  }

  find(method: string, path: string): Found<R> | undefined {
    const segments = path.split("/");
    for (const entry of this.compiled.get(`${method} ${segments.length}`) ?? []) {
      const params = match(entry.segments, segments);
      if (params) return { route: entry.route, path: params };
    }
    return undefined;
  }
}

function match(pattern: string[], segments: string[]): PathParams | undefined {
  const params: PathParams = {};
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at]!;
    if (part.startsWith(":")) params[part.slice(1)] = decoded(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}

/** A malformed escape is nobody's id: it stays as it is. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
