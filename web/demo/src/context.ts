import type { HearthClient, ThreadList, ThreadSummary } from "hearth-client";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Deletions } from "./deletions";
import type { Drafts } from "./draft";
import type { People } from "./people";
import type { Previews } from "./previews";
import type { User } from "./session";

/** The objects that all components share while a user is signed in. */
export interface ChatContext {
  client: HearthClient;
  /** The conversations that are not archived. */
  list: ThreadList;
  drafts: Drafts;
  people: People;
  previews: Previews;
  deletions: Deletions;
  user: User;
}

export const Context = createContext<ChatContext | undefined>(undefined);

export function useChat(): ChatContext {
  const context = useContext(Context);
  if (!context) throw new Error("useChat was called outside of <Chat>.");
  return context;
}

export type Members = Pick<ThreadSummary, "memberIds" | "memberNames">;

/** Returns all members of a thread except the current user. */
export function otherMembers(thread: Members, user: User): User[] {
  return thread.memberIds
    .map((id, index) => ({ id, name: thread.memberNames[index] ?? id }))
    .filter((member) => member.id !== user.id);
}

export const names = new Intl.ListFormat(undefined, { type: "unit", style: "short" });
