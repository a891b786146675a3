import { cpSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmptyDatabase, type TestDatabase } from "../support/database.ts";
import { runToEnd } from "../support/processes.ts";
import { ROOT } from "../support/root.ts";

const SOURCES = ["src", "migrations", "scripts", "dev", "sandbox", "package.json", "tsconfig.json"];
let checkout: string;
let database: TestDatabase;

beforeAll(async () => {
  checkout = mkdtempSync(join(tmpdir(), "payment-service-checkout-"));
  for (const name of SOURCES) cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  database = await createEmptyDatabase();
});
afterAll(async () => {
  rmSync(checkout, { recursive: true, force: true });
  await database.drop();
});

const setUp = () =>
  runToEnd(process.execPath, ["scripts/setup-database.js"], {
    cwd: checkout,
    env: { PATH: process.env.PATH, NODE_ENV: "test", DATABASE_URL: database.url },
  });

/** What a pull does that brings a migration. */
function pullMigration(): void {
  writeFileSync(
    join(checkout, "migrations/9999-pulled.ts"),
    `import { Migration } from "@mikro-orm/migrations";
export class Pulled extends Migration {
  override up(): void {
    this.addSql('create table "pulled" ("id" int primary key)');
  }
}
`,
  );
  writeFileSync(
    join(checkout, "migrations/index.ts"),
    `import { Pulled } from "./9999-pulled.ts";
import { MIGRATIONS as BEFORE } from "./before.ts";
export const MIGRATIONS = [...BEFORE, { name: "9999-pulled", class: Pulled }];
`,
  );
}

test("what is set up is what the sources say, built or not, and what a pull has brought", async () => {
  cpSync(join(checkout, "migrations/index.ts"), join(checkout, "migrations/before.ts"));
  const first = await setUp();
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("0001-first-payment") });
  const again = await setUp();
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("no migration was pending") });

  pullMigration();
  const pulled = await setUp();
  expect(pulled).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("migrations applied: 9999-pulled"),
  });

  // an image without a compiler says what it uses
  rmSync(join(checkout, "node_modules"));
  const ahead = new Date(Date.now() + 60_000);
  utimesSync(join(checkout, "migrations/index.ts"), ahead, ahead);
  const without = await setUp();
  expect(without.stderr).toContain("the sources are newer than the build");
}, 180_000);
