import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { ROOT } from "../support/root.ts";

/** A file of the project; its path is relative to the root, with `/`. */
export interface SourceFile {
  path: string;
  text: string;
}

/** One import of a file: of another file of the project, or of a package. */
export interface Import {
  from: string;
  /** A path relative to the root, or a package's name. */
  to: string;
  /** Leaves no trace at run time. */
  isType: boolean;
  isDynamic: boolean;
}

/** All TypeScript and JavaScript files of a folder of the project. */
export function filesIn(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .filter((path) => /\.(ts|js)$/.test(path))
    .sort()
    .map((path) => ({ path, text: read(path) }));
}

export const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const STATIC = /^(?:import|export)\s+(type\s)?[^;"'`]*?(?:from\s+)?"([^"]+)"/gm;
const DYNAMIC = /\bimport\(\s*"([^"]+)"\s*\)/g;

/** What a file imports or re-exports. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const target = (name: string) =>
    name.startsWith(".") ? posix.normalize(posix.join(posix.dirname(path), name)) : name;
  return [
    ...[...text.matchAll(STATIC)].map(([, type, name]) => ({
      ...{ from: path, to: target(name as string) },
      ...{ isType: Boolean(type), isDynamic: false },
    })),
    ...[...text.matchAll(DYNAMIC)].map(([, name]) => ({
      ...{ from: path, to: target(name as string) },
      ...{ isType: false, isDynamic: true },
    })),
  ];
}

/** A made-up file, to show that a rule can fail. */
export const madeUp = (path: string, text: string): SourceFile => ({ path, text });
