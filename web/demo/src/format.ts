/** Formats times and file sizes in the browser's language. */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const precise = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
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

/** Returns the time of day, such as 18:05. */
export function formatTime(iso: string): string {
  return clock.format(new Date(iso));
}

/** Returns a short time for the list of conversations, depending on its age: 18:05, Yesterday, Friday, or 3 Mar. */
export function formatListTime(iso: string): string {
  const when = new Date(iso);
  const days = daysAgo(when);
  if (days < 1) return clock.format(when);
  if (days < 2) return capitalized(relative.format(-1, "day"));
  return days < 7 ? weekday.format(when) : dayAndMonth.format(when);
}

/** Returns the heading above the messages of a day: Today, Yesterday, Friday, or 3 March 2026. */
export function formatDay(iso: string): string {
  const when = new Date(iso);
  const days = daysAgo(when);
  if (days < 2) return capitalized(relative.format(-days, "day"));
  return days < 7 ? weekday.format(when) : date.format(when);
}

/**
 * Returns a time in the future for a sentence: at 18:05:40 within two minutes, at 18:05 later today, or tomorrow at
 * 02:00.
 */
export function formatUpcoming(time: number): string {
  const when = new Date(time);
  if (time - Date.now() < 120_000) return `at ${precise.format(when)}`;
  const days = -daysAgo(when);
  return days === 0 ? `at ${clock.format(when)}` : `${relative.format(days, "day")} at ${clock.format(when)}`;
}

/** Returns the date, such as 3 March 2026. */
export function formatDate(iso: string): string {
  return date.format(new Date(iso));
}

/** Returns the full date and time, such as Friday, 3 March 2026 at 18:05. */
export function formatFull(iso: string): string {
  return full.format(new Date(iso));
}

/** Returns a file size in decimal units: 4 bytes, 12 kB, 1.2 MB. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
