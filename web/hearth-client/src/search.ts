import type { Message, ThreadView } from "./types.js";

/** A message that a search has found. */
export interface SearchResult {
  readonly message: Message;
  /**
   * Where the words are in the message's text: pairs of start and end, as indexes for `slice`, ascending and without
   * overlaps. Empty if only names of files match.
   */
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** By message: its text and file names, without case and accents. Computed once, because messages are immutable. */
const folded = new WeakMap<Message, string>();

/**
 * Searches the loaded messages of threads for those that contain all words of `query`, in their text or the names of
 * their files. Case and accents make no difference, and a word may be a part of a longer one. Returns at most `limit`
 * messages, newest first; none if the query has no words.
 */
export function searchMessages(
  views: Iterable<Pick<ThreadView, "getSnapshot">>,
  query: string,
  limit = 50,
): SearchResult[] {
  const words = query.split(/\s+/u).map(fold).filter(Boolean);
  if (words.length === 0) return [];
  const matches = (message: Message) => {
    const text = folded.get(message) ?? fold([message.body, ...message.attachments.map(({ name }) => name)].join("\n"));
    folded.set(message, text);
    return words.every((word) => text.includes(word));
  };
  const found = [...views].flatMap((view) => view.getSnapshot().messages.filter(matches));
  const newest = found.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : b.seq - a.seq));
  return newest.slice(0, limit).map((message) => ({ message, ranges: rangesOf(message.body, words) }));
}

/**
 * Returns the text without case and accents. Folds each code point on its own, so that `rangesOf` can map an index in
 * the result to an index in `text`.
 */
function fold(text: string): string {
  return [...text].map(foldCodePoint).join("");
}

function foldCodePoint(char: string): string {
  return char.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function rangesOf(body: string, words: readonly string[]): [number, number][] {
  // For each code unit of the folded text, where its code point starts and ends in the body.
  const places: [number, number][] = [];
  let text = "";
  let index = 0;
  for (const char of body) {
    const part = foldCodePoint(char);
    for (let unit = 0; unit < part.length; unit += 1) places.push([index, index + char.length]);
    text += part;
    index += char.length;
    // A code point that folds to nothing is a combining accent. It belongs to the character before it.
    const last = places.at(-1);
    if (part === "" && last !== undefined) last[1] = index;
  }
  const ranges: [number, number][] = [];
  for (const word of words) {
    for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + word.length)) {
      ranges.push([places[at]?.[0] ?? 0, places[at + word.length - 1]?.[1] ?? 0]);
    }
  }
  const merged: [number, number][] = [];
  for (const range of ranges.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}
