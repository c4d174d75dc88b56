import type { Message } from "../../src/index.js";
import type { Device } from "./device.js";
import type { FakeServer } from "./fake-server.js";
import type { Random } from "./random.js";
import type { StoredThread } from "./stored-thread.js";

export const EMOJIS = ["❤️", "👍", "😂"];

/**
 * Changes messages of a thread on the server, as their authors and other members. Some messages were sent just before.
 */
export function changeOnServer({ backend }: FakeServer, random: Random, thread: StoredThread, n: number): void {
  for (let more = random.int(1, 4); more > 0; more -= 1) {
    if (random.chance(0.3)) {
      const replyTo = pickSeq(random, thread.messages.length);
      backend.commit(thread.id, random.pick(thread.memberIds), `${n} to be changed ${more}`, [], replyTo);
    }
    const last = thread.messages.length;
    const seq = random.chance(0.6) ? last : pickSeq(random, last);
    const author = thread.messages[(seq ?? 0) - 1]?.message.author.id;
    if (seq === null || author === undefined) continue;
    const choice = random.int(0, 9);
    if (choice < 4) backend.edit(thread.id, author, seq, `${n} edited ${more}`);
    else if (choice < 7) backend.remove(thread.id, author, seq);
    else backend.react(thread.id, random.pick(thread.memberIds), seq, random.pick(EMOJIS));
  }
}

/** Makes one to three changes of a message that a device shows, on this device. */
export function changeOnDevice(random: Random, device: Device, threadId: string, n: number): void {
  const messages = device.views.get(threadId)?.getSnapshot().messages ?? [];
  const mine = messages.filter(({ author, deletedAt }) => author.id === device.user && deletedAt === undefined);
  const candidates = mine.length > 0 && random.chance(0.8) ? mine : messages;
  if (candidates.length === 0) return;
  const { seq }: Message = random.pick(candidates);
  for (let more = random.int(1, 3); more > 0; more -= 1) {
    const choice = random.int(0, 9);
    if (choice < 4) device.change(threadId, seq, "edit", `${device.name} edits ${n} ${more}`);
    else if (choice < 6) device.change(threadId, seq, "remove", null);
    else device.change(threadId, seq, "react", random.chance(0.3) ? null : random.pick(EMOJIS));
  }
}

/** Returns a random `seq` of a thread whose last one is `last`; null if the thread has no messages. */
export function pickSeq(random: Random, last: number): number | null {
  return last === 0 ? null : random.int(1, last);
}
