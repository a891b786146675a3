import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { assertPortsFree, freePort, isPortFree, PortTaken } from "../../dev/embedded/ports.ts";

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
    const refusal = assertPortsFree({ port: taken, name: "the Stripe sandbox", variable: "SANDBOX_PORT" });
    await expect(refusal).rejects.toThrow(PortTaken);
    await expect(refusal).rejects.toThrow(
      `Port ${taken} is taken by another program, but the Stripe sandbox needs it: ` +
        "stop that program, or set SANDBOX_PORT to a free port.",
    );
  });

  it("lets a free port pass, and port 0, which means any", async () => {
    const service = { name: "the service", variable: "PORT" };
    await assertPortsFree({ ...service, port: await freePort() }, { ...service, port: 0 });
  });

  it("says so when the address is not of this machine", async () => {
    const elsewhere = { port: 1, host: "192.0.2.1", name: "the service", variable: "PORT" };
    await expect(assertPortsFree(elsewhere)).rejects.toThrow(/^Nothing can listen on 192\.0\.2\.1, port 1: /);
  });

  it("prefers the port it is given, unless that is taken", async () => {
    const free = await freePort();
    expect(await freePort(free)).toBe(free);
    expect(await isPortFree(taken)).toBe(false);
    expect(await freePort(taken)).not.toBe(taken);
  });
});
