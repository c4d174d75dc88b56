import assert from "node:assert/strict";
import { test } from "node:test";
import { splitLinks } from "../src/links.ts";

/** Returns the links in a text, after checking that the parts make up the whole text. */
function links(text: string): string[] {
  const parts = splitLinks(text);
  assert.equal(parts.map((part) => part.text).join(""), text);
  return parts.flatMap(({ href }) => href ?? []);
}

test("text between links is kept, and only http, https and mailto are links", () => {
  assert.deepEqual(splitLinks("See https://lake.example/a?b=1#c and mailto:dad@hearth.example now"), [
    { text: "See " },
    { text: "https://lake.example/a?b=1#c", href: "https://lake.example/a?b=1#c" },
    { text: " and " },
    { text: "mailto:dad@hearth.example", href: "mailto:dad@hearth.example" },
    { text: " now" },
  ]);
  assert.deepEqual(links("HTTP://LAKE.EXAMPLE/Path"), ["http://lake.example/Path"]);
  assert.deepEqual(splitLinks(""), []);
});

test("other schemes are not links", () => {
  for (const text of [
    "javascript:alert(1)",
    "JaVaScRiPt://lake.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://lake.example",
    "xhttps://lake.example",
    "https:lake.example",
    "https://",
    "http://?",
    "mailto:",
    "mailto:nobody",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
  for (const scheme of ["javascript:", "blob:", "view-source:"]) {
    assert.deepEqual(links(`${scheme}https://lake.example/`), ["https://lake.example/"], scheme);
  }
});

test("a link that hides its host behind a user name is not a link", () => {
  assert.deepEqual(links("https://bank.example@evil.example/ https://bank.example:1@evil.example"), []);
});

test("punctuation of the sentence is not part of a link", () => {
  const link = "https://lake.example/a";
  for (const [before, after] of [
    ["", "."],
    ["", ", and"],
    ["(", ")"],
    ["(see ", ")."],
    ["“", "”"],
    ['"', '"'],
    ["'", "'!"],
    ["<", ">"],
    ["[", "]?"],
    ["", " …"],
    ["", "…"],
    ["", ":\nnext"],
    ["*", "*"],
  ]) {
    assert.deepEqual(links(`${before}${link}${after}`), [link], `${before}${link}${after}`);
  }
});

test("brackets and punctuation inside a link are part of it", () => {
  for (const link of [
    "https://en.example/wiki/Lake_(film)",
    "https://lake.example/a,b;c.d",
    "https://lake.example/a/",
    "https://lake.example/?q=a&b[]=1",
    "http://[::1]:4580/",
    "http://127.0.0.1:4580/x",
  ]) {
    assert.deepEqual(links(`(${link}).`), [link], link);
  }
});

test("characters that are invisible or change the direction end a link", () => {
  for (const character of ["\u202e", "\u2066", "\u200b", "\u0000", "\u00ad", "\ufeff"]) {
    assert.deepEqual(links(`https://lake.example/a${character}gpj.exe`), ["https://lake.example/a"]);
  }
});

test("letters of other scripts and emojis are encoded", () => {
  assert.deepEqual(links("https://bücher.example/ü🙂"), ["https://xn--bcher-kva.example/%C3%BC%F0%9F%99%82"]);
});

test("a link that ends with thousands of brackets ends before the first one that it does not open", () => {
  assert.deepEqual(links(`https://lake.example/(${")".repeat(8_000)}`), ["https://lake.example/()"]);
});
