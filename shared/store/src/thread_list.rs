use std::collections::{HashMap, HashSet};

use contract::{
    ReadMark, ThreadCursor, ThreadDetails, ThreadId, ThreadOverview, ThreadPage, ThreadSummary, ThreadUpdate,
    ThreadsQuery, UserId,
};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::memberships::MembershipRow;
use crate::page::page_len;
use crate::row::from_item;
use crate::thread_row::ThreadRow;

impl Chat {
    /// Reads a thread with its members' names and read marks. Returns `None` if it does not exist or `viewer` is not a
    /// member.
    pub async fn thread(&self, id: &ThreadId, viewer: &UserId) -> Result<Option<ThreadDetails>, Error> {
        let Some(row) = self.thread_row(id).await? else { return Ok(None) };
        if !row.member_ids.contains(viewer) {
            return Ok(None);
        }
        let mut related = self.members_and_profiles(id, &row.member_ids).await?;
        let last_seq = row.last_seq;
        let reads = row.member_ids.iter().filter(|member| related.receipts(member)).filter_map(|member| {
            let own = related.memberships.get(member)?.own_state(last_seq);
            Some(ReadMark { user_id: member.clone(), seq: own.read_seq })
        });
        let reads = reads.collect();
        // A batch read is not isolated from transactions: it may miss the membership in a thread that is being created.
        // A single read sees the whole transaction, so a missing membership is read again.
        let own = match related.memberships.remove(viewer) {
            Some(own) => Some(own),
            None => self.membership(viewer, id).await?,
        };
        let own = own.ok_or_else(|| missing(&keys::membership(viewer, id)))?;
        let name = |member: &UserId| related.profiles.get(member)?.name.clone();
        let member_names = row.member_ids.iter().map(|member| name(member).unwrap_or_else(|| member.to_string()));
        let member_names = member_names.collect();
        Ok(Some(ThreadDetails { thread: row.into(), member_names, last_seq, own: own.own_state(last_seq), reads }))
    }

    /// Reads a page of the user's threads, most recently active first. It reads and sorts all threads of the list,
    /// because every message changes the order, and an index would cost a write per member and message.
    pub async fn threads(&self, user: &UserId, query: &ThreadsQuery) -> Result<ThreadPage, Error> {
        let mut memberships = self.memberships(user).await?;
        memberships.retain(|membership| membership.archived == query.archived);
        let mut rows = self.threads_of(&memberships).await?;
        let cursor =
            |row: &ThreadRow| ThreadCursor { archived: query.archived, updated_at: row.updated_at, id: row.id.clone() };
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(cursor(row)));
        if let Some(after) = &query.cursor {
            rows.retain(|row| cursor(row) < *after);
        }
        let len = page_len(&rows, query.limit as usize, ThreadRow::max_json_bytes);
        let more = rows.len() > len;
        rows.truncate(len);
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor(row).encode());

        // The IDs are collected in vectors first, because the compiler cannot prove that a future with a closure over
        // references to the rows is `Send`.
        let users: Vec<_> = rows.iter().flat_map(|row| row.member_ids.iter().chain(row.last_author())).collect();
        let files: Vec<_> = rows.iter().flat_map(ThreadRow::files_to_read).collect();
        let related = self.names_and_files(users, files).await?;
        let memberships: HashMap<_, _> = memberships.iter().map(|row| (&row.thread_id, row)).collect();
        let threads = rows.into_iter().map(|row| {
            let own = memberships.get(&row.id).ok_or_else(|| missing(&keys::membership(user, &row.id)))?;
            let own = own.own_state(row.last_seq);
            Ok(ThreadSummary::new(row.overview(&related)?, own))
        });
        Ok(ThreadPage { threads: threads.collect::<Result<_, Error>>()?, next_cursor })
    }

    /// Reads the threads of these memberships, in no particular order.
    pub(crate) async fn threads_of(&self, memberships: &[MembershipRow]) -> Result<Vec<ThreadRow>, Error> {
        let keys = memberships.iter().map(|membership| keys::thread(&membership.thread_id));
        let items = self.table.batch_get(keys).await?;
        let mut rows = items.into_iter().map(from_item).collect::<Result<Vec<ThreadRow>, _>>()?;
        if rows.len() < memberships.len() {
            // A batch read is not isolated from transactions: it may miss a thread that is being created, although the
            // user's membership is already visible. A single read sees the whole transaction, so each missing thread is
            // read again.
            let found: HashSet<_> = rows.iter().map(|row| row.id.clone()).collect();
            for membership in memberships.iter().filter(|membership| !found.contains(&membership.thread_id)) {
                let row = self.thread_row(&membership.thread_id).await?;
                rows.push(row.ok_or_else(|| missing(&keys::thread(&membership.thread_id)))?);
            }
        }
        Ok(rows)
    }

    /// Reads the row of a thread. Returns `None` if it does not exist.
    pub async fn thread_row(&self, id: &ThreadId) -> Result<Option<ThreadRow>, Error> {
        self.table.get(&keys::thread(id)).await?.map(from_item).transpose()
    }

    /// Converts a thread's row to a thread as all its members see it, with current names.
    pub async fn thread_overview(&self, row: ThreadRow) -> Result<ThreadOverview, Error> {
        let users = row.member_ids.iter().chain(row.last_author());
        let related = self.names_and_files(users, row.files_to_read()).await?;
        row.overview(&related)
    }

    /// Converts a thread's row to the fields of the thread that change with a new message, with the current name of the
    /// last message's author.
    pub async fn thread_update(&self, row: ThreadRow) -> Result<ThreadUpdate, Error> {
        let related = self.names_and_files(row.last_author(), row.files_to_read()).await?;
        row.update(&related)
    }
}

fn missing(key: &keys::Key) -> Error {
    Error::MissingRow(key.to_string())
}
