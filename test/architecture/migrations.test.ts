import { Migration } from "@mikro-orm/migrations";
import { MikroORM } from "@mikro-orm/postgresql";
import { MIGRATIONS } from "../../migrations/index.ts";
import { type Orm, openDatabase, pendingMigrations, setupDatabase } from "../../src/database.ts";
import { Plan } from "../../src/entities/plan.ts";
import { ormConfig } from "../../src/orm.config.ts";
import { createEmptyDatabase, type TestDatabase } from "../support/database.ts";
import { filesIn } from "./source.ts";

let database: TestDatabase;
let orm: Orm;

beforeEach(async () => {
  database = await createEmptyDatabase();
  orm = await openDatabase(database.url);
});
afterEach(async () => {
  await orm.close(true);
  await database.drop();
});

/** Tables, functions and types of ours; MikroORM's list of applied migrations is not. */
async function whatIsOurs(): Promise<string[]> {
  const rows = await orm.em.fork().execute<{ name: string }[]>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')
     union all select proname from pg_proc where pronamespace = 'public'::regnamespace
     order by 1`,
  );
  return rows.map(({ name }) => name).filter((name) => !name.startsWith("migrations"));
}

const drift = async () => (await orm.schema.getUpdateSchemaSQL({ wrap: false })).trim();

test("every file of migrations stands in the list, in order, under its name", () => {
  const files = filesIn("migrations")
    .map(({ path }) => path.replace(/^migrations\/(.*)\.ts$/, "$1"))
    .filter((name) => name !== "index");
  expect(MIGRATIONS.map(({ name }) => name)).toEqual(files);
});

test("the migrations lead forward to what the entities say, back to nothing, and forward again", async () => {
  await orm.migrator.up();
  expect(await drift()).toBe("");
  const first = await whatIsOurs();
  expect(first.length).toBeGreaterThan(20);

  await orm.migrator.down({ to: 0 });
  expect(await whatIsOurs()).toEqual([]);

  await orm.migrator.up();
  expect(await drift()).toBe("");
  expect(await whatIsOurs()).toEqual(first);
});

/** One that fails after it has made a table. */
class Broken extends Migration {
  override up(): void {
    this.addSql("create table half_done (id int)");
    this.addSql("select 1 / 0");
  }
}

test("a migration that fails takes itself back and leaves those before it", async () => {
  const config = ormConfig(database.url);
  const migrationsList = [...MIGRATIONS, { name: "9999-broken", class: Broken }];
  const next = await MikroORM.init({ ...config, migrations: { ...config.migrations, migrationsList } });
  await expect(next.migrator.up()).rejects.toThrow("division by zero");
  expect(await pendingMigrations(next)).toEqual(["9999-broken"]);
  await next.close(true);
  expect(await whatIsOurs()).not.toContain("half_done");
  expect(await drift()).toBe("");
});

test("the comparison with the entities sees a column too few, a column too many and a lost index", async () => {
  await orm.migrator.up();
  const em = orm.em.fork();
  await em.execute("alter table customers drop column email");
  expect(await drift()).toContain("email");
  await em.execute("alter table customers add column email text null, add column phone text null");
  expect(await drift()).toContain("phone");
  await em.execute("alter table customers drop column phone");
  expect(await drift()).toBe("");
  await em.execute("drop index payment_methods_by_user");
  expect(await drift()).toContain("payment_methods_by_user");
});

test("setting up twice, and twice at once, is the same as once", async () => {
  await Promise.all([setupDatabase(database.url), setupDatabase(database.url)]);
  const lines: string[] = [];
  await setupDatabase(database.url, (line) => lines.push(line));
  expect(lines).toEqual(["no migration was pending", "the plans are already there"]);
  const plans = await orm.em.fork().findAll(Plan, { orderBy: { amountMinor: "asc" } });
  expect(plans.map(({ name, amountMinor }) => [name, amountMinor])).toEqual([
    ["Free", 0],
    ["Premium", 3_900],
    ["Enterprise", 9_900],
    ["Premium Annual", 34_800],
  ]);
  expect(await pendingMigrations(orm)).toEqual([]);
});

test("a plan that operators changed is left as it is, and one they withdrew is not added again", async () => {
  await setupDatabase(database.url);
  const em = orm.em.fork();
  await em.nativeUpdate(
    Plan,
    { name: "Premium" },
    { stripePriceId: "price_premium_monthly", amountMinor: 4_100 },
  );
  await em.nativeUpdate(Plan, { name: "Enterprise" }, { isActive: false });
  await setupDatabase(database.url);
  expect(await em.fork().count(Plan)).toBe(4);
  expect(await em.fork().findOneOrFail(Plan, { name: "Premium" })).toMatchObject({
    stripePriceId: "price_premium_monthly",
    amountMinor: 4_100,
  });
});

test("the audit log refuses to be rewritten", async () => {
  await orm.migrator.up();
  const em = orm.em.fork();
  await em.execute(
    `insert into audit_log (id, at, actor, action, table_name, row_id)
     values (gen_random_uuid(), now(), 'stripe', 'created', 'payments', '1')`,
  );
  await expect(em.execute("update audit_log set actor = 'nobody'")).rejects.toThrow("append-only");
  await expect(em.execute("delete from audit_log")).rejects.toThrow("append-only");
});
