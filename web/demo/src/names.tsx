import type { ThreadSummary } from "hearth-client";
import { type Members, names, otherMembers } from "./context";
import type { User } from "./session";

// Text that people wrote is in a <bdi> element wherever the page shows it. Otherwise a name or a file name with
// right-to-left or overriding characters could change the order of the text around it.

/** Shows the names of people as a list. */
export function Names({ people }: { people: User[] }) {
  const parts = names.formatToParts(people.map(({ name }) => name));
  return <>{parts.map(({ type, value }, index) => (type === "element" ? <bdi key={index}>{value}</bdi> : value))}</>;
}

/** Shows the title of a thread or, if it has none, the names of the other members. */
export function ThreadTitle({ thread, user }: { thread: Members & Pick<ThreadSummary, "title">; user: User }) {
  if (thread.title) return <bdi>{thread.title}</bdi>;
  const people = otherMembers(thread, user);
  return people.length > 0 ? <Names people={people} /> : <>Notes to yourself</>;
}
