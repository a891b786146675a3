import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { assertPortFree, freePort, isPortFree, PortTaken } from "../../dev/embedded/ports.ts";

describe("ports", () => {
  let server: Server;
  let taken: number;

  beforeAll(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    taken = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  it("says in one sentence which port is taken, who wants it and which variable changes it", async () => {
    const refusal = assertPortFree(taken, "the Stripe sandbox", "SANDBOX_PORT");
    await expect(refusal).rejects.toThrow(PortTaken);
    await expect(refusal).rejects.toThrow(
      `Port ${taken} is taken by another program, but the Stripe sandbox needs it: ` +
        "stop that program, or set SANDBOX_PORT to a free port.",
    );
  });

  it("lets a free port pass, and port 0, which means any", async () => {
    await assertPortFree(await freePort(), "the service", "PORT");
    await assertPortFree(0, "the service", "PORT");
  });

  it("prefers the port it is given, unless that is taken", async () => {
    const free = await freePort();
    expect(await freePort(free)).toBe(free);
    expect(await isPortFree(taken)).toBe(false);
    expect(await freePort(taken)).not.toBe(taken);
  });
});
