import { Names } from "./names";
import type { User } from "./session";

/** If more people than this are typing, their names are not shown. */
const MAX_NAMES = 2;

/** Tells which of the other members are typing. Screen readers announce it only when these people change. */
export function Typing({ userIds, people }: { userIds: readonly string[]; people: User[] }) {
  const typing = people.filter(({ id }) => userIds.includes(id));
  return (
    <p class="typing" role="status">
      {typing.length > MAX_NAMES && "Several people are typing …"}
      {typing.length > 0 && typing.length <= MAX_NAMES && (
        <>
          <Names people={typing} /> {typing.length === 1 ? "is" : "are"} typing …
        </>
      )}
    </p>
  );
}
