import { filesIn, type Import, importsOf, madeUp, type SourceFile } from "./source.ts";

/**
 * The layers of src/, from the ground up: a file imports from its own layer and those before it. The first
 * pattern that fits a path decides.
 */
const LAYERS: [name: string, files: RegExp][] = [
  [
    "ground",
    /^src\/(config|config-faults|config-values|currencies|crash-points|gathering|lanes|document-cost|limits|listen-fault|errors|declines|foreseen-loader|logger|clock|hash|memory|metrics|outage|prepared|return-url|trace-settings|tracing|user-lock)\.ts$|^src\/jobs\/wake\.ts$|^src\/rate-limits\/(classes|client-address|settings)\.ts$/,
  ],
  [
    "rows and words",
    /^src\/(entities|types|resolvers\/inputs)\/|^src\/(orm\.config|database|flush|rows|seed|audit)\.ts$|^src\/auth\/(caller|plain-token|token)\.ts$|^src\/events\/event-types\.ts$/,
  ],
  // set-up run by commands, which knows the list of webhook events
  ["edges", /^src\/stripe\/catalogue\.ts$/],
  ["connections", /^src\/(stripe|events|rate-limits)\//],
  ["verbs", /^src\/(services|sync|intents)\/|^src\/(loaders|context)\.ts$/],
  [
    "edges",
    /^src\/(resolvers|http|webhooks|jobs|auth|reconciliation)\/|^src\/(schema|schema-secrecy|lean-resolvers|references|format-error)\.ts$/,
  ],
  ["root", /^src\/(app|main|parts|trace-export)\.ts$/],
];
const ORDER = ["ground", "rows and words", "connections", "verbs", "edges", "root"];

/** What one part may not import, whatever its layer says. */
const BANS: [from: RegExp, to: RegExp, why: string][] = [
  [
    /^src\/resolvers\//,
    /^src\/(stripe|sync|intents|events|http|webhooks|jobs)\//,
    "a resolver only translates: it calls services",
  ],
  [
    /^src\/entities\//,
    /^src\/(?!entities\/|types\/|currencies\.ts)/,
    "an entity holds state and predicates, no I/O",
  ],
  [/^src\/(?!sync\/)/, /^src\/sync\/mirror\.ts$/, "only sync writes the mirror"],
  [/^src\//, /^(sandbox|dev|test|scripts|bench)\//, "the service knows nothing of what surrounds it"],
  [/^migrations\//, /^src\//, "a migration stays as it was when the code moves on"],
  [/^sandbox\//, /^(src|dev)\//, "the sandbox is a program of its own"],
];

/** Where commands reach for the development parts, and only when they have to. */
const DYNAMIC_DEV = ["scripts/setup-database-main.ts", "scripts/service-parts.ts"];

const layerOf = (path: string) => LAYERS.find(([, files]) => files.test(path))?.[0];

function layerFaults(files: SourceFile[]): string[] {
  const homeless = files
    .filter(({ path }) => !layerOf(path))
    .map(({ path }) => `${path} has no layer: name it in imports.test.ts`);
  const upward = files
    .flatMap(importsOf)
    .filter(({ to }) => to.startsWith("src/"))
    .filter(({ from, to }) => ORDER.indexOf(layerOf(from) ?? "") < ORDER.indexOf(layerOf(to) ?? ""))
    .map(({ from, to }) => `${from} (${layerOf(from)}) imports ${to} (${layerOf(to)})`);
  return [...homeless, ...upward];
}

function banFaults(files: SourceFile[]): string[] {
  const isBanned = ({ from, to }: Import) =>
    BANS.filter(([source, target]) => source.test(from) && target.test(to)).map(
      ([, , why]) => `${from} imports ${to}: ${why}`,
    );
  return files.flatMap(importsOf).flatMap(isBanned);
}

function commandFaults(files: SourceFile[]): string[] {
  return files
    .flatMap(importsOf)
    .filter(({ to }) => /^(dev|sandbox|test)\//.test(to))
    .filter(({ from, isDynamic }) => !(isDynamic && DYNAMIC_DEV.includes(from)))
    .map(({ from, to }) => `${from} imports ${to}: a production image does not hold it`);
}

function sdkFaults(files: SourceFile[]): string[] {
  return files
    .flatMap(importsOf)
    .filter(({ from, to, isType }) => to === "stripe" && !isType && !from.startsWith("src/stripe/"))
    .map(({ from }) => `${from} imports Stripe's SDK at run time: src/stripe/ is the place for it`);
}

test("imports in src go one way: edges to verbs to connections to rows", () => {
  expect(layerFaults(filesIn("src"))).toEqual([]);
});

test("the rule of the layers sees an import upwards, a re-export, and a file without a layer", () => {
  expect(
    layerFaults([
      madeUp("src/services/bad.ts", 'import { x } from "../http/server.ts";'),
      madeUp("src/stripe/bad.ts", 'import type { Sync } from "../sync/sync.ts";'),
      madeUp("src/entities/bad.ts", 'export { x } from "../services/pages.ts";'),
      madeUp("src/jobs/good.ts", 'import { x } from "../services/pages.ts";'),
      madeUp("src/utils/bad.ts", ""),
    ]),
  ).toHaveLength(4);
});

test("resolvers, entities, migrations and the sandbox keep to themselves", () => {
  expect(banFaults([...filesIn("src"), ...filesIn("migrations"), ...filesIn("sandbox")])).toEqual([]);
});

test("the rule of the bans sees each of them", () => {
  expect(
    banFaults([
      madeUp("src/resolvers/bad.resolver.ts", 'import { Sync } from "../sync/sync.ts";'),
      madeUp("src/entities/bad.ts", 'import { a } from "../config.ts";'),
      madeUp("src/services/bad.ts", 'import { mirror } from "../sync/mirror.ts";'),
      madeUp("src/app.ts", 'const { x } = await import("../sandbox/index.ts");'),
      madeUp("migrations/0002-bad.ts", 'import { Plan } from "../src/entities/plan.ts";'),
      madeUp("sandbox/bad.ts", 'import { hashOf } from "../src/hash.ts";'),
      madeUp("sandbox/test/good.ts", 'import { a } from "../store.ts";'),
    ]),
  ).toHaveLength(6);
});

test("commands of operators need neither dev, sandbox nor test, but for two that ask only when they have to", () => {
  expect(commandFaults(filesIn("scripts"))).toEqual([]);
  expect(
    commandFaults([
      madeUp("scripts/bad.ts", 'import { startPostgres } from "../dev/embedded/postgres.ts";'),
      madeUp("scripts/also-bad.ts", 'await import("../dev/embedded/postgres.ts");'),
      madeUp(DYNAMIC_DEV[0] as string, 'await import("../dev/embedded/postgres.ts");'),
    ]),
  ).toHaveLength(2);
});

test("Stripe's SDK runs in src/stripe only; its types may be named anywhere", () => {
  expect(sdkFaults(filesIn("src"))).toEqual([]);
  expect(
    sdkFaults([
      madeUp("src/services/bad.ts", 'import Stripe from "stripe";'),
      madeUp("src/services/good.ts", 'import type Stripe from "stripe";'),
      madeUp("src/stripe/good.ts", 'import Stripe from "stripe";'),
    ]),
  ).toHaveLength(1);
});
