import { callTable, idOf, stack } from "./browser.ts";

/** DynamoDB's limit of rows per request. */
const BATCH = 25;

/** Returns the text of the message with this `seq` that {@link fill} writes. Most are short, some have several lines. */
export function textOf(seq: number): string {
  const lines = [`Message ${seq}.`];
  if (seq % 4 === 0)
    lines.push("Can somebody bring the bread? I am at work until six, and the bakery closes at seven.");
  if (seq % 16 === 0)
    lines.push("", "And ask Grandma whether she would like to come. She has not been here for weeks!");
  return lines.join("\n");
}

/**
 * Writes messages 1 to `count` of an empty thread directly into the table, because sending thousands takes minutes.
 * Each author sends three messages, then the next one does. The messages were sent one minute apart, the last one now.
 */
export async function fill(threadId: string, count: number, ...authors: string[]): Promise<void> {
  const [now, ids] = [Date.now(), authors.map(idOf)];
  const requests = Array.from({ length: count }, (_, index) => {
    const seq = index + 1;
    const item = {
      pk: { S: `THREAD#${threadId}` },
      sk: { S: `MSG#${String(seq).padStart(20, "0")}` },
      id: { S: `msg_${crypto.randomUUID().replaceAll("-", "")}` },
      threadId: { S: threadId },
      seq: { N: String(seq) },
      authorId: { S: ids[Math.floor(index / 3) % ids.length] ?? "" },
      body: { S: textOf(seq) },
      createdAt: { S: new Date(now - (count - seq) * 60_000).toISOString() },
    };
    return { PutRequest: { Item: item } };
  });
  for (let start = 0; start < count; start += BATCH) {
    const batch = requests.slice(start, start + BATCH);
    await callTable("BatchWriteItem", { RequestItems: { [stack.chatTable]: batch } });
  }
}
