/** The emojis that the menu of a message offers first. */
export const QUICK_EMOJIS = ["❤️", "👍", "😂", "😮", "😢", "🙏"];

/** More emojis, for people whose keyboard has none. */
export const COMMON_EMOJIS = [
  ..."😀😄😅🤣😊😇🙂😉😍🥰😘😋🤪🤗🤔🤫😐😏🙄😬😴🤒🥳😎😕😭😱😡👎👌🤟🤞👏🙌💪🤝👋🎉🎂🎁🔥✨⭐🌈🌞🍀🌸🐶🐱🍕",
];

const EMOJI = /^\p{RGI_Emoji}$/v;
const PRESENTATION_SELECTOR = "\u{fe0f}";

/** Returns the text as an emoji in the form that shows as a picture, or undefined if it is not exactly one emoji. */
export function toEmoji(text: string): string | undefined {
  const trimmed = text.trim();
  return [trimmed, trimmed + PRESENTATION_SELECTOR].find((form) => EMOJI.test(form));
}
