"""The mutations that mutations.py applies: deliberate bugs in the functions, in the template and in the simulated client."""

MESSAGES_SEND = "functions/messages-send/src/handler.rs"
WS_MESSAGE = "functions/ws-message/src/handler.rs"
STREAM_MESSAGES = "functions/chat-stream/src/messages.rs"
STREAM_CHANGES = "functions/chat-stream/src/changes.rs"
STREAM_ANNOUNCEMENTS = "functions/chat-stream/src/announcements.rs"
STREAM_RECORDS = "functions/chat-stream/src/records.rs"
STREAM_REPAIRS = "functions/chat-stream/src/repairs.rs"
FILES_PROCESS = "functions/files-process/src/handler.rs"
TYPING = "functions/ws-message/src/typing.rs"
DECODER = "shared/files/src/decoder.rs"
FILES_CREATE = "functions/files-create/src/handler.rs"
ME_UPDATE = "functions/me-update/src/handler.rs"
PICTURES = "shared/store/src/pictures.rs"
PUSH = "shared/push/src/lib.rs"
PUSH_POST = "shared/push/src/post.rs"
MESSAGES = "shared/store/src/messages.rs"
MESSAGE_RATE = "shared/store/src/message_rate.rs"
MESSAGE_ROW = "shared/store/src/message_row.rs"
CONNECTIONS = "shared/store/src/connections.rs"
MEMBERSHIPS = "shared/store/src/memberships.rs"
PROJECTION = "shared/store/src/projection.rs"
THREAD_LIST = "shared/store/src/thread_list.rs"
THREADS = "shared/store/src/threads.rs"
FILES = "shared/store/src/files.rs"
USERS = "shared/store/src/users.rs"
SEND = "shared/store/src/send.rs"
CHANGES = "shared/store/src/changes.rs"
REVISIONS = "shared/store/src/revisions.rs"
NOTIFICATIONS = "shared/store/src/notifications.rs"
PUSH_KEYS = "shared/store/src/push_keys.rs"
PUSH_SUBSCRIPTIONS = "shared/store/src/push_subscriptions.rs"
PUSH_KEY = "functions/push-key/src/handler.rs"
PUSH_SEND = "functions/push-send/src/handler.rs"
PUSH_SEND_POSTS = "functions/push-send/src/posts.rs"
CLIENT = "tests/simulation/src/client.rs"
CLIENT_INBOX = "tests/simulation/src/client/inbox.rs"
CLIENT_THREADS = "tests/simulation/src/client/threads.rs"
CLIENT_CHANGES = "tests/simulation/src/client/changes.rs"
CLIENT_COPIES = "tests/simulation/src/client/copies.rs"
TEMPLATE = "template.yaml"

