import type { Decline } from "./cards.ts";

/** A bank account for tests: its payments stay `processing` and are decided later. */
export interface BankDebit {
  /** The tokens that stand for it, as whole `pm_…` names. */
  names: string[];
  type: "sepa_debit" | "us_bank_account";
  /** IBAN or account number. */
  account: string;
  /** What becomes of a payment: it is paid unless it is refused, or never decided. */
  outcome: "paid" | "disputed" | "undecided" | Pick<Decline, "code" | "message">;
  /** How long the bank takes, in seconds. */
  takes: number;
}

/** The currency that each kind of account pays in. */
export const DEBIT_CURRENCIES = { sepa_debit: "eur", us_bank_account: "usd" } as const;

const QUICK = 5;
const SLOW = 180;

const failure = (message: string) => ({ code: "payment_intent_payment_attempt_failed", message });
const REFUSED = failure("The payment failed: the customer's bank refused the debit.");

function debit(names: string, account: string, outcome: BankDebit["outcome"], takes = QUICK): BankDebit {
  const type = /^[A-Z]/.test(account) ? "sepa_debit" : "us_bank_account";
  return { names: names.split(" "), type, account, outcome, takes };
}

/**
 * Every bank account the sandbox knows. https://docs.stripe.com/payments/sepa-debit/accept-a-payment
 * and https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment, "Test your integration"
 */
export const bankDebits: BankDebit[] = [
  debit("pm_sepa_debit pm_success_de", "DE89370400440532013000", "paid"),
  debit("pm_successDelayed_de", "DE08370400440532013003", "paid", SLOW),
  debit("pm_failed_de", "DE62370400440532013001", REFUSED),
  debit("pm_failedDelayed_de", "DE78370400440532013004", REFUSED, SLOW),
  debit("pm_disputed_de", "DE35370400440532013002", "disputed"),
  debit("pm_success_at", "AT611904300234573201", "paid"),
  debit("pm_failed_at", "AT861904300235473202", REFUSED),
  debit("pm_us_bank_account pm_usBankAccount_success", "000123456789", "paid"),
  debit("pm_usBankAccount_accountClosed", "000111111113", failure("The bank account has been closed.")),
  debit("pm_usBankAccount_noAccount", "000111111116", failure("No bank account was found.")),
  debit(
    "pm_usBankAccount_insufficientFunds",
    "000222222227",
    failure("The bank account has insufficient funds."),
  ),
  debit("pm_usBankAccount_debitNotAuthorized", "000333333335", failure("The debit was not authorized.")),
  debit("pm_usBankAccount_processing", "000000000009", "undecided"),
];

const byName = new Map(bankDebits.flatMap((entry) => entry.names.map((name) => [name, entry] as const)));

/** The bank account behind a token such as `pm_usBankAccount_success`. */
export function debitByToken(token: string): BankDebit | undefined {
  return byName.get(token);
}

/** The bank account of an IBAN or account number; one that is none of the test accounts is a good one. */
export function debitByAccount(type: BankDebit["type"], account: string): BankDebit {
  const plain = account.replace(/\s/g, "").toUpperCase();
  return (
    bankDebits.find((entry) => entry.account === plain) ?? {
      names: [],
      type,
      account: plain,
      outcome: "paid",
      takes: QUICK,
    }
  );
}
