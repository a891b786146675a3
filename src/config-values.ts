import { createHmac } from "node:crypto";
import { isIP } from "node:net";
import { z } from "zod";

/*
 * The kinds of values that variables have: how each is read from text, and what is said of one that cannot be.
 */

/** The parts of a comma-separated value. */
export const list = (value: string) =>
  value
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
export const isOrigin = (value: string) => URL.canParse(value) && new URL(value).origin === value;
/** Origins, comma-separated. */
export const origins = z
  .string()
  .transform(list)
  .refine((values) => values.every(isOrigin), "must be origins such as https://example.com, comma-separated");
export const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` });
/** An integer without a sign, within bounds. */
export const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .refine(
      (text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most,
      `must be a whole number from ${least} to ${most}`,
    )
    .transform(Number);
export const port = wholeNumber(0, 65_535);
const HOST_NAME = /^(?=.{1,253}$)\w([\w-]*\w)?(\.\w([\w-]*\w)?)*\.?$/;
export const isHost = (value: string) => isIP(value) !== 0 || HOST_NAME.test(value);
export const isUrl = (value: string, scheme: RegExp) => scheme.test(value) && URL.canParse(value);
/** What paths can be added to. */
export const isBaseUrl = (value: string) => {
  if (!isUrl(value, /^https?:\/\/[^\s?#\\]+$/)) return false;
  const { username, password } = new URL(value);
  return username === "" && password === "";
};

/** How a database is named: whole, or in parts. */
export const database = z.object({
  DATABASE_URL: z
    .string()
    .refine(
      (value) => isUrl(value, /^postgres(ql)?:\/\//),
      "must be a URL such as postgresql://user:password@host:5432/name",
    )
    .optional(),
  POSTGRES_HOST: z.string().refine(isHost, "must be a host's name or address").optional(),
  POSTGRES_PORT: wholeNumber(1, 65_535).default(5432),
  POSTGRES_DB: z.string().optional(),
  POSTGRES_USER: z.string().optional(),
  POSTGRES_PASSWORD: z.string().optional(),
});

/** The database's address: given whole, or in parts; undefined when neither is. */
export function databaseUrl(env: Record<string, string>): string | undefined {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const { POSTGRES_HOST: host, POSTGRES_DB: db, POSTGRES_USER: user, POSTGRES_PASSWORD: password } = env;
  if (!host || !db || !user || !password) return undefined;
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  const place = isIP(host) === 6 ? `[${host}]` : host;
  return `postgresql://${login}@${place}:${env.POSTGRES_PORT ?? 5432}/${encodeURIComponent(db)}`;
}

/** Where a machine reaches what listens on it; undefined for a port that is yet to be found. */
export function ownAddress(host = "127.0.0.1", at: number): string | undefined {
  if (at === 0) return undefined;
  if (host === "0.0.0.0" || host === "::") return `http://localhost:${at}`;
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${at}`;
}

/** A secret for one purpose; neither the one it is made of nor those for other purposes can be told from it. */
export const derivedSecret = (secret: string, purpose: string) =>
  createHmac("sha256", secret).update(purpose).digest("hex");
