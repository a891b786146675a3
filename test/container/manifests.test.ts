import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { loadConfig } from "../../src/config.ts";

// biome-ignore lint/suspicious/noExplicitAny: a manifest may hold anything; the schemas say what it is
type Manifest = any;

const FILE = "k8s/microservices-deployment.yaml";
const NAMESPACE = "cloudmastershub-dev";

const documents = parseAllDocuments(readFileSync(FILE, "utf8"));
const manifests: Manifest[] = documents.map((document) => document.toJS());
const named = (kind: string, name: string) =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
const workloads = manifests.filter(({ kind }) => kind === "Deployment" || kind === "Job");
const title = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;

/** What Kubernetes' own schema says against a manifest: kinds, types and what must be there; it takes fields of any name. */
async function faultsOf(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind } = manifest;
  const found = await import(`kubernetes-models/${apiVersion}/${kind}`).catch(() => null);
  if (!found) return [`there is no ${apiVersion} ${kind}`];
  try {
    new found[kind](manifest).validate();
    return [];
  } catch (error) {
    return [String(error)];
  }
}

test("is YAML", () => {
  expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
});

test.each(manifests.map((manifest) => [title(manifest), manifest]))(
  "%s is as Kubernetes wants it, in the namespace, under the label that operators look for",
  async (_title, manifest) => {
    expect(await faultsOf(manifest)).toEqual([]);
    expect(manifest.metadata).toMatchObject({
      namespace: NAMESPACE,
      labels: { service: "payment-service" },
    });
  },
);

test("the schemas find what is wrong", async () => {
  const broken = structuredClone(named("Deployment", "cloudmastershub-payment-service"));
  broken.spec.replicas = "two";
  expect((await faultsOf(broken)).join()).toContain("replicas");
  expect(await faultsOf({ apiVersion: "apps/v1", kind: "Deploymnet" })).toEqual([
    "there is no apps/v1 Deploymnet",
  ]);
});

test.each(workloads.map((workload) => [title(workload), workload]))(
  "%s runs as nobody in particular, on a file system that it cannot write to, with no capability",
  (_title, { spec: { template } }) => {
    const [container, ...others] = template.spec.containers;
    expect(others).toEqual([]);
    expect(template.spec.securityContext).toEqual({
      ...{ runAsNonRoot: true, runAsUser: 1001, runAsGroup: 1001 },
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      ...{ runAsUser: 1001, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      capabilities: { drop: ["ALL"] },
    });
    expect(template.spec.automountServiceAccountToken).toBe(false);
    expect(template.spec.enableServiceLinks).toBe(false);
    expect(container.resources).toMatchObject({ requests: { cpu: expect.any(String) }, limits: {} });
    expect(container.env ?? []).not.toContainEqual(
      expect.objectContaining({ name: expect.stringMatching(/SECRET|KEY|PASSWORD|_URL/) }),
    );
  },
);

test("requests and jobs are apart, two of each, and only requests are served", () => {
  const roleOf = (name: string) => {
    const { replicas, template } = named("Deployment", name).spec;
    const [{ env, startupProbe, livenessProbe, readinessProbe }] = template.spec.containers;
    for (const probe of [startupProbe, livenessProbe, readinessProbe])
      expect(probe.httpGet).toEqual({
        path: expect.stringMatching(/^\/health\/(liveness|readiness)$/),
        port: "http",
      });
    return [replicas, env, template.metadata.labels.part];
  };
  expect(named("HorizontalPodAutoscaler", "payment-service").spec.minReplicas).toBe(2);
  expect(roleOf("cloudmastershub-payment-service")).toEqual([
    undefined,
    [{ name: "WORKER", value: "off" }],
    "web",
  ]);
  expect(roleOf("cloudmastershub-payment-service-worker")).toEqual([
    ...[2, [{ name: "WORKER", value: "only" }], "worker"],
  ]);
  expect(named("Service", "payment-service").spec.selector).toEqual({
    ...{ service: "payment-service", part: "web" },
  });
});

test("with what the Secret is to hold, the service takes the configuration", () => {
  const { data } = named("ConfigMap", "payment-service");
  const secret = {
    DATABASE_URL: "postgresql://payments:password@postgres:5432/payments",
    REDIS_URL: "redis://redis:6379",
    STRIPE_SECRET_KEY: "sk_live_of_a_test",
    STRIPE_WEBHOOK_SECRET: "whsec_of_a_test",
    JWT_SECRET: "a secret of the test suite, long enough for production",
    ROUTER_SECRET: "a router's secret of the suite",
  };
  expect(loadConfig({ ...data, ...secret, WORKER: "off" })).toMatchObject({
    ...{ nodeEnv: "production", port: 3004, worker: "off" },
  });
  expect(Object.keys(data).filter((name) => name in secret)).toEqual([]);
});
