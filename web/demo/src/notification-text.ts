import type { NotificationsState, NotificationsStatus } from "hearth-client";
import { errorText } from "./error-text";

const TEXTS: Partial<Record<NotificationsStatus, string>> = {
  on: "This device notifies you of new messages, also while Hearth is closed.",
  off: "Be notified of new messages on this device, also while Hearth is closed.",
  denied:
    "Notifications of this page are blocked. Allow them in the browser’s settings for this page, or for the installed " +
    "app in the system’s settings.",
  "needs-home-screen":
    "On an iPhone or iPad, Hearth can notify you once it is on the Home Screen: tap Share, then “Add to Home Screen”, " +
    "and open it from there.",
};

/** Returns what the page says about notifications on this device; undefined if there is nothing that the user can do. */
export function notificationText({ status, busy, error }: NotificationsState): string | undefined {
  if (status === "off" && error?.code === "too_many_devices") {
    return "You are notified on ten devices already. Switch notifications off on one of them, and try again here.";
  }
  if (status === "off" && error) {
    return busy ? "Waiting for the network to switch notifications on …" : `Not switched on: ${errorText(error)}`;
  }
  return TEXTS[status];
}
