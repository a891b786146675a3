import { readFileSync, writeFileSync } from "node:fs";
import { schemaSdl } from "../src/schema.ts";

const FILE = "schema.graphql";
const HELP = `npm run schema [-- --check]

Writes the service's federated schema to ${FILE}, or with --check says whether the file is current.`;

if (process.argv.includes("--help")) {
  console.log(HELP);
} else if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== schemaSdl()) {
    console.error(`${FILE} is not what the code declares. Run: npm run schema`);
    process.exitCode = 1;
  } else console.log(`${FILE} is current`);
} else {
  writeFileSync(FILE, schemaSdl());
  console.log(`${FILE} written`);
}
