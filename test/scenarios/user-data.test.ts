import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 } from "uuid";
import { userDataSql } from "../../src/services/user-data-rows.ts";
import { camel, leftOf, NOT_TOLD, nameOf, SECTIONS } from "../../src/services/user-data-sections.ts";
import { TABLES_OF_USERS } from "../../src/sync/severing.ts";
import { runCommand } from "../support/command.ts";
import { secretsIn, stripeIdsIn } from "../support/secrets.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { statementsOf } from "../support/statements.ts";
import { put, somebody } from "../support/user-data.ts";

let service: TestService;
let admin: string;
let folder: string;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  admin = await service.token("chief", "admin");
  folder = mkdtempSync(join(tmpdir(), "user-data-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await service.stop();
});

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const taken = (userId: string | null, token: string) =>
  service.ask("query ($userId: ID) { userDataExport(userId: $userId) }", { userId }, token);
const codeOf = ({ errors }: Awaited<ReturnType<typeof taken>>) => errors?.[0]?.extensions.code;
const command = (...args: string[]) => runCommand(service, "export", ...args);
const logged = (userId: string) =>
  execute<{ actor: string }>("select actor from audit_log where user_id = ? and action = 'exportUserData'", [
    userId,
  ]);

test("users take everything that is kept of them, told as they may know it", async () => {
  const [userId] = [await somebody(service), await somebody(service)];
  const { data, errors } = await taken(null, await service.token(userId));
  expect(errors).toBeUndefined();
  const { data: kept, ...heading } = data.userDataExport;
  expect(heading).toEqual({ format: "payment-service/user-data/1", userId, exportedAt: expect.any(String) });
  expect(Object.keys(kept)).toEqual(SECTIONS.map(nameOf));
  for (const section of SECTIONS) {
    const rows = kept[nameOf(section)];
    expect([nameOf(section), rows.length > 0]).toEqual([nameOf(section), true]);
    for (const row of rows)
      expect([nameOf(section), Object.keys(row).sort()]).toEqual([
        nameOf(section),
        Object.keys(section.shown).sort(),
      ]);
  }
  expect(kept.customers).toEqual([
    {
      email: `${userId}@example.com`,
      currency: null,
      isDeleted: false,
      createdAt: expect.stringMatching(/\+00:00$/),
    },
  ]);
  const [payment] = kept.payments;
  expect(payment).toMatchObject({ amountMinor: 100, currency: "USD", failureCode: "insufficient_funds" });
  for (const of of ["charges", "refunds", "disputes", "invoicePayments"])
    expect(kept[of][0].paymentId).toBe(payment.id);
  expect(kept.invoiceLines[0].invoiceId).toBe(kept.invoices[0].id);
  expect(kept.subscriptions[0].planName).toBe("Premium");
  expect(kept.intents[0]).toMatchObject({
    params: { comment: "too dear", customer: "[at Stripe]" },
    error: { code: "PAYMENT_DECLINED", declineCode: "generic_decline" },
  });
  const entry = kept.auditLog.find(({ by }: { by: string }) => by === "admin");
  expect(entry).toMatchObject({
    reason: "wrote about\n[at Stripe], and\re_1",
    before: { failureCode: "generic_decline", description: "in_depth" },
    after: { failureCode: null, status: "SUCCEEDED" },
  });
  expect(kept.reconciliationDrift[0].columns).toEqual({ failure_code: ["generic_decline", null] });

  const text = JSON.stringify(data);
  expect([...stripeIdsIn(text), ...secretsIn(text)]).toEqual([]);
  expect(text).not.toMatch(/hashed-|way-in|bank's words|receipts\/|chief|(lost|stolen)_card/);
});

test("for the user in person and for admins, whose asking is in the log before they have it", async () => {
  const [userId, other] = [newUser(), newUser()];
  const rows = async (token: string, of: string | null = userId) =>
    (await taken(of, token)).data?.userDataExport.data.auditLog;
  expect(await rows(await service.token(userId), null)).toEqual([]);
  expect(await rows(admin)).toEqual([expect.objectContaining({ by: "admin", action: "exportUserData" })]);
  expect(await rows(await service.token("chief", "admin"), "chief")).toEqual([]);
  for (const token of [await service.token(other), await service.token(userId, "service")])
    expect(codeOf(await taken(userId, token))).toBe("FORBIDDEN");
  expect(await logged(userId)).toEqual([{ actor: "admin:chief" }]);
});

test("of whoever is being anonymised, or was, nothing is told and nothing noted", async () => {
  const userId = newUser();
  const pseudonym = `anonymized:${v7()}`;
  await put(service, "anonymized_users", { user_id: userId, pseudonym, requested_at: new Date() });
  for (const token of [admin, await service.token(userId)])
    expect(codeOf(await taken(userId, token))).toBe("USER_ANONYMIZED");
  expect(codeOf(await taken(pseudonym, admin))).toBe("USER_ANONYMIZED");
  expect(await logged(userId)).toEqual([]);
  // nor is anybody else's given to an admin who is nobody any more
  const other = newUser();
  expect(codeOf(await taken(other, await service.token(userId, "admin")))).toBe("USER_ANONYMIZED");
  expect(await logged(other)).toEqual([]);
});

describe("the list", () => {
  const columnsOf = async () => {
    const rows = await execute<{ table: string; column: string }>(
      `select table_name as "table", column_name as "column" from information_schema.columns
        where table_schema = 'public' order by 1, ordinal_position`,
    );
    return Map.groupBy(rows, ({ table }) => table);
  };

  test("tells of every table, or says why not", async () => {
    const tables = [...(await columnsOf()).keys()];
    const told = SECTIONS.map(({ table }) => table);
    expect([...told, ...Object.keys(NOT_TOLD)].sort()).toEqual(tables.sort());
    // whatever names its rows' user is told of, but for the tombstones
    expect(told).toEqual(
      expect.arrayContaining([...TABLES_OF_USERS, "audit_log", "trial_claims", "idempotency_keys"]),
    );
  });

  test("shows every column of a table, or says why not", async () => {
    const columns = await columnsOf();
    for (const section of SECTIONS) {
      const there = columns.get(section.table)?.map(({ column }) => camel(column)) ?? [];
      const shown = Object.values(section.shown).map((sql) => camel(/^\w+$/.test(sql) ? sql : ""));
      const accounted = [...shown.filter((name) => name !== ""), ...leftOf(section), "userId"];
      expect([section.table, there.filter((name) => !accounted.includes(name))]).toEqual([section.table, []]);
      expect([section.table, leftOf(section).filter((name) => !there.includes(name))]).toEqual([
        section.table,
        [],
      ]);
    }
  });
});

/** What a plan reads, and by which condition; see https://www.postgresql.org/docs/current/sql-explain.html. */
interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Cond"?: string;
  Plans?: PlanNode[];
}
const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

