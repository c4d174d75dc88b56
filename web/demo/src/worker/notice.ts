/** The content of a push message, as its notification shows it. */
export interface Notice {
  title: string;
  body: string;
  /** The ID of the thread. A notification replaces an earlier one of the same thread. */
  tag: string;
  /** The URL that a click opens, in the page's folder. */
  url: string;
  /** When the message was sent, in milliseconds since 1970. */
  timestamp: number | undefined;
  /** The number to show on the app's icon. */
  badge: number | undefined;
}

/**
 * Parses a push message in the format of Declarative Web Push
 * (https://www.w3.org/TR/push-api/#declarative-push-message). Browsers demand a notification for each push message, so
 * one that cannot be read becomes a notification that there may be new messages. `scope` is the page's URL, which a
 * click opens if the push message has no valid URL.
 */
export function parseNotice(text: string | undefined, scope: string): Notice {
  const message = parseObject(text);
  const { title, body, tag, navigate, timestamp } = asObject(message.notification);
  const badge = message.app_badge;
  return {
    ...(isText(title)
      ? { title, body: isText(body) ? body : "" }
      : { title: "Hearth", body: "You may have new messages." }),
    tag: isText(tag) ? tag : "hearth",
    url: urlWithin(navigate, scope),
    timestamp: typeof timestamp === "number" ? timestamp : undefined,
    badge: Number.isSafeInteger(badge) && Number(badge) >= 0 ? Number(badge) : undefined,
  };
}

function parseObject(text: string | undefined): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text ?? ""));
  } catch {
    return {}; // the notification then says that there may be new messages
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Returns `url` if it is in the page's folder, otherwise the page's URL. */
function urlWithin(url: unknown, scope: string): string {
  // The operator may have configured the page's URL without the slash at its end.
  const resolved = isText(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (resolved && `${resolved.origin}${resolved.pathname}/` === scope) resolved.pathname += "/";
  return resolved?.href.startsWith(scope) ? resolved.href : scope;
}
