import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMON_EMOJIS, isOnlyEmojis, QUICK_EMOJIS, toEmoji } from "../src/emoji.ts";

test("exactly one emoji is accepted, in any form", () => {
  for (const emoji of ["❤️", "👍🏽", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪", "1️⃣"]) assert.equal(toEmoji(` ${emoji} `), emoji);
  assert.equal(toEmoji("❤"), "❤️");
});

test("text, several emojis and parts of emojis are refused", () => {
  for (const text of [
    "",
    " ",
    "a",
    "1",
    "❤️❤️",
    "👍 👍",
    "ok 👍",
    "\u{fe0f}",
    "\u{200d}",
    "\u{1f3fd}\u{1f3fd}",
    "🇩",
    "<b>",
  ]) {
    assert.equal(toEmoji(text), undefined, JSON.stringify(text));
  }
});

test("the offered emojis are valid and different", () => {
  const offered = [...QUICK_EMOJIS, ...COMMON_EMOJIS].map((emoji) => toEmoji(emoji) ?? assert.fail(emoji));
  assert.equal(new Set(offered).size, offered.length);
});

test("one to three emojis without text are large", () => {
  for (const text of ["❤", " 🎂 ", "👨‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿👍🏽", "👍\n👍"]) assert.ok(isOnlyEmojis(text), text);
  for (const text of ["", "  ", "👍👍👍👍", "👍!", "1", "#", "a", "👨‍👩‍👧‍👦".repeat(50)])
    assert.ok(!isOnlyEmojis(text), text);
});
