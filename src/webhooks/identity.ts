/** Keys of Stripe's objects whose texts say who somebody is, or lead to a page that does. */
const KEYS = [
  ...["email", "name", "phone", "line1", "line2", "city", "postal_code", "description", "comment"],
  ...["customer_email", "customer_name", "customer_phone", "receipt_email", "receipt_url", "invoice_pdf"],
  ...["hosted_invoice_url", "client_secret", "client_reference_id", "verified_email", "verified_name"],
  ...["individual_name", "business_name", "customer_purchase_ip", "customer_email_address", "ip_address"],
];
const TEXT = `"(?:[^"\\\\]|\\\\.)*"`;
const PERSONAL = new RegExp(`"(${KEYS.join("|")})"(\\s*:\\s*)${TEXT}`, "g");
/** Flat, and of whoever put it there: another application's may say anything. */
const METADATA = new RegExp(`"metadata"(\\s*:\\s*)\\{(?:[^"{}]|${TEXT})*\\}`, "g");

/**
 * An event without what names a person: it is a hint, and its work reads Stripe. What is never stored need not be found
 * again when somebody is to be forgotten, whenever the event comes.
 */
export const withoutIdentity = (json: string): string =>
  json.replace(PERSONAL, '"$1"$2null').replace(METADATA, '"metadata"$1{}');