test("every row is found by an index, and what there is little of takes as many statements as nothing", async () => {
  const { orm, userData } = service.app.parts;
  const [explained] = await orm.em.fork().transactional(async (tx) => {
    await tx.execute("set local enable_seqscan = off");
    return tx.execute<{ "QUERY PLAN": { Plan: PlanNode }[] }[]>(`explain (format json) ${userDataSql()}`, [
      "me",
    ]);
  });
  const nodes = nodesOf(explained?.["QUERY PLAN"][0]?.Plan as PlanNode);
  const reading = nodes.filter((node) => /Seq Scan|Index/.test(node["Node Type"]));
  expect(reading.length).toBeGreaterThan(SECTIONS.length);
  expect(reading.filter((node) => !node["Index Cond"])).toEqual([]);
  const all = async (userId: string) => {
    let rows = 0;
    for await (const page of userData.pages(userId)) rows += page.length;
    return rows;
  };
  const userId = await somebody(service);
  const [few, none] = [
    await statementsOf(orm, () => all(userId)),
    await statementsOf(orm, () => all(newUser())),
  ];
  expect(await all(userId)).toBeGreaterThan(SECTIONS.length);
  expect(few).toBe(none);
});

describe("of somebody with more rows than an answer holds", () => {
  const MANY = 20_000;
  const userId = newUser();
  beforeAll(() =>
    execute(
      `insert into outbox (id, user_id, sequence, type, data, occurred_at, attempts, next_try_at, sent_at)
       select gen_random_uuid(), ?, n, 'access.changed', '{}', now(), 0, now(), now() from generate_series(1, ?) n`,
      [userId, MANY],
    ),
  );

  test("the query says so, and what to do", async () => {
    const answer = await taken(userId, await service.token(userId));
    expect(codeOf(answer)).toBe("EXPORT_TOO_LARGE");
  });

  test("the command writes all of it, as of one moment, page by page", async () => {
    const pages = service.app.parts.userData.pages(userId);
    let [rows, most] = [0, 0];
    for await (const page of pages) {
      // what comes meanwhile is not of that moment
      if (rows === 0)
        await put(service, "former_customers", {
          user_id: userId,
          stripe_customer_id: "cus_meanwhile",
          replaced_at: new Date(),
        });
      rows += page.length;
      most = Math.max(most, page.length);
    }
    expect([rows, most]).toEqual([MANY, 500]);

    const file = join(folder, "all.ndjson");
    expect(await command("--user", userId, "--out", file, "--ndjson")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(JSON.parse(lines[0] as string)).toMatchObject({ format: "payment-service/user-data/1", userId });
    expect(JSON.parse(lines[1] as string)).toEqual({
      section: "formerCustomers",
      row: { replacedAt: expect.any(String) },
    });
    // and the line of the log that says who took it
    expect(JSON.parse(lines.at(-1) as string)).toEqual({ end: true, rows: MANY + 2 });
    expect(lines).toHaveLength(MANY + 4);
  }, 60_000);
});

test("the command writes the document that the query gives, where nobody else can read it, or nothing", async () => {
  const [userId, gone] = [await somebody(service), newUser()];
  await put(service, "anonymized_users", {
    ...{ user_id: gone, pseudonym: `anonymized:${v7()}`, requested_at: new Date() },
  });
  const [file, none] = [join(folder, "user.json"), join(folder, "nobody.json")];
  expect(await command("--user", userId, "--out", file)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const written = readFileSync(file, "utf8");
  const { data } = await taken(userId, await service.token(userId));
  expect(JSON.parse(written).data).toEqual(data.userDataExport.data);
  expect(await logged(userId)).toEqual([{ actor: expect.stringMatching(/^operator:./) }]);

  const [again, refused, empty] = await Promise.all([
    command("--user", userId, "--out", file),
    command("--user", gone, "--out", none),
    command("--user", newUser()),
  ]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("made anew") });
  expect([readFileSync(file, "utf8"), await logged(userId)]).toEqual([written, [expect.anything()]]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("anonymised") });
  expect(existsSync(none)).toBe(false);
  expect(Object.keys(JSON.parse(empty.stdout).data)).toEqual(SECTIONS.map(nameOf));
}, 60_000);
