import { oneOf } from "../params.ts";

const SHARED = [
  "auto",
  "bg",
  "cs",
  "da",
  "de",
  "el",
  "en",
  "en-GB",
  "es",
  "es-419",
  "et",
  "fi",
  "fil",
  "fr",
  "fr-CA",
  "hr",
  "hu",
  "id",
  "it",
  "ja",
  "ko",
  "lt",
  "lv",
  "ms",
  "mt",
  "nb",
  "nl",
  "pl",
  "pt",
  "pt-BR",
  "ro",
  "ru",
  "sk",
  "sl",
  "sv",
  "th",
  "tr",
  "vi",
  "zh",
  "zh-HK",
  "zh-TW",
] as const;

/** The languages of Checkout. The sandbox's pages are English whatever is chosen. */
export const checkoutLocale = oneOf(...SHARED, "hi-IN");

/** The languages of the billing portal. */
export const portalLocale = oneOf(...SHARED, "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-SG");
