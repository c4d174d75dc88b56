/** Times as people say them, in the browser's language. */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function daysAgo(when: Date): number {
  return Math.round((midnight(new Date()) - midnight(when)) / 86_400_000);
}

function midnight(when: Date): number {
  return new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();
}

function capitalized(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

/** 18:05 */
export function timeOf(iso: string): string {
  return clock.format(new Date(iso));
}

/** Of what is listed by its last activity: 18:05, Yesterday, Friday, 3 Mar. */
export function shortly(iso: string): string {
  const when = new Date(iso);
  const days = daysAgo(when);
  if (days < 1) return clock.format(when);
  if (days < 2) return capitalized(relative.format(-1, "day"));
  return days < 7 ? weekday.format(when) : dayAndMonth.format(when);
}

/** Today, Yesterday, Friday, 3 March 2026: the heading of what was said that day. */
export function dayOf(iso: string): string {
  const when = new Date(iso);
  const days = daysAgo(when);
  if (days < 2) return capitalized(relative.format(-days, "day"));
  return days < 7 ? weekday.format(when) : date.format(when);
}

/** Friday, 3 March 2026 at 18:05 */
export function fully(iso: string): string {
  return full.format(new Date(iso));
}

export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
