import type { EntityManager } from "@mikro-orm/postgresql";
import { Intent } from "../entities/intent.ts";
import { hashOf } from "../hash.ts";
import { noteUnderKey } from "./key-scope.ts";
import { INTENT_KINDS, type IntentKind, type IntentKindName } from "./kinds.ts";

/** What is to be changed at Stripe, for whom. */
export interface IntentRequest {
  userId: string;
  kind: IntentKindName;
  /** What it is about; one intent of a kind and subject is pending at a time. */
  subject: string;
  params: Record<string, unknown>;
}

/**
 * Within a transaction under the user's lock: the pending intent of this kind and subject, whatever its
 * parameters; for a kind that happens once, also the one that succeeded; else a new one.
 */
export async function openIntent(tx: EntityManager, request: IntentRequest, now: Date): Promise<Intent> {
  const { userId, kind, subject, params } = request;
  const states = (INTENT_KINDS[kind] as IntentKind).once ? ["PENDING", "SUCCEEDED"] : ["PENDING"];
  const known = await tx.findOne(Intent, {
    userId,
    kind,
    subject,
    state: { $in: states as Intent["state"][] },
  });
  if (known) {
    await noteUnderKey(tx, known);
    return known;
  }
  const intent = Object.assign(new Intent(), { userId, kind, subject, params, createdAt: now });
  intent.paramsHash = hashOf(params);
  tx.persist(intent);
  await tx.flush();
  await noteUnderKey(tx, intent);
  return intent;
}
