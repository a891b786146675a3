import { filesIn, madeUp, type SourceFile } from "./source.ts";

const LONGEST = 300;

/** The code alone: comments and the contents of strings may say what they like. */
const codeOf = (text: string) =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""');

const ENVIRONMENT =
  /\bprocess\s*(\.|\[\s*")\s*env\b|\bimport\s*\{[^}]*\benv\b[^}]*\}\s*from\s*"(node:)?process"/;

function environmentFaults(files: SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => path !== "src/config.ts" && ENVIRONMENT.test(text))
    .map(({ path }) => `${path} reads the environment: src/config.ts is the place for it`);
}

function sizeFaults(files: SourceFile[]): string[] {
  return files
    .filter(({ text }) => text.split("\n").length - 1 > LONGEST)
    .map(({ path }) => `${path} has more than ${LONGEST} lines`);
}

function anyFaults(files: SourceFile[]): string[] {
  return files
    .filter(({ text }) => /(?::|\bas|<|\||=>)\s*any\b|\bany\s*(?:\[\]|>)/.test(codeOf(text)))
    .map(({ path }) => `${path} uses any`);
}

function unfinishedFaults(files: SourceFile[]): string[] {
  return files
    .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text))
    .map(({ path }) => `${path} holds a note about work that is not done`);
}

/** Tables with one writer: who makes, changes or deletes their rows. */
const WRITERS: [what: RegExp, only: RegExp][] = [
  [
    /\bnew UserAccess\(|(insert into|update|delete from) user_access\b/,
    /^src\/services\/access\.service\.ts$/,
  ],
  [/(insert into|delete from) outbox\b/, /^src\/events\/outbox\.ts$/],
  [/\binsert into stripe_events\b/, /^src\/webhooks\/intake\.ts$/],
  [/\bnew Intent\(/, /^src\/intents\/open-intent\.ts$/],
  [/\bnew AuditEntry\(/, /^src\/audit\.ts$/],
];

function writerFaults(files: SourceFile[]): string[] {
  return WRITERS.flatMap(([what, only]) =>
    files
      .filter(({ path, text }) => what.test(text) && !only.test(path))
      .map(({ path }) => `${path}: ${what}`),
  );
}

/** Amounts become text, and are divided, where it is known how their currency is counted. */
const MONEY_PLACES = ["src/currencies.ts", "sandbox/money.ts"];
const MONEY_AS_TEXT =
  /\b(toFixed|NumberFormat|toLocaleString)\b|[aA]mount\w*(\.\w+)?\)?\s*\/\s*1_?0+\b|(Minor|_minor)\b\s*\/\s*1_?0+\b/;

function moneyFaults(files: SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => !MONEY_PLACES.includes(path) && MONEY_AS_TEXT.test(codeOf(text)))
    .map(({ path }) => `${path} makes text of an amount: not every currency has cents`);
}

test("amounts become text only where their currency's digits are known, on the sandbox's pages too", () => {
  const sandbox = filesIn("sandbox").filter(({ path }) => !path.startsWith("sandbox/test/"));
  expect(moneyFaults([...filesIn("src"), ...sandbox])).toEqual([]);
  expect(
    moneyFaults([
      madeUp("src/a.ts", "const shown = (amount / 100).toFixed(2);"),
      madeUp("src/b.ts", "const dollars = price.amount / 100;"),
      madeUp("src/c.ts", "const dollars = payment.amountMinor / 1_00;"),
      madeUp("sandbox/d.ts", 'new Intl.NumberFormat("en", { style: "currency" })'),
      madeUp("sandbox/money.ts", "amountMinor / 100"),
      madeUp("src/e.ts", "const seconds = now.getTime() / 1000;"),
    ]),
  ).toHaveLength(4);
});

test("only src/config.ts reads process.env", () => {
  expect(environmentFaults(filesIn("src"))).toEqual([]);
  expect(
    environmentFaults([
      madeUp("src/a.ts", "const port = process.env.PORT;"),
      madeUp("src/b.ts", 'const port = process["env"].PORT;'),
      madeUp("src/c.ts", 'import { argv, env } from "node:process";'),
      madeUp("src/config.ts", "process.env"),
      madeUp("src/d.ts", "const env: NodeJS.ProcessEnv = {};"),
    ]),
  ).toHaveLength(3);
});

test("no file of src is longer than 300 lines", () => {
  expect(sizeFaults(filesIn("src"))).toEqual([]);
  expect(
    sizeFaults([madeUp("src/a.ts", "\n".repeat(301)), madeUp("src/b.ts", "\n".repeat(300))]),
  ).toHaveLength(1);
});

test("nothing in src, migrations or scripts is typed any", () => {
  expect(anyFaults([...filesIn("src"), ...filesIn("migrations"), ...filesIn("scripts")])).toEqual([]);
  expect(
    anyFaults([
      madeUp("src/a.ts", "const a: any = 1;"),
      madeUp("src/b.ts", "const b = c as any;"),
      madeUp("src/c.ts", "const c: Map<string, any> = d;"),
      madeUp("src/d.ts", "function d(e: any[]) {}"),
      madeUp("src/e.ts", "type E = Promise<any>;"),
      madeUp("src/f.ts", '/** Not: any of it. */ const f = "as any"; // : any'),
    ]),
  ).toHaveLength(5);
});

test("no work is left as a note in the code", () => {
  expect(unfinishedFaults([...filesIn("src"), ...filesIn("migrations"), ...filesIn("scripts")])).toEqual([]);
  expect(unfinishedFaults([madeUp("src/a.ts", "// TODO later"), madeUp("src/b.ts", "todo()")])).toHaveLength(
    1,
  );
});

test("grants, outbox, inbox, intents and the audit log have one writer each", () => {
  expect(writerFaults(filesIn("src"))).toEqual([]);
  expect(
    writerFaults([
      madeUp("src/resolvers/bad.ts", "tx.persist(new UserAccess());"),
      madeUp("src/services/bad.ts", "tx.execute(`update user_access set revoked_at = now()`);"),
      madeUp("src/services/worse.ts", "tx.execute(`insert into outbox values (1)`);"),
    ]),
  ).toHaveLength(3);
});
