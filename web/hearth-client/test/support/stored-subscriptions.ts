import { problem, type Reply } from "./replies.js";

interface StoredSubscription {
  id: string;
  user: string;
  auth: string;
}

/** Maximum number of registered devices of a user. */
const MAX_DEVICES = 10;

/** A fake of the server's registrations for push notifications. */
export class StoredSubscriptions {
  readonly rows = new Map<string, StoredSubscription>();
  /** The deployment's public key before it is encoded; null if the deployment sends no notifications. */
  publicKey: string | null = "key-1";

  /** Returns the endpoints to which a user's notifications are sent. */
  of(user: string): string[] {
    return [...this.rows].filter(([, row]) => row.user === user).map(([endpoint]) => endpoint);
  }

  key(): Reply {
    if (this.publicKey === null) return problem(404, "notifications_off");
    return { status: 200, body: { publicKey: btoa(this.publicKey).replace(/=/g, "") } };
  }

  put(user: string, { endpoint, keys }: { endpoint: string; keys: { auth: string } }): Reply {
    const row = this.rows.get(endpoint);
    if (row !== undefined && row.user !== user && row.auth !== keys.auth) return problem(409, "endpoint_taken");
    if (row?.user !== user && this.of(user).length >= MAX_DEVICES) return problem(409, "too_many_devices");
    const id = `push_${endpoint.replace("https://push.test/", "")}`;
    this.rows.set(endpoint, { id, user, auth: keys.auth });
    return { status: 200, body: { id } };
  }

  remove(user: string, id: string): Reply {
    const found = [...this.rows].find(([, row]) => row.id === id && row.user === user);
    if (found === undefined) return problem(404, "subscription_not_found");
    this.rows.delete(found[0]);
    return { status: 204, body: "" };
  }
}
