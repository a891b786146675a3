import { join } from "node:path";
import { privateFolder, randomSecret, recallOr } from "./embedded/remembered.ts";

/** The random secrets of one DATA_DIR, the same at every start. */
export interface Secrets {
  readonly jwtSecret: string;
  readonly webhookSecret: string;
  readonly routerSecret: string;
}

/** Reads the secrets of `dataDir`, or makes them: in a file that only its owner may read. */
export async function secretsOf(dataDir: string): Promise<Secrets> {
  await privateFolder(dataDir);
  const text = await recallOr(join(dataDir, "secrets.json"), () => JSON.stringify(makeSecrets()));
  return JSON.parse(text) as Secrets;
}

const makeSecrets = (): Secrets => ({
  jwtSecret: randomSecret() + randomSecret(), // more than the 32 bytes that production asks for
  webhookSecret: `whsec_${randomSecret()}`,
  routerSecret: randomSecret(),
});
