import { OF_USER, type Table } from "./outcomes.ts";
import { IN_FORCE, RUNNING } from "./queries.ts";

/** About the owner, who has a subscription, grants, and events since `$Event`. */
export const SUBSCRIPTIONS: Table = {
  "subscriptionStatusChanged(userId: $user)": [OF_USER, RUNNING],
  "subscriptionStatusChanged(userId: $user) / user": OF_USER,
  "subscriptionStatusChanged(userId: $user) / plan": OF_USER,
  "subscriptionStatusChanged(userId: $user) / paymentProblem": OF_USER,
  "accessChanged(userId: $user)": [OF_USER, IN_FORCE],
  "accessChanged(userId: $user) / course": OF_USER,
  "accessChanged(userId: $user) / learningPath": OF_USER,
  "paymentEvents(userId: $user, after: $Event)": OF_USER,
  "paymentEvents(userId: $user, after: $Event) / user": OF_USER,
  "paymentEvents(userId: $user, after: $Event) / subscription": [OF_USER, RUNNING],
  "paymentEvents(userId: $user, after: $Event) / payment": OF_USER,
  "paymentEvents(userId: $user, after: $Event) / payment / invoice": OF_USER,
  "paymentEvents(userId: $user, after: $Event) / payment / disputes": "U F F ok F U",
  "paymentEvents(userId: $user, after: $Event) / purchase": [
    OF_USER,
    { learningPath: "- null - null null -" },
  ],
};

/** About whoever asks. */
export const OWN_SUBSCRIPTIONS: Table = {
  subscriptionStatusChanged: ["U ok ok null B U", RUNNING],
  accessChanged: ["U ok ok none B U", IN_FORCE],
  // an event of another's is as unknown as one that there is not
  "paymentEvents(after: $Event)": "U ok B B B U",
};
