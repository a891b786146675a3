import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import type { Parts } from "../src/parts.ts";
import { type ExportedRow, FORMAT } from "../src/services/user-data.service.ts";
import { nameOf, SECTIONS } from "../src/services/user-data-sections.ts";
import { operator, UsageError, withParts } from "./service-parts.ts";
import { Progress } from "./terminal.ts";

const HELP = `npm run -s export -- --user ID [--out FILE]

Writes all that the service keeps of a user, as it stands at one moment, however much it is: the document that
docs/user-data.md describes. The audit log says who has taken it.

  --user ID    whose
  --out FILE   into a new file that only you can read; default: standard output
  --ndjson     a JSON object a line: a heading, {"section": …, "row": …} for each row, and an end that counts them
  --help       this text

Exit code 0: all of it was written. 1: it was not; no file is left behind. 2: this text.`;

const { values } = parseArgs({
  options: {
    user: { type: "string" },
    out: { type: "string" },
    ndjson: { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});

if (values.help) console.log(HELP);
else await withParts(HELP, exportUser);

async function exportUser({ userData, clock }: Parts): Promise<void> {
  const userId = values.user;
  if (!userId) throw new UsageError("Say whose: --user ID.");
  async function* pages(): AsyncGenerator<ExportedRow[]> {
    await userData.note(operator(), userId as string);
    yield* counted(userData.pages(userId as string));
  }
  const heading = { format: FORMAT, userId, exportedAt: clock.now().toISOString() };
  await write(Readable.from((values.ndjson ? ndjson : json)(heading, pages())), values.out);
}

/** Nothing is begun before there is somewhere to write to, and a part of it is no file. */
async function write(lines: Readable, file: string | undefined): Promise<void> {
  if (!file) return pipeline(lines, process.stdout, { end: false });
  const into = createWriteStream(file, { flags: "wx", mode: 0o600 });
  await once(into, "open").catch((error: Error) => {
    throw new UsageError(`--out takes a file that can be made anew: ${error.message}`);
  });
  const stop = () => into.destroy(new Error("It was stopped."));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  await pipeline(lines, into).catch((error: unknown) => {
    rmSync(file);
    throw error;
  });
}

async function* counted(pages: AsyncIterable<ExportedRow[]>): AsyncGenerator<ExportedRow[]> {
  const progress = new Progress("exporting");
  let rows = 0;
  let isKnown = false;
  try {
    for await (const page of pages) {
      rows += page.length;
      isKnown ||= page.some(({ section }) => section !== "auditLog");
      progress.show(rows, null, "rows");
      yield page;
    }
  } finally {
    progress.end();
  }
  if (!isKnown) console.error("Nothing is kept of this user but who has looked: is the id right?");
}

/** One document; a section that has no rows is there and empty. */
async function* json(heading: object, pages: AsyncIterable<ExportedRow[]>): AsyncGenerator<string> {
  yield `${JSON.stringify(heading).slice(0, -1)},"data":{`;
  const names = SECTIONS.map(nameOf);
  let at = -1;
  const upTo = (next: number) => {
    let text = "";
    while (at < next) text += `${at++ < 0 ? "" : "],"}\n"${names[at]}":[`;
    return text;
  };
  for await (const page of pages)
    for (const { section, row } of page) {
      const separator = section === names[at] ? "," : upTo(names.indexOf(section));
      yield `${separator}\n${JSON.stringify(row)}`;
    }
  yield `${upTo(names.length - 1)}]\n}}\n`;
}

async function* ndjson(heading: object, pages: AsyncIterable<ExportedRow[]>): AsyncGenerator<string> {
  yield `${JSON.stringify(heading)}\n`;
  let rows = 0;
  for await (const page of pages) {
    rows += page.length;
    yield page.map((row) => `${JSON.stringify(row)}\n`).join("");
  }
  yield `${JSON.stringify({ end: true, rows })}\n`;
}
