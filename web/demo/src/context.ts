import type { HearthClient, ThreadList, ThreadSummary } from "hearth-client";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Drafts } from "./draft";
import type { Previews } from "./previews";
import type { ReadMarks } from "./read-marks";
import type { User } from "./session";

/** What all of a signed-in user's page shares. */
export interface ChatContext {
  client: HearthClient;
  list: ThreadList;
  marks: ReadMarks;
  drafts: Drafts;
  previews: Previews;
  user: User;
}

export const Context = createContext<ChatContext | undefined>(undefined);

export function useChat(): ChatContext {
  const context = useContext(Context);
  if (!context) throw new Error("useChat belongs inside of <Chat>.");
  return context;
}

type Members = Pick<ThreadSummary, "memberIds" | "memberNames">;

/** A thread's members but the user. */
export function others(thread: Members, user: User): User[] {
  return thread.memberIds
    .map((id, index) => ({ id, name: thread.memberNames[index] ?? id }))
    .filter((member) => member.id !== user.id);
}

/** A thread's title or, without one, who is in it. */
export function titleOf(thread: Members & { title: string | null }, user: User): string {
  return thread.title || listed(others(thread, user)) || "Notes to yourself";
}

const names = new Intl.ListFormat(undefined, { type: "unit", style: "short" });

export function listed(people: User[]): string {
  return names.format(people.map((person) => person.name));
}
