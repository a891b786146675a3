import { ApiError, invalidParameter } from "./errors.ts";
import type { Raw } from "./form.ts";

/** How one parameter is read. `path` is its name as Stripe writes it in errors: `items[0][price]`. */
export interface Param<T> {
  read(raw: Raw, path: string): T;
}
interface RequiredParam<T> extends Param<T> {
  required: true;
}

/** The declarative description of a request's (or a nested object's) parameters. */
export type Shape = Record<string, Param<unknown>>;

type RequiredKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends { required: true } ? K : never;
}[keyof S];
type Read<P> = P extends Param<infer T> ? T : never;

/** What a shape is read into. */
export type Infer<S extends Shape> = { [K in RequiredKeys<S>]: Read<S[K]> } & {
  [K in Exclude<keyof S, RequiredKeys<S>>]?: Read<S[K]>;
};

const show = (raw: Raw) => (typeof raw === "string" ? raw : JSON.stringify(raw));

function scalar(raw: Raw, path: string, noun: string): string {
  if (typeof raw !== "string") throw invalidParameter(path, `Invalid ${noun}: ${show(raw)}`);
  return raw;
}

/** Text that is not empty. */
export function text(limits: { max?: number; pattern?: RegExp } = {}): Param<string> {
  return {
    read(raw, path) {
      const value = scalar(raw, path, "string");
      if (value === "") {
        const message = `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however '${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`;
        throw invalidParameter(path, message, "parameter_invalid_empty");
      }
      if (value.length > (limits.max ?? 5000)) {
        throw invalidParameter(
          path,
          `Invalid string: ${value.slice(0, 20)}…; must be at most ${limits.max ?? 5000} characters`,
        );
      }
      if (limits.pattern && !limits.pattern.test(value))
        throw invalidParameter(path, `Invalid ${path}: ${value}`);
      return value;
    },
  };
}

/** The bounds of a number, itself included. */
interface Limits {
  min?: number;
  max?: number;
}

function within(value: number, path: string, { min, max }: Limits): number {
  const bound = min !== undefined && value < min ? `greater than or equal to ${min}` : null;
  const excess = max !== undefined && value > max ? `less than or equal to ${max}` : null;
  if (!bound && !excess) return value;
  throw invalidParameter(path, `This value must be ${bound ?? excess}.`, "parameter_invalid_integer");
}

export function integer(limits: Limits = {}): Param<number> {
  return {
    read(raw, path) {
      const value = scalar(raw, path, "integer");
      if (!/^-?\d{1,15}$/.test(value)) {
        throw invalidParameter(path, `Invalid integer: ${value}`, "parameter_invalid_integer");
      }
      return within(Number(value), path, limits);
    },
  };
}

/** Any number, for the sandbox's own paths: Stripe's have integers and decimals. */
export function number(limits: Limits = {}): Param<number> {
  return {
    read(raw, path) {
      const value = scalar(raw, path, "number");
      if (value.trim() === "" || !Number.isFinite(Number(value)))
        throw invalidParameter(path, `Invalid number: ${value}`);
      return within(Number(value), path, limits);
    },
  };
}

/** Seconds since 1970, until the end of the year 9999: later ones cannot be written as dates. */
export const timestamp = integer({ min: 0, max: 253_402_300_799 });

/** A decimal with up to twelve places, kept as text. */
export const decimal: Param<string> = {
  read(raw, path) {
    const value = scalar(raw, path, "decimal");
    if (!/^-?\d{1,15}(\.\d{1,12})?$/.test(value)) throw invalidParameter(path, `Invalid decimal: ${value}`);
    return value;
  },
};

export const flag: Param<boolean> = {
  read(raw, path) {
    const value = scalar(raw, path, "boolean");
    if (value !== "true" && value !== "false") throw invalidParameter(path, `Invalid boolean: ${value}`);
    return value === "true";
  },
};

