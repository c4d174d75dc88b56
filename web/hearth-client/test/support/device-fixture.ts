import assert from "node:assert/strict";
import { Clock } from "./clock.js";
import { Device, type DeviceOptions } from "./device.js";
import { FakeServer } from "./fake-server.js";
import { type Faults, NO_FAULTS } from "./faults.js";
import { Random } from "./random.js";

const HOUR = 60 * 60_000;

/**
 * Creates a fake server with two threads and one device, the phone of the user `sarah`; by default without a thread
 * list.
 */
export function deviceFixture(
  faults: Partial<Faults> = {},
  tokenLifetime = HOUR,
  options: Pick<Partial<DeviceOptions>, "stale" | "list" | "archivedList"> = {},
) {
  const random = new Random(7);
  const clock = new Clock();
  const server = new FakeServer(clock, random.fork(), { ...NO_FAULTS, ...faults });
  server.backend.addThread("thread_1", ["sarah", "dad"]);
  server.backend.addThread("thread_2", ["sarah", "dad"]);
  const addDevice = (name: string, user: string, more: Partial<DeviceOptions> = {}) => {
    return new Device(server, random.fork(), { name, user, tokenLifetime, list: false, ...more });
  };
  const device = addDevice("phone", "sarah", options);
  /** Commits a message from `dad`, the other member of both threads. */
  const commit = (body: string, threadId = "thread_1") => server.backend.commit(threadId, "dad", body);
  const openThread = () => {
    device.open("thread_1");
    const view = device.views.get("thread_1");
    assert.ok(view !== undefined);
    return view;
  };
  const connection = () => device.client.connection.getSnapshot();
  return { clock, server, device, addDevice, commit, openThread, connection };
}
