import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNotice } from "../../src/worker/notice.ts";

const SCOPE = "https://chat.example/app/";
const UNREADABLE = {
  title: "Hearth",
  body: "You may have new messages.",
  tag: "hearth",
  url: SCOPE,
  timestamp: undefined,
  badge: undefined,
};

const parse = (message: unknown) => parseNotice(JSON.stringify(message), SCOPE);

test("a declarative message is shown as it is", () => {
  const notification = { title: "Sarah", body: "Dinner?", navigate: `${SCOPE}#thread_1`, tag: "thread_1" };
  assert.deepEqual(parse({ web_push: 8030, notification: { ...notification, timestamp: 17 }, app_badge: 2 }), {
    title: "Sarah",
    body: "Dinner?",
    tag: "thread_1",
    url: `${SCOPE}#thread_1`,
    timestamp: 17,
    badge: 2,
  });
  assert.equal(parse({ notification, app_badge: 0 }).badge, 0);
});

test("unreadable content is shown as a notification that there may be new messages", () => {
  for (const text of [undefined, "", "{", "null", "7", '"a"', "[]", "{}", '{"notification":null}']) {
    assert.deepEqual(parseNotice(text, SCOPE), UNREADABLE, text);
  }
  assert.deepEqual(parse({ notification: { title: "", body: "Text without a title" } }), UNREADABLE);
});

test("invalid fields are ignored", () => {
  const notification = { title: "Sarah", body: 7, navigate: 7, tag: ["a"], timestamp: "now" };
  assert.deepEqual(parse({ notification, app_badge: -1 }), { ...UNREADABLE, title: "Sarah", body: "" });
  for (const badge of [1.5, "2", null, Number.MAX_SAFE_INTEGER + 1]) {
    assert.equal(parse({ notification, app_badge: badge }).badge, undefined);
  }
});

test("a click opens only URLs in the page's folder", () => {
  const urlOf = (navigate: string) => parse({ notification: { title: "Sarah", navigate } }).url;
  for (const url of [
    "https://chat.example/#thread_1",
    "https://chat.example/application/#thread_1",
    "https://chat.example.evil.example/app/#thread_1",
    "https://user@chat.example/app/#thread_1",
    "https://chat.example/app/../other/",
    "http://chat.example/app/#thread_1",
    "javascript:alert(1)",
    "#thread_1",
    "",
  ]) {
    assert.equal(urlOf(url), SCOPE, url);
  }
  assert.equal(urlOf("https://chat.example/app#thread_1"), `${SCOPE}#thread_1`, "the operator left out the slash");
});
