import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachment, type Message, searchMessages, type ThreadSnapshot } from "../src/index.js";

let seconds = 0;

/** Returns a message with the next `seq`, created one second after the message of the call before. */
function message(body: string, files: string[] = []): Message {
  seconds += 1;
  const createdAt = new Date(seconds * 1_000).toISOString();
  const attachments = files.map((name) => ({ name }) as Attachment);
  return { seq: seconds, body, attachments, createdAt } as Message;
}

function view(...messages: Message[]) {
  return { getSnapshot: () => ({ messages }) as unknown as ThreadSnapshot };
}

/** Returns the texts of the found messages. The matching ranges of a text are in brackets. */
function search(bodies: string[], query: string): string[] {
  return searchMessages([view(...bodies.map((body) => message(body)))], query).map(({ message: { body }, ranges }) => {
    let marked = "";
    let from = 0;
    for (const [start, end] of ranges) {
      marked += `${body.slice(from, start)}[${body.slice(start, end)}]`;
      from = end;
    }
    return marked + body.slice(from);
  });
}

test("all words must occur, in any order, as parts of words, and newest messages come first", () => {
  const bodies = ["Dinner at 6?", "No dinner today", "Lunch at 6", "dinner, dinners: at 6"];
  assert.deepEqual(search(bodies, " DINNER  at "), ["[dinner], [dinner]s: [at] 6", "[Dinner] [at] 6?"]);
  assert.deepEqual(search(bodies, "breakfast"), []);
});

test("case, accents and compatible characters are the same, and ranges are those of the original text", () => {
  assert.deepEqual(search(["Zoë's CAFÉ", "cafe\u0301 noir", "👩‍👩‍👧 café"], "cafe"), [
    "👩‍👩‍👧 [café]",
    "[cafe\u0301] noir",
    "Zoë's [CAFÉ]",
  ]);
  assert.deepEqual(search(["eine ﬁne Ecke", "ΟΔΟΣ"], "FIN"), ["eine [ﬁn]e Ecke"]);
  assert.deepEqual(search(["ΟΔΟΣ και"], "οδοσ"), ["[ΟΔΟΣ] και"]);
  assert.deepEqual(search(["café"], "CAFE\u0301"), ["[café]"]);
});

test("overlapping words make one range", () => {
  assert.deepEqual(search(["photograph"], "photo graph otog"), ["[photograph]"]);
  assert.deepEqual(search(["aaaa b"], "aa aaa"), ["[aaaa] b"]);
});

test("a query without words finds nothing", () => {
  for (const query of ["", "  \n", "\u0301"]) assert.deepEqual(search(["", "a"], query), []);
});

test("special characters are searched as they are", () => {
  assert.deepEqual(search(["a.c", "abc", "(a+b)*"], "a.c"), ["[a.c]"]);
  assert.deepEqual(search(["(a+b)*", "ab"], "(a+b)*"), ["[(a+b)*]"]);
});

test("names of files are searched, and results of several threads are limited together", () => {
  const first = view(message("one", ["Holiday.JPG"]), message("two"));
  const second = view(message("holiday"), message("three", ["holiday.pdf"]));
  const found = searchMessages([first, second], "holiday");
  assert.deepEqual(
    found.map(({ message: { body }, ranges }) => [body, ranges]),
    [
      ["three", []],
      ["holiday", [[0, 7]]],
      ["one", []],
    ],
  );
  assert.equal(searchMessages([first, second], "holiday", 2).length, 2);
});

test("a changed message is searched as it is now", () => {
  const before = message("before");
  assert.equal(searchMessages([view(before)], "before").length, 1);
  const after = { ...before, body: "after" };
  assert.deepEqual([searchMessages([view(after)], "before"), searchMessages([view(after)], "after").length], [[], 1]);
});
