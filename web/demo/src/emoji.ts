/** The emojis that the menu of a message offers first. */
export const QUICK_EMOJIS = ["❤️", "👍", "😂", "😮", "😢", "🙏"];

/** More emojis, for people whose keyboard has none. */
export const COMMON_EMOJIS = [
  ..."😀😄😅🤣😊😇🙂😉😍🥰😘😋🤪🤗🤔🤫😐😏🙄😬😴🤒🥳😎😕😭😱😡👎👌🤟🤞👏🙌💪🤝👋🎉🎂🎁🔥✨⭐🌈🌞🍀🌸🐶🐱🍕",
];

const EMOJI = /^\p{RGI_Emoji}$/v;
const PRESENTATION_SELECTOR = "\u{fe0f}";

/**
 * Returns the text as an emoji, in the form that is shown as a picture and not as text. Returns undefined if the text
 * is not exactly one emoji.
 */
export function toEmoji(text: string): string | undefined {
  const trimmed = text.trim();
  return [trimmed, trimmed + PRESENTATION_SELECTOR].find((form) => EMOJI.test(form));
}

/** A message with at most this many emojis and nothing else shows them large. */
const MAX_LARGE = 3;
const MAX_LARGE_UNITS = 40;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Returns whether a text consists of one to three emojis. */
export function isOnlyEmojis(text: string): boolean {
  if (text.length > MAX_LARGE_UNITS) return false;
  const found = [...graphemes.segment(text.replace(/\s/g, ""))];
  return found.length > 0 && found.length <= MAX_LARGE && found.every(({ segment }) => toEmoji(segment) !== undefined);
}
