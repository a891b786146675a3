import { BY_ID, type Except, OF_NOBODY, OF_USER, PUBLIC, type Row, type Table, VIEWER } from "./outcomes.ts";
import { IN_FORCE, RUNNING } from "./queries.ts";

const NOTHING: Row = "null null null null null null";
/** What only a path has. */
const OF_A_COURSE: Except = { learningPath: NOTHING, courseIds: NOTHING, courses: NOTHING };
/** Who has no grant, or is nobody, is told so and no more. */
const NO_GRANT: Except = {
  granted: "ok ok - ok - -",
  source: "null ok - null - -",
  expiresAt: "null ok - null - -",
};

/** `@Type(key)`: what a gateway asks of `_entities`. */
export const REFERENCES: Table = {
  "@Plan(id: $plan)": PUBLIC,
  "@Plan(id: $nobody)": NOTHING,

  "@UserSubscription(id: $UserSubscription)": BY_ID,
  "@UserSubscription(id: $nobody)": OF_NOBODY,
  '@UserSubscription(id: "nonsense")': OF_NOBODY,
  "@UserSubscription(id: $UserSubscription) / user": BY_ID,
  "@UserSubscription(id: $UserSubscription) / paymentProblem": BY_ID,
  "@Payment(id: $Payment)": BY_ID,
  "@Payment(id: $nobody)": OF_NOBODY,
  '@Payment(id: "nonsense")': OF_NOBODY,
  "@Payment(id: $Payment) / user": BY_ID,
  "@Payment(id: $Payment) / invoice": BY_ID,
  "@Payment(id: $Payment) / disputes": "U F null ok F U",
  "@PaymentMethod(id: $PaymentMethod)": BY_ID,
  "@PaymentMethod(id: $nobody)": OF_NOBODY,
  '@PaymentMethod(id: "nonsense")': OF_NOBODY,
  "@Invoice(id: $Invoice)": BY_ID,
  "@Invoice(id: $nobody)": OF_NOBODY,
  '@Invoice(id: "nonsense")': OF_NOBODY,
  "@Invoice(id: $Invoice) / lines": BY_ID,
  "@Purchase(id: $Purchase)": BY_ID,
  "@Purchase(id: $nobody)": OF_NOBODY,
  '@Purchase(id: "nonsense")': OF_NOBODY,
  "@Purchase(id: $Purchase) / payment": BY_ID,
  "@UserAccess(id: $UserAccess)": BY_ID,
  "@UserAccess(id: $nobody)": OF_NOBODY,
  '@UserAccess(id: "nonsense")': OF_NOBODY,
  "@UserAccess(id: $UserAccess) / learningPath": BY_ID,
  // what a reference says besides its key is not believed
  "@UserSubscription(id: $UserSubscription, userId: $me)": BY_ID,
  "@User(id: $user, subscription: {id: $UserSubscription}, payments: {totalCount: 1})": PUBLIC,

  "@User(id: $user)": PUBLIC,
  "@User(id: $user) / subscription": [OF_USER, RUNNING],
  "@User(id: $user) / subscription / plan": OF_USER,
  "@User(id: $user) / subscriptions": OF_USER,
  "@User(id: $user) / payments": OF_USER,
  "@User(id: $user) / payments / nodes": OF_USER,
  "@User(id: $user) / payments / nodes / disputes": "U F F ok F U",
  "@User(id: $user) / purchases": OF_USER,
  "@User(id: $user) / purchases / nodes": OF_USER,
  "@User(id: $user) / invoices": OF_USER,
  "@User(id: $user) / invoices / nodes": OF_USER,
  "@User(id: $user) / paymentMethods": OF_USER,
  "@User(id: $user) / access": [OF_USER, IN_FORCE],
  "@User(id: $user) / accessTo(resourceType: COURSE, resourceId: $course)": OF_USER,

  "@Course(id: $course)": PUBLIC,
  "@Course(id: $course) / offer": [PUBLIC, OF_A_COURSE],
  "@Course(id: $retired) / offer": ["null null null ok ok null", OF_A_COURSE],
  "@LearningPath(id: $path)": PUBLIC,
  "@LearningPath(id: $path) / offer": [PUBLIC, { course: NOTHING }],
};

/** What is the caller's own of somebody else's entity. */
export const OWN_REFERENCES: Table = {
  "@Course(id: $course) / viewerAccess": [VIEWER, NO_GRANT],
  "@LearningPath(id: $path) / viewerAccess": [VIEWER, NO_GRANT],
  "@Course(id: $course) / viewerPurchase": ["null ok ok null B U", { learningPath: "- null - - - -" }],
  "@LearningPath(id: $path) / viewerPurchase": ["null ok ok null B U", { course: "- null - - - -" }],
};
