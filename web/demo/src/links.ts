/** A part of a text: plain, or a link if `href` is set. */
export interface TextPart {
  text: string;
  href?: string;
}

// A link ends at white space, quotes, angle brackets, and invisible characters, which could change how the text looks.
const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"“”\p{C}]+/giu;
const TRAILING = ".,;:!?'’…*_~";
const BRACKETS = ["()", "[]", "{}"];

/** Splits a text into links and the text between them. Only `http:`, `https:` and `mailto:` become links. */
export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const link = withoutTrailing(candidate);
    const href = toHref(link);
    if (!href) continue;
    if (index > end) parts.push({ text: text.slice(end, index) });
    parts.push({ text: link, href });
    end = index + link.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Removes the punctuation of the sentence around a link, and closing brackets that were opened before the link. */
function withoutTrailing(candidate: string): string {
  const count = (character: string) => candidate.split(character).length;
  const surplus = new Map(BRACKETS.map(([open = "", close = ""]) => [close, count(close) - count(open)]));
  for (let end = candidate.length; ; end -= 1) {
    const last = candidate.charAt(end - 1);
    const unopened = surplus.get(last) ?? 0;
    if (unopened > 0) surplus.set(last, unopened - 1);
    else if (last === "" || !TRAILING.includes(last)) return candidate.slice(0, end);
  }
}

/**
 * Returns the address of a link, or undefined if it is not valid. Links with a user name are not valid, because
 * `https://bank.example@evil.example` leads to evil.example.
 */
function toHref(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, username, hostname, pathname, href } = new URL(link);
  if (protocol === "mailto:") return pathname.includes("@") ? href : undefined;
  return hostname && !username ? href : undefined;
}
