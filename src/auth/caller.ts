import { BadUserInput, Forbidden, Unauthenticated } from "../errors.ts";

export const ROLES = ["user", "admin", "service"] as const;
export type Role = (typeof ROLES)[number];

/** 1 to 128 printable characters, as ids of users, courses and paths are. */
export const OPAQUE_ID = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}$/u;

const PSEUDONYM = "anonymized:";
/** Under what the rows of somebody who was anonymised go on: no token stands for it. */
export const pseudonymOf = (random: string) => `${PSEUDONYM}${random}`;
export const isPseudonym = (userId: string) => userId.startsWith(PSEUDONYM);

/** Who is asking: nobody, someone whose token cannot be trusted, or a known user or service. */
export class Caller {
  static readonly anonymous = new Caller("anonymous");
  static readonly untrusted = new Caller("untrusted");

  private constructor(
    private readonly state: "anonymous" | "untrusted" | "known",
    readonly id = "",
    readonly email: string | null = null,
    readonly roles: ReadonlySet<Role> = new Set(),
    /** When the token ends, on real time. */
    readonly expiresAt: Date | null = null,
  ) {}

  static known(id: string, email: string | null, roles: ReadonlySet<Role>, expiresAt: Date): Caller {
    return new Caller("known", id, email, roles, expiresAt);
  }

  get isKnown(): boolean {
    return this.state === "known";
  }

  /** A token came along, but it is expired, forged or malformed: private answers are refused, not empty. */
  get isUntrusted(): boolean {
    return this.state === "untrusted";
  }

  get isAdmin(): boolean {
    return this.roles.has("admin");
  }

  get isService(): boolean {
    return this.roles.has("service");
  }

  /** Admins and services may see what belongs to any user. */
  get isStaff(): boolean {
    return this.isAdmin || this.isService;
  }

  /** How audit rows name the caller. */
  get actor(): string {
    const role = this.isAdmin ? "admin" : this.isService ? "service" : "user";
    return `${role}:${this.id}`;
  }

  /** @throws Unauthenticated for nobody and for an untrusted token */
  assertKnown(): void {
    if (this.isUntrusted) throw new Unauthenticated("Your token is not valid (any more): sign in again.");
    if (!this.isKnown) throw new Unauthenticated();
  }

  /** Whether rows of this user may be shown to the caller. */
  maySee(userId: string): boolean {
    return this.isKnown && (this.isStaff || this.id === userId);
  }

  /** Whether the caller is this user, in person: what not even staff may see. */
  isOwner(userId: string): boolean {
    return this.isKnown && !this.isService && this.id === userId;
  }

  /** @throws Unauthenticated, Forbidden */
  assertMaySee(userId: string): void {
    this.assertKnown();
    if (!this.maySee(userId)) throw new Forbidden("This belongs to another user.");
  }

  /** What not even a service may see of a user: it is for them in person, and for admins. @throws Unauthenticated, Forbidden */
  assertOwnerOrAdmin(userId: string): void {
    this.assertKnown();
    if (!this.isAdmin && !this.isOwner(userId))
      throw new Forbidden("This is for the user in person, and for the role admin.");
  }

  /** @throws Unauthenticated, Forbidden */
  assertAdmin(): void {
    this.assertKnown();
    if (!this.isAdmin) throw new Forbidden("This needs the role admin.");
  }

  /** @throws Unauthenticated, Forbidden */
  assertStaff(): void {
    this.assertKnown();
    if (!this.isStaff) throw new Forbidden("This needs the role admin or service.");
  }

  /**
   * The user that a query is about: the one named, else the caller.
   * @throws Unauthenticated, Forbidden for another user's id, BadUserInput for a malformed id or a service
   * that names no user
   */
  targetUser(userId: string | null | undefined): string {
    this.assertKnown();
    if (userId == null) return this.ownId();
    if (!OPAQUE_ID.test(userId))
      throw new BadUserInput("userId", "A user id has 1 to 128 printable characters.");
    this.assertMaySee(userId);
    return userId;
  }

  /** The caller as a person. @throws Unauthenticated, BadUserInput for a service token */
  ownId(): string {
    this.assertKnown();
    if (this.isService) throw new BadUserInput("userId", "A service token must name the user it asks about.");
    return this.id;
  }
}