# Maps names of mutations to (description, [(file, text to replace, replacement)]). Each file has to contain its text to
# replace exactly once.
MUTATIONS = {
    "subscribed-without-seq": ("`subscribed` does not contain the thread's last `seq`", [
        (WS_MESSAGE, "Ok(tokio::try_join!(deps.chat.last_seq(thread), deps.chat.settled_rev(thread))?)", "Ok((0, deps.chat.last_rev(thread).await?))"),
    ]),
    "seq-before-subscription": ("`subscribe` reads the last `seq` before it writes the subscription", [
        (WS_MESSAGE, "    accepted(deps.connections.subscribe(", "    let seq = deps.chat.last_seq(thread).await?;\n    accepted(deps.connections.subscribe("),
        (WS_MESSAGE, "Ok(tokio::try_join!(deps.chat.last_seq(thread), deps.chat.settled_rev(thread))?)", "Ok((seq, deps.chat.last_rev(thread).await?))"),
    ]),
    "seq-from-cache": ("`subscribe` returns the last `seq` that the instance has cached", [
        (MESSAGES, "\nimpl Chat {\n", """
impl Chat {
    /// Returns the thread's last `seq`, from this instance's cache if possible.
    pub async fn cached_seq(&self, thread_id: &ThreadId) -> Result<u64, Error> {
        match self.last_seqs.get(thread_id) {
            Some(seq) => Ok(seq),
            None => self.last_seq(thread_id).await,
        }
    }

"""),
        (WS_MESSAGE, "tokio::try_join!(deps.chat.last_seq(thread), ", "tokio::try_join!(deps.chat.cached_seq(thread), "),
    ]),
    "subscribers-before-commit": ("messages-send reads the subscribers before it commits the message", [
        (PUSH, "    connections: Connections,\n    limits", "    pub connections: Connections,\n    limits"),
        (MESSAGES_SEND, "    let sent = deps.chat.send(new, &deps.links).await?;", "    let early = deps.push.connections.subscribers(&Channel::Thread(thread_id.clone())).await.map_err(ApiError::from)?;\n    let sent = deps.chat.send(new, &deps.links).await?;"),
        (MESSAGES_SEND, "deliver(deps, &mut message)", "deliver(deps, &mut message, &early)"),
        (MESSAGES_SEND, "message: &mut Message) {", "message: &mut Message, early: &store::Subscribers) {"),
        (MESSAGES_SEND, "push_message(deps, message)", "push_message(deps, message, early)"),
        (MESSAGES_SEND, "message: &mut Message) -> Result", "message: &mut Message, early: &store::Subscribers) -> Result"),
        (MESSAGES_SEND, "deps.push.deliver(&channel, &message_new_frame(message.clone())?)", "deps.push.deliver_where(&channel, &message_new_frame(message.clone())?, |id| early.live.iter().any(|one| one.connection_id == *id))"),
    ]),
    "flag-cleared-before-push": ("messages-send clears the undelivered flag before it pushes the message", [
        (MESSAGES_SEND, "    let mut undelivered = deps", "    deps.chat.record_delivery(&message.thread_id, message.seq, []).await?;\n    let mut undelivered = deps"),
    ]),
    "flag-always-cleared": ("messages-send clears the undelivered flag even if connections were not reached", [
        (MESSAGES_SEND, "message.seq, &undelivered)", "message.seq, [])"),
    ]),
    "record-failure-ignored": ("a call is answered although its caller could not be recorded", [
        (USERS, "            recorded => Ok(recorded.map(drop)?),", "            _ => Ok(()),"),
    ]),
    "recorded-before-write": ("an instance remembers a caller as recorded before the write", [
        (USERS, "        let stored = self.profile_row(", "        self.recorded_profiles.insert(id, token_time);\n        let stored = self.profile_row("),
    ]),
    "members-unchecked": ("a thread is created without a check of its members", [
        (THREADS, "            if !members_are_known {", "            if false {"),
    ]),
    "no-undelivered-flag": ("a message is committed without its undelivered flag", [
        (MESSAGE_ROW, "undelivered: BTreeSet::from([ConnectionId::new(ALL_CONNECTIONS)])", "undelivered: BTreeSet::new()"),
    ]),
    "no-repair": ("chat-stream requests no repairs of messages", [
        (STREAM_MESSAGES, "        deps.repairs.request(&Repair::Message { thread_id: thread.clone(), seq: message.seq }).await\n", "        drop(Repair::Message { thread_id: thread.clone(), seq: message.seq });\n        Ok::<_, ApiError>(())\n"),
    ]),
    "repair-once": ("a repair that does not reach every connection is not retried", [
        (STREAM_REPAIRS, "        if !delivery.undelivered.is_empty() {", "        if false {"),
    ]),
    "stream-failure-swallowed": ("chat-stream reports no failures of stream records", [
        (STREAM_RECORDS, "        failed.extend(sequence_numbers);\n        cause = Some(error);\n", "        drop((sequence_numbers, error));\n"),
    ]),
    "malformed-record-dropped": ("chat-stream drops malformed records instead of sending them to the dead-letter queue", [
        (STREAM_RECORDS, "            try_join_all(keys.into_iter().map(|key| send_to_dead_letters(deps, key))).await.map(drop)\n", "            Ok(())\n"),
    ]),
    "projection-backward": ("chat-stream moves a thread's projection back to an older message", [
        (PROJECTION, '"lastSeq < :seq OR (', '"lastSeq < :seq OR lastSeq > :seq OR ('),
    ]),
    "put-unconditional": ("a message is put even if its `seq` is taken", [
        (SEND, "            .condition_expression(IS_NEW)\n", ""),
        (SEND, ".condition_expression(IS_NEW);\n        let mut writes", ";\n        let mut writes"),
    ]),
    "own-row-not-recognized": ("a put that is retried after a lost answer takes its own row for another message", [
        (SEND, "let is_same = existing.is_some_and(|existing| existing.id == row.id);", "let is_same = existing.is_some_and(|_| false);"),
    ]),
    "time-renewed-after-conflict": ("a retry after a conflict returns another creation time than the stored one", [
        (SEND, "                CommitResult::Conflict => backoff::pause(attempt).await,\n", "                CommitResult::Conflict => {\n                    backoff::pause(attempt).await;\n                    row.created_at = Timestamp::now();\n                }\n"),
    ]),
    "key-ignored": ("the `Idempotency-Key` is ignored", [
        (MESSAGES_SEND, "idempotency_key: idempotency_key.as_ref()", "idempotency_key: idempotency_key.as_ref().filter(|_| false)"),
    ]),
    "gone-connection-kept": ("a closed connection (410) is not removed", [
        (PUSH_POST, "return self.remove(target.channels(), id).await", "return PostResult::Gone"),
    ]),
    "error-removes-connection": ("a connection is removed after any error of a post", [
        (PUSH_POST, "error if is_retryable(&error) => PostResult::Retryable", "error if is_retryable(&error) => PostResult::Gone"),
    ]),
    "no-closing-flag": ("a removal does not flag the connection as closing first", [
        (CONNECTIONS, "SET closing = :true", "SET closed = :true"),
    ]),
    "no-check-after-subscribing": ("`subscribe` does not check whether the connection was removed in the meantime", [
        (CONNECTIONS, "if self.connection_row(&connection.id).await?.is_none() {", "if false {"),
    ]),
    "expired-delivered": ("events are delivered to expired connections", [
        (CONNECTIONS, "if row.expires_at > now {", "if row.expires_at > 0 {"),
    ]),
    "expired-kept": ("expired connections are neither closed nor removed", [
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "expired-ping": ("a `ping` on an expired connection is answered with `pong`, and expired connections are not closed", [
        (WS_MESSAGE, "live_connection(deps, &event).await.map(|_| Event::Pong)", "Ok(Event::Pong)"),
        (PUSH, "        let (delivery, _) = tokio::join!(posting, timeout_at(deadline, join_all(closing)));", "        drop(closing);\n        let delivery = posting.await;"),
    ]),
    "no-reminder": ("files-create sends no reminder", [
        (FILES_CREATE, "    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n", "    _ = UPLOAD_WINDOW;\n"),
    ]),
    "reminder-after-row": ("files-create sends the reminder after it has stored the file", [
        (FILES_CREATE, "    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n    tokio::try_join!(deps.chat.create_file(&file), deps.chat.record_profile(&profile))?;\n",
                       "    tokio::try_join!(deps.chat.create_file(&file), deps.chat.record_profile(&profile))?;\n    deps.reminders.remind(&file.id, UPLOAD_WINDOW).await?;\n"),
    ]),
    "no-picture-reminder": ("me-update sends no reminder for the file of a replaced picture", [
        (ME_UPDATE, "        |file: FileId| async move { Ok::<_, ApiError>(deps.reminders.remind(&file, ERASURE_DELAY).await?) };", "        |file: FileId| async move { Ok::<_, ApiError>(_ = (&deps.reminders, file, ERASURE_DELAY)) };"),
    ]),
    "picture-unconditional": ("a change of a picture does not check which picture it replaces", [
        (PICTURES, '.condition_expression("avatarFileId = :old")', '.condition_expression("avatarFileId = :old OR attribute_exists(pk)")'),
    ]),
    "outcome-unconditional": ("an outcome is recorded even if the file has one", [
        (FILES, '"#status = :pending AND (', '"(#status = :pending OR attribute_exists(pk)) AND ('),
    ]),
    "decoder-keys-unchecked": ("files-process trusts the object keys that files-decode returns", [
        (DECODER, "    if valid { Ok(decoded) }", "    if valid || matches!(decoded, Decoded::Published { .. }) { Ok(decoded) }"),
    ]),
    "failed-attempts-not-counted": ("files-process does not count the attempts in which files-decode crashes", [
        (FILES_PROCESS, "            MAX_ATTEMPTS.. => Ok(", "            u32::MAX.. => Ok("),
    ]),
    "announced-before-push": ("files-process records that a file's status was pushed before it pushes it", [
        (FILES_PROCESS, "    let frame = serde_json::to_string(&file.status_event(&deps.links))?;", "    deps.chat.mark_announced(&file.id).await?;\n    let frame = serde_json::to_string(&file.status_event(&deps.links))?;"),
    ]),
    "pending-files-not-reread": ("messages-send does not read pending files again after it has pushed the message", [
        (MESSAGES_SEND, "if file.status == FileStatus::Pending {", "if file.status == FileStatus::Pending || file.status != FileStatus::Pending {"),
    ]),
    "rate-not-learned": ("messages-send does not read the durable counter of a user's messages", [
        (MESSAGE_RATE, "Ok(total) => count.others = total.saturating_sub(count.shared),", "Ok(_) => {}"),
    ]),
    "rate-not-shared": ("messages-send counts a user's messages only in each instance", [
        (MESSAGE_RATE, "        if added < BATCH {", "        if added < BATCH || added > 0 {"),
    ]),
    "rate-checked-after-commit": ("messages-send commits a message before it checks the author's rate", [
        (MESSAGES_SEND, "    deps.rate.count(author).map_err(|exceeded| Problem::rate_limited(exceeded.retry_after))?;\n    let sent = deps.chat.send(new, &deps.links).await?;", "    let sent = deps.chat.send(new, &deps.links).await?;\n    deps.rate.count(author).map_err(|exceeded| Problem::rate_limited(exceeded.retry_after))?;"),
    ]),
    "rate-of-a-past-minute": ("messages-send keeps the counts of past minutes", [
        (MESSAGE_RATE, "        if counts.minute != minute {", "        if counts.users.is_empty() {"),
    ]),
    "channels-not-permitted": ("the policy of ws-connect does not allow the partitions of channels", [
        (TEMPLATE, '["TICKET#*", "CONN#*", "CHANNEL#*", WARM-UP]', '["TICKET#*", "CONN#*", WARM-UP]'),
    ]),
    "audience-before-projection": ("chat-stream reads the inboxes before it updates the projection", [
        (STREAM_MESSAGES, "    let keys: Vec<_> = seqs", "    let inboxes: Vec<_> = deps.chat.thread_row(thread).await?.into_iter().flat_map(|row| row.member_ids).map(Channel::Inbox).collect();\n    let early = deps.push.audience(&inboxes).await?;\n    let keys: Vec<_> = seqs"),
        (STREAM_MESSAGES, "announce_update(deps, row, &messages, sent), notify)?;", "announce_update(deps, row, &messages, sent, &early), notify)?;"),
        (STREAM_MESSAGES, "    sent: Vec<ReadMark>,\n) -> Result", "    sent: Vec<ReadMark>,\n    early: &push::Audience<'_>,\n) -> Result"),
        (STREAM_MESSAGES, "    let keep = |target: &Target<'_>| ", "    let id = |target: &Target<'_>| target.channels().find_map(|channel| Some(target.subscription(channel)?.connection_id.clone()));\n    let keep = |target: &Target<'_>| id(target).is_some_and(|id| early.get(&id).is_some()) && "),
    ]),
    "push-skipped-if-projected": ("chat-stream announces nothing if the projection already has the message", [
        (STREAM_MESSAGES, "    let row = match deps.chat.advance_projection(newest).await {", "    let row = deps.chat.thread_row(thread).await?;\n    if row.is_some_and(|row| serde_json::to_value(row).is_ok_and(|row| row[\"lastSeq\"].as_u64() >= Some(newest.seq))) {\n        return Ok(invalid);\n    }\n    let row = match deps.chat.advance_projection(newest).await {"),
    ]),
    "image-projected": ("chat-stream projects the record's image instead of the row", [
        (STREAM_RECORDS, "    key: DeadLetter,\n", "    key: DeadLetter,\n    image: serde_dynamo::Item,\n"),
        (STREAM_RECORDS, "let work = work(&key, record.change.new_image);", "let image = record.change.new_image;\n        let work = work(&key, image.clone());"),
        (STREAM_RECORDS, "push(Record { key, sequence_number })", "push(Record { key, image, sequence_number })"),
        (STREAM_RECORDS, "process_messages(deps, &thread, &numbers)", "process_messages(deps, &thread, &numbers, records.iter().map(|record| record.image.clone()).collect())"),
        (STREAM_MESSAGES, "seqs: &[u64])", "seqs: &[u64], images: Vec<serde_dynamo::Item>)"),
        (STREAM_MESSAGES, "    let keys: Vec<_> = seqs.iter().map(|seq| (thread.clone(), *seq)).collect();\n", ""),
        (STREAM_MESSAGES, "deps.chat.message_rows(&keys).await?", "images.into_iter().map(serde_dynamo::from_item::<_, MessageRow>)"),
    ]),
    "viewer-told-twice": ("chat-stream sends `thread:updated` to connections that have received the message, too", [
        (STREAM_MESSAGES, "!only_views(target, &thread) && !has_received(target, &thread, latest)", "!only_views(target, &thread) && (has_received(target, &thread, latest) || true)"),
    ]),
    "undelivered-viewer-left-out": ("a viewer is left out of `thread:updated` although the message is undelivered", [
        (STREAM_MESSAGES, "    let delivered = messages.values().all(|message| message.undelivered().is_none());", "    let delivered = true;"),
    ]),
    "new-viewer-left-out": ("a viewer is left out of `thread:updated` although they subscribed after the message", [
        (STREAM_MESSAGES, "oldest.seconds() - MARGIN", "oldest.seconds() + 60 * MARGIN"),
    ]),
    "no-announcement-repair": ("chat-stream requests no repairs of announcements", [
        (STREAM_ANNOUNCEMENTS, "        Ok(undelivered) => request_repair(deps, announcement, Some(undelivered.into_iter().collect())).await,", "        Ok(_) => Ok(()),"),
    ]),
    "failed-announcement-dropped": ("chat-stream drops an announcement whose audience cannot be read", [
        (STREAM_ANNOUNCEMENTS, "            request_repair(deps, announcement, None).await\n", "            Ok(())\n"),
    ]),
    "sent-ignored": ("`thread:updated` does not name the authors", [
        (STREAM_ANNOUNCEMENTS, "thread_updated_frames(&chat.thread_update(row).await?, sent)?", "thread_updated_frames(&chat.thread_update(row).await?, &sent[..0])?"),
    ]),
    "author-mark-not-moved": ("the read marks of authors do not move", [
        (STREAM_MESSAGES, "    try_join_all(sent.iter().map(|mark| deps.chat.record_sent(thread, mark))).await?;\n", ""),
    ]),
    "mark-unconditional": ("a read mark moves back", [
        (MEMBERSHIPS, "OR readSeq < :seq)", "OR readSeq < :seq OR readSeq > :seq)"),
    ]),
    "mark-beyond-the-end": ("a read mark may pass the last message", [
        (MEMBERSHIPS, "        if seq > last {", "        if seq > last && seq == 0 {"),
    ]),
    "mark-creates-membership": ("a read mark creates a membership", [
        (MEMBERSHIPS, "attribute_exists(pk) AND (attribute_not_exists(readSeq)", "(attribute_not_exists(readSeq)"),
        (MEMBERSHIPS, "        let Some(membership) = membership else { return Ok(ReadResult::NotMember) };\n        if seq > last {", "        let membership = membership.unwrap_or_else(|| MembershipRow::new(thread));\n        if seq > last {"),
    ]),
    "archived-mixed": ("a list of threads has archived threads and others", [
        (THREAD_LIST, "        memberships.retain(|membership| membership.archived == query.archived);\n", ""),
    ]),
    "connect-resets-inbox": ("a write of `$connect` that repeats late closes an inbox that was opened meanwhile", [
        (CONNECTIONS, "put.condition_expression(IS_NEW)", "put"),
    ]),
    "thread-records-filtered": ("the stream's filter leaves out new threads", [
        (TEMPLATE, '{"prefix": "THREAD#"}]}, "sk": {"S": ["META"]}', '{"prefix": "THREAD#"}]}, "sk": {"S": ["NONE"]}'),
    ]),
    "settings-records-filtered": ("the stream's filter leaves out settings", [
        (TEMPLATE, '["read", "settings"]', '["read"]'),
    ]),
    "typist-hears-typing": ("`typing` goes to the connections of the user who types, too", [
        (TYPING, "    audience.retain(|_, target| target.user_id() != Some(&user_id));\n", ""),
    ]),
    "directory-after-profile": ("the directory is written after the profile", [
        (USERS, "            self.record_name(&keys::person(id), id, newest, false).await?;\n            self.record_name(&keys::profile(id), id, newest, true).await?;\n", "            self.record_name(&keys::profile(id), id, newest, true).await?;\n            self.record_name(&keys::person(id), id, newest, false).await?;\n"),
    ]),
    "client-lists-before-subscribing": ("the client reads the list of threads before it subscribes to the inbox", [
        (CLIENT, "                        _ => self.read_list().await,", "                        _ => {}"),
        (CLIENT, "        let sleeps = cloud", "        if self.has_inbox {\n            self.read_list().await;\n        }\n        let sleeps = cloud"),
    ]),
    "client-ignores-unknown-threads": ("the client ignores events of threads that it does not hold", [
        (CLIENT_INBOX, "            self.fetch(&thread).await;\n", ""),
    ]),
    "client-no-gap-check": ("the client does not fetch missing messages after a gap in `seq`", [
        (CLIENT, "                        self.catch_up(&thread).await;\n                    }\n                }\n                \"message:changed\" if", "                    }\n                }\n                \"message:changed\" if"),
    ]),
    "client-keeps-truncated": ("the client keeps a truncated message as if it were whole", [
        (CLIENT, 'data["truncated"] != true);', "true);"),
    ]),
    "client-skips-file-status": ("the client does not request the status of pending files after it has subscribed", [
        (CLIENT, "                            self.request_pending_files(&thread).await;\n", ""),
    ]),
    "subscribed-without-rev": ("`subscribed` does not contain the thread's last `rev`", [
        (WS_MESSAGE, "Ok(tokio::try_join!(deps.chat.last_seq(thread), deps.chat.settled_rev(thread))?)", "Ok((deps.chat.last_seq(thread).await?, 0))"),
    ]),
    "subscribed-with-unsettled-rev": ("`subscribed` contains revisions whose changes are not visible in their messages yet", [
        (WS_MESSAGE, "deps.chat.settled_rev(thread)", "deps.chat.last_rev(thread)"),
    ]),
    "rev-before-subscription": ("`subscribe` reads the last `rev` before it writes the subscription", [
        (WS_MESSAGE, "    accepted(deps.connections.subscribe(", "    let rev = deps.chat.settled_rev(thread).await?;\n    accepted(deps.connections.subscribe("),
        (WS_MESSAGE, "Ok(tokio::try_join!(deps.chat.last_seq(thread), deps.chat.settled_rev(thread))?)", "Ok((deps.chat.last_seq(thread).await?, rev))"),
    ]),
    "change-unconditional": ("a change does not check that its message is still as it was read", [
        (CHANGES, 'rev => update.condition_expression("rev = :before")', 'rev => update.condition_expression("rev = :before OR attribute_exists(pk)")'),
    ]),
    "revision-overwritten": ("a change takes a revision that is taken", [
        (REVISIONS, "self.table.transaction_put(item).condition_expression(IS_NEW)", "self.table.transaction_put(item)"),
    ]),
    "change-id-ignored": ("a change whose answer was lost takes its own revision for that of another change", [
        (CHANGES, "let own = taken.change_id == *change_id;", "let own = taken.change_id == *change_id && taken.rev == 0;"),
    ]),
    "repeated-edit-written": ("an edit to the text that the message already has makes a revision", [
        (CHANGES, "        Change::Edit { body, .. } if body == before.body => return Ok(None),\n", ""),
    ]),
    "repeated-unreact-written": ("the removal of a reaction that does not exist makes a revision", [
        (CHANGES, "        Change::Unreact if !before.reactions.contains_key(&caller.id) => return Ok(None),\n", ""),
    ]),
    "undelivered-restored": ("a change writes the undelivered flag as it was read", [
        (CHANGES, "filter(|name| old.get(*name) != new.get(*name))", 'filter(|name| old.get(*name) != new.get(*name) || *name == "undelivered")'),
    ]),
    "delete-hides": ("a deletion hides the text and keeps it in the table", [
        (CHANGES, "            body.clear();\n", "            _ = body;\n"),
        (MESSAGE_ROW, "            body,\n            author,\n            attachments,", "            body: if deleted_at.is_some() { String::new() } else { body },\n            author,\n            attachments,"),
    ]),
    "hash-kept": ("the hash of the content stays in the idempotency record of a changed message", [
        (CHANGES, "        writes.extend(key.as_ref().map(|key| Write::Update(self.erase_content_hash(before, key))));\n", ""),
    ]),
    "preview-kept": ("chat-stream leaves the preview as it is after an edit or a deletion", [
        (STREAM_CHANGES, "changed.revision.kind != ChangeKind::Reaction", "changed.revision.kind != ChangeKind::Reaction && changed.revision.rev == 0"),
    ]),
    "change-not-projected-first": ("chat-stream leaves it to the record of a message to project it with its changes", [
        (STREAM_CHANGES, "    if row.last_seq() < ", "    if false && row.last_seq() < "),
    ]),
    "revision-without-reread": ("chat-stream and messages-changes do not read a message again that lacks the revision that they follow", [
        (MESSAGES, "row.rev < *rev);", "row.rev < *rev && *rev == 0);"),
    ]),
    "revision-records-filtered": ("the stream's filter leaves out revisions", [
        (TEMPLATE, '{"prefix": "MSG#"}, {"prefix": "REV#"}', '{"prefix": "MSG#"}'),
    ]),
    "phantom-use": ("messages-send writes the uses of files before the message", [
        (SEND, "        let mut row = MessageRow::new(new, last + 1);\n", "        let mut row = MessageRow::new(new, last + 1);\n        for id in new.file_ids {\n            self.table.transact([Write::Update(self.add_file_use(&row, id))]).await?;\n        }\n"),
    ]),
    "no-erasure": ("chat-stream does not have the files of deleted messages deleted", [
        (STREAM_CHANGES, "!changed.revision.file_ids.is_empty()", "changed.revision.file_ids.len() > 100"),
    ]),
    "used-file-erased": ("files-process deletes the objects of a file that another message uses", [
        (FILES_PROCESS, "    if deps.chat.erase_file(id).await? {", "    if deps.chat.erase_file(id).await? || !id.as_str().is_empty() {"),
    ]),
    "erased-file-visible": ("the status of a file of a deleted message is answered", [
        (FILES, ".filter(|file| !file.is_erased()) else", ".filter(|file| !file.id.as_str().is_empty()) else"),
    ]),
    "erased-file-served": ("a link to a file of a deleted message works until its objects are deleted", [
        (FILES, "            _ if self.is_erased() => None,\n", ""),
    ]),
    "late-objects-kept": ("files-process keeps what it has published of a file whose message was deleted meanwhile", [
        (FILES_PROCESS, "        remove_unused_objects(deps, &file, outcome).await?;\n", "        _ = (remove_unused_objects, outcome);\n"),
    ]),
    "late-upload-kept": ("files-process keeps an upload that arrives after its message was deleted", [
        (FILES_PROCESS, "        return erase_file(deps, id).await;\n", "        return Ok(());\n"),
    ]),
    "client-delta": ("the client adds the reactions of a changed message to those it has", [
        (CLIENT_COPIES, "                *copy = message;\n", "                let known = std::mem::take(&mut copy.reactions);\n                *copy = message;\n                copy.reactions.extend(known);\n"),
    ]),
    "client-no-stash": ("the client drops a change to a message that it does not hold yet", [
        (CLIENT_COPIES, "            self.stash.insert(seq, message);\n", "            drop(message);\n"),
    ]),
    "client-old-quotes": ("the client does not update quotes of a changed message", [
        (CLIENT_COPIES, "        for target in target.into_iter().chain([seq]) {", "        for target in target.into_iter().chain([seq]).take(0) {"),
    ]),
    "client-rev-from-pages": ("the client takes the thread's `rev` from the messages of pages", [
        (CLIENT_THREADS, "                        self.store(thread, parse(message), true);\n", '                        self.store(thread, parse(message), true);\n                        let copies = &mut self.state().threads;\n                        let copies = copies.entry(thread.clone()).or_default();\n                        copies.rev = copies.rev.max(message["rev"].as_u64());\n'),
    ]),
    "client-no-revision-gap-check": ("the client does not fetch missing changes after a gap in `rev`", [
        (CLIENT_CHANGES, "        } else if rev > known {", "        } else if rev > known && known > 1_000_000 {"),
    ]),
    "client-keeps-truncated-change": ("the client keeps a truncated change as if it were whole", [
        (CLIENT_CHANGES, 'data["truncated"] != true', "!data.is_null()"),
    ]),
    "client-ignores-reset": ("the client does not reload its messages after a reset", [
        (CLIENT_CHANGES, "                    self.reload(thread).await;\n", ""),
    ]),
    "notified-although-read": ("members are notified although they have read the message", [
        (NOTIFICATIONS, "row.thread_id == *thread && row.rings(now) && row.is_unread(seq))", "row.thread_id == *thread && row.rings(now))"),
        (NOTIFICATIONS, "readSeq < :seq AND (attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq)", "attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq"),
    ]),
    "read-checked-before": ("push-send checks the read mark before it records the notification, not with the record", [
        (NOTIFICATIONS, "readSeq < :seq AND (attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq)", "attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq"),
    ]),
    "notified-once": ("a member is notified of a message only once, also if the first attempt failed", [
        (NOTIFICATIONS, "OR notifiedSeq <= :seq)", "OR notifiedSeq < :seq)"),
    ]),
    "wrong-members": ("users are notified of threads that they do not belong to", [
        (NOTIFICATIONS, "row.thread_id == *thread && row.rings(now) && row.is_unread(seq))", "row.rings(now) && row.is_unread(seq))"),
        (NOTIFICATIONS, "readSeq < :seq AND (attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq)", "attribute_not_exists(readSeq) OR readSeq < :seq"),
        (PUSH_SEND, "    let members = news.member_ids.iter().filter(", '    let users = ["user-sarah", "user-dad", "user-michael"];\n    let users: Vec<UserId> = users.into_iter().filter_map(UserId::parse).collect();\n    let members = users.iter().filter('),
    ]),
    "author-notified": ("the author of a message is notified of it", [
        (PUSH_SEND, "filter(|user| **user != message.author_id && is_asked_for(user, None))", "filter(|user| is_asked_for(user, None))"),
    ]),
    "mute-ignored": ("members are notified of threads that they have muted", [
        (MEMBERSHIPS, "!self.archived && self.muted_until.is_none_or(|until| until.millis() <= now.millis())", "!self.archived && now.millis() > 0"),
    ]),
    "archive-ignored": ("members are notified of threads that they have archived", [
        (MEMBERSHIPS, "!self.archived && self.muted_until", "self.muted_until"),
    ]),
    "deleted-announced": ("a deleted message is announced", [
        (NOTIFICATIONS, "messages.into_iter().find(|message| !message.is_deleted())", "messages.into_iter().next()"),
    ]),
    "batch-not-requested": ("chat-stream requests no notification if a batch has several messages of a thread", [
        (STREAM_MESSAGES, "    let notify = notifications::request(deps, &messages);\n", "    let only = messages.len() == 1;\n    let notify = async { if only { notifications::request(deps, &messages).await } else { Ok(()) } };\n"),
    ]),
    "notification-not-retried": ("push-send requests no other attempt if a push service fails", [
        (PUSH_SEND_POSTS, "        deps.queue.request(&request, delay).await\n", "        drop((request, delay));\n        Ok::<_, ApiError>(())\n"),
    ]),
    "services-in-turn": ("push services wait for each other", [
        (PUSH_SEND_POSTS, "    try_join_all(services.into_values().map(|posts| send_to_service(deps, key, request, posts))).await?;\n", "    for posts in services.into_values() {\n        send_to_service(deps, key, request, posts).await?;\n    }\n"),
    ]),
    "old-owner-kept": ("a device that moves to another user stays registered for the old one", [
        (PUSH_SUBSCRIPTIONS, "            writes.extend(other.map(|other| {", "            writes.extend(other.filter(|_| false).map(|other| {"),
    ]),
    "gone-removes-renewed": ("push-send removes a device that is gone although it was registered again meanwhile", [
        (PUSH_SUBSCRIPTIONS, "Some(device.registered_at))", "Some(device.registered_at).filter(|_| false))"),
    ]),
    "key-pair-replaced": ("a concurrent first call of push-key replaces the key pair", [
        (PUSH_KEYS, "self.table.transaction_put(item).condition_expression(IS_NEW)", "self.table.transaction_put(item)"),
    ]),
    "private-key-read": ("push-key reads the private key", [
        (PUSH_KEY, "    if let Some(key) = keys.public_key().await? {", "    keys.private_key().await?;\n    if let Some(key) = keys.public_key().await? {"),
    ]),
}
