import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { devEnvironment } from "../../dev/environment.ts";
import { loadConfig, VARIABLES } from "../../src/config.ts";
import { ERROR_CODES } from "../../src/errors.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { NOT_TOLD, nameOf, SECTIONS } from "../../src/services/user-data-sections.ts";
import { ROOT } from "../support/root.ts";
import { filesIn, read } from "./source.ts";

const ENVELOPE = "envelope.json";

/** What is missing in a document, and what it has invented. */
function faultsBetween(real: readonly string[], documented: readonly string[], where: string): string[] {
  const twice = documented.filter((name, at) => documented.indexOf(name) !== at);
  return [
    ...real.filter((name) => !documented.includes(name)).map((name) => `${name} is missing in ${where}`),
    ...documented.filter((name) => !real.includes(name)).map((name) => `${name} in ${where} does not exist`),
    ...twice.map((name) => `${name} stands twice in ${where}`),
  ];
}

/** The cells of a Markdown section's table rows that begin with a name in backticks. */
function rowsOf(markdown: string, heading: string): string[][] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return section
    .split("\n")
    .filter((line) => /^\| `[\w.]+` +\|/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`([^`]+)`$/, "$1")),
    );
}

/** Names that an example file sets, commented out or not. */
const namesIn = (example: string) =>
  [...example.matchAll(/^(?:# ?)?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name as string);

const rowNames = (rows: string[][]) => rows.map(([name]) => name as string);

test("docs/errors.md lists every error code with its HTTP status, and no other", () => {
  const rows = rowsOf(read("docs/errors.md"), "Codes of the service");
  const said = rows.map(([code, status]) => `${code} ${status}`);
  const real = Object.entries(ERROR_CODES).map(([code, status]) => `${code} ${status}`);
  expect(faultsBetween(real, said, "docs/errors.md")).toEqual([]);
});

test("every error code is thrown somewhere", () => {
  const code = filesIn("src")
    .map(({ text }) => text)
    .join("\n");
  const unused = Object.keys(ERROR_CODES).filter((name) => !code.includes(`"${name}"`));
  expect(unused).toEqual([]);
});

test("every package has its reason, and no other has one", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  const real = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !/^@types\//.test(name));
  const where = "docs/decisions/0026-what-is-borrowed.md";
  const said = [...read(where).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name as string);
  expect(faultsBetween(real, said, where)).toEqual([]);
});

test("docs/configuration.md describes every variable, and no other", () => {
  const rows = rowsOf(read("docs/configuration.md"), "Variables");
  expect(faultsBetween(VARIABLES, rowNames(rows), "docs/configuration.md")).toEqual([]);
  expect(rows.filter((cells) => cells.length !== 5 || cells.some((cell) => cell === ""))).toEqual([]);
});

test(".env.example names every variable, and no other", () => {
  expect(faultsBetween(VARIABLES, namesIn(read(".env.example")), ".env.example")).toEqual([]);
});

test(".env.example copied as it is starts development with everything embedded", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "env-example-"));
  try {
    const { embeds, config } = await devEnvironment({ ...parseEnv(read(".env.example")), DATA_DIR: dataDir });
    expect(embeds).toEqual({ postgres: true, redis: true, sandbox: true });
    expect(config).toMatchObject({ nodeEnv: "development", port: 3004, host: "127.0.0.1" });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

test(".env.example with every line in use is a configuration without faults", () => {
  const all = read(".env.example").replace(/^# ?([A-Z][A-Z0-9_]+=)/gm, "$1");
  expect(loadConfig({ ...parseEnv(all), NODE_ENV: "development" }).stripe.livemode).toBe(false);
});

test("docs/user-data.md tells of every section with its fields, and of every table that is not told", () => {
  const document = read("docs/user-data.md");
  const said = rowsOf(document, "Sections").map(
    ([name, , fields]) => `${name}: ${fields?.replaceAll("`", "")}`,
  );
  const real = SECTIONS.map((section) => `${nameOf(section)}: ${Object.keys(section.shown).join(", ")}`);
  expect(faultsBetween(real, said, "docs/user-data.md")).toEqual([]);
  const untold = rowNames(rowsOf(document, "What is not in it"));
  expect(faultsBetween(Object.keys(NOT_TOLD), untold, "docs/user-data.md")).toEqual([]);
});

test("docs/events has one schema for each event type, beside that of the envelope", () => {
  const files = readdirSync(join(ROOT, "docs/events")).filter((name) => name.endsWith(".json"));
  const real = [...EVENT_TYPES.map((type) => `${type}.json`), ENVELOPE];
  expect(faultsBetween(real, files, "docs/events")).toEqual([]);
  expect(
    faultsBetween([...EVENT_TYPES], rowNames(rowsOf(read("docs/events/README.md"), "Events")), "the README"),
  ).toEqual([]);
});

test("the schemas of events are JSON Schema 2020-12 and their examples are valid", () => {
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  addFormats.default(ajv);
  for (const name of [...EVENT_TYPES.map((type) => `${type}.json`), ENVELOPE]) {
    const schema = JSON.parse(read(`docs/events/${name}`));
    expect([name, schema.$schema]).toEqual([name, "https://json-schema.org/draft/2020-12/schema"]);
    expect([name, schema.examples?.length > 0]).toEqual([name, true]);
    const validate = ajv.compile(schema);
    for (const example of schema.examples)
      expect([name, validate(example), validate.errors]).toEqual([name, true, null]);
    expect(validate({})).toBe(false);
  }
});

test("every file that a document links to is there", () => {
  const documents = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => join("docs", name)),
  ];
  expect(documents.flatMap((path) => linkFaults(path, read(path)))).toEqual([]);
  expect(linkFaults("docs/a.md", "[x](b.md) [y](../README.md) [z](https://example.com) [w](#here)")).toEqual([
    "docs/a.md links to b.md, which is not there",
  ]);
});

function linkFaults(path: string, markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => (link as string).split("#")[0] as string)
    .filter((link) => link !== "" && !/^[a-z]+:/.test(link))
    .filter((link) => !isThere(join(path, "..", link)))
    .map((link) => `${path} links to ${link}, which is not there`);
}

function isThere(path: string): boolean {
  try {
    read(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EISDIR";
  }
}

test("the tree in ARCHITECTURE.md names every file of src, and no other", () => {
  const tree =
    read("ARCHITECTURE.md")
      .split("```")
      .find((block) => block.includes("\nsrc/\n")) ?? "";
  const real = filesIn("src").map(({ path }) => path.split("/").at(-1) as string);
  expect(
    faultsBetween([...new Set(real)], [...new Set(treeNames(tree))], "the tree of ARCHITECTURE.md"),
  ).toEqual([]);
});

const treeNames = (tree: string) =>
  [...tree.matchAll(/^\s+([\w.-]+\.ts)\b/gm)].map(([, name]) => name as string);

test("the comparison of documents sees what is missing, invented and repeated", () => {
  expect(faultsBetween(["A", "B"], ["B", "C", "C"], "x")).toEqual([
    "A is missing in x",
    "C in x does not exist",
    "C in x does not exist",
    "C stands twice in x",
  ]);
  expect(rowsOf("## Other\n| `A` | 1 |\n## Mine\n| `B`   | 2 |\n| --- |\n| C | 3 |", "Mine")).toEqual([
    ["B", "2"],
  ]);
  expect(namesIn("# about AA=1\n#AA=1\n# BB=2\nCC=3\n## DD=4")).toEqual(["AA", "BB", "CC"]);
  expect(treeNames("src/\n  a.ts   what\n  b/\n    c.service.ts  what")).toEqual(["a.ts", "c.service.ts"]);
});