export function oneOf<const T extends string>(...values: T[]): Param<T> {
  return {
    read(raw, path) {
      const value = scalar(raw, path, path);
      const found = values.find((candidate) => candidate === value);
      if (found !== undefined) return found;
      const last = values.length > 1 ? `${values.slice(0, -1).join(", ")}, or ${values.at(-1)}` : values[0];
      throw invalidParameter(path, `Invalid ${path}: must be one of ${last}`);
    },
  };
}

/** An ISO currency, in lower case. */
export const currency: Param<string> = {
  read(raw, path) {
    const value = scalar(raw, path, "currency").toLowerCase();
    if (!/^[a-z]{3}$/.test(value)) throw invalidParameter(path, `Invalid currency: ${value}`);
    return value;
  },
};

/** Where a web server may be: http or https, and parseable. */
export const webUrl: Param<string> = {
  read(raw, path) {
    const value = scalar(raw, path, "URL");
    if (/^https?:\/\//i.test(value) && URL.canParse(value)) return value;
    throw invalidParameter(
      path,
      "Invalid URL: An explicit scheme (such as https) must be provided.",
      "url_invalid",
    );
  },
};

/** Any URL with a scheme; apps have schemes of their own. */
export const url = text({ pattern: /^[a-z][a-z0-9+.-]*:\/\//i });

export function list<T>(of: Param<T>): Param<T[]> {
  return {
    read(raw, path) {
      if (!Array.isArray(raw)) throw invalidParameter(path, "Invalid array");
      return raw.map((entry, index) => of.read(entry, `${path}[${index}]`));
    },
  };
}

export function object<S extends Shape>(shape: S): Param<Infer<S>> {
  return {
    read(raw, path) {
      if (typeof raw !== "object" || Array.isArray(raw)) throw invalidParameter(path, "Invalid object");
      return readShape(shape, raw, (name) => `${path}[${name}]`);
    },
  };
}

/** Objects under names of the caller's choosing. */
export function map<T>(of: Param<T>): Param<Record<string, T>> {
  return {
    read(raw, path) {
      if (typeof raw !== "object") throw invalidParameter(path, "Invalid object");
      return Object.fromEntries(
        Object.entries(raw).map(([name, value]) => [name, of.read(value, `${path}[${name}]`)]),
      );
    },
  };
}

/** Either of two readings; the second one's complaint is told. */
export function either<A, B>(first: Param<A>, second: Param<B>): Param<A | B> {
  return {
    read(raw, path) {
      try {
        return first.read(raw, path);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return second.read(raw, path);
      }
    },
  };
}

/** '' (which is how stripe-node sends null) takes the value away. */
export function unsettable<T>(param: Param<T>): Param<T | null> {
  return { read: (raw, path) => (raw === "" ? null : param.read(raw, path)) };
}

export function required<T>(param: Param<T>): RequiredParam<T> {
  return { read: param.read, required: true };
}

/** A parameter of Stripe's that the sandbox refuses in so many words, rather than ignoring it. */
export function notYet(): Param<never> {
  return {
    read(_raw, path) {
      throw invalidParameter(path, `The sandbox does not know the parameter ${path} yet.`);
    },
  };
}

/** Reads `raw` as `shape` says; the first fault found is thrown as Stripe's error. */
export function readShape<S extends Shape>(
  shape: S,
  raw: { [name: string]: Raw },
  pathOf: (name: string) => string = (name) => name,
): Infer<S> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) {
    const param = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!param) {
      const path = pathOf(name);
      throw invalidParameter(path, `Received unknown parameter: ${path}`, "parameter_unknown");
    }
    result[name] = param.read(value, pathOf(name));
  }
  for (const [name, param] of Object.entries(shape)) {
    if ("required" in param && result[name] === undefined) {
      throw invalidParameter(pathOf(name), `Missing required param: ${pathOf(name)}.`, "parameter_missing");
    }
  }
  return result as Infer<S>;
}
