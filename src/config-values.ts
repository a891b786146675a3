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
