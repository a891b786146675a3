declare module "ioredis-mock" {
  import { Redis } from "ioredis";

  /** Redis in memory: clients of one process share its keys and channels. */
  export default class RedisMock extends Redis {}
}
