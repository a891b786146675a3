import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { planId } from "./checkout.ts";
import { newUser, startService, type TestService } from "./service.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies are held against the document
export type Json = any;

export const CALLERS = ["anonymous", "owner", "other", "admin", "service", "bad token"] as const;
type CallerName = (typeof CALLERS)[number];

export const URLS = {
  successUrl: "https://learn.example.com/done",
  cancelUrl: "https://learn.example.com/plans",
};

interface Asked {
  body?: object | string;
  token?: string | undefined;
  headers?: Record<string, string>;
}
interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

/** A service that is asked by REST. */
export interface Rest {
  readonly service: TestService;
  /** The OpenAPI document. */
  readonly document: Json;
  readonly tokens: Readonly<Record<CallerName, string | undefined>>;
  /** `owner`, `other`, `plan`, `nobody`, and what a test adds. */
  readonly ids: Record<string, string>;
  /** As the owner, unless another token is given. */
  call(method: string, path: string, asked?: Asked): Promise<Answer>;
  /** What the OpenAPI document says against an answer of this endpoint. */
  faultsOf(method: string, path: string, answer: Answer): unknown;
}

export async function startRest(): Promise<Rest> {
  const service = await startService();
  const [owner, other] = [newUser(), newUser()];
  const tokens = {
    anonymous: undefined,
    owner: await service.token(owner),
    other: await service.token(other),
    admin: await service.token(newUser(), "admin"),
    service: await service.token("courses", "service"),
    "bad token": "not.a.token",
  };
  const plan = await planId(service, "Premium");
  const call = (method: string, path: string, { token = tokens.owner, ...asked }: Asked = {}) =>
    ask(`${service.url}${path}`, method, { token, ...asked });
  const document = (await call("GET", "/openapi.json")).body;
  return {
    ...{ service, document, tokens, call },
    ids: { owner, other, plan, nobody: "01890000-0000-7000-8000-000000000000" },
    faultsOf: (method, path, answer) => faultsOf(document, method, path, answer),
  };
}

async function ask(url: string, method: string, { body, token, headers = {} }: Asked): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
(formats as unknown as (ajv: Ajv2020) => void)(ajv);

function faultsOf(document: Json, method: string, path: string, answer: Answer): unknown {
  const { responses } = document.paths[path.replace(/:(\w+)/g, "{$1}")][method];
  const isProblem = answer.status >= 400;
  const said = isProblem ? document.components.responses.Problem : responses[answer.status];
  if (!said) return `${answer.status} is not described`;
  if (!said.content) return answer.body === "" ? null : "there is a body";
  const [[type, { schema }]] = Object.entries<Json>(said.content) as [[string, Json]];
  if (!answer.headers.get("content-type")?.startsWith(type)) return answer.headers.get("content-type");
  const validate = ajv.compile({ ...schema, components: document.components });
  return validate(answer.body) ? null : [validate.errors, answer.body];
}
