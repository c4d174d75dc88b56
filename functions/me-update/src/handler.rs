//! Changes the caller's preferences and picture.

use std::time::Duration;

use contract::{ApiError, FileId, UpdateMe};
use files::Reminders;
use runtime::{Answer, Call, StatusCode, json};
use store::{Chat, Links};

/// Time after which files-process checks whether the file of a replaced picture is still used. It is longer than the
/// timeout of this function (10 s). So the replacement was committed by then, or it never will be.
const ERASURE_DELAY: Duration = Duration::from_secs(30);

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores profiles, the directory and the rows of files.
    pub chat: Chat,
    /// Signs the link to the caller's picture.
    pub links: Links,
    /// Sends the reminder that makes files-process erase the file of a replaced picture.
    pub reminders: Reminders,
}

/// Handles `PATCH /api/me`. Answers 200 with the caller's ID, name, preferences and picture, and 422 if the new picture cannot
/// be used.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let update = UpdateMe::parse(call.body())?;
    let profile = call.caller.profile();
    // The reminder is sent before the change is committed, so that every replaced picture has one. If the function fails before
    // the commit, the reminder has no effect.
    let erase_later =
        |file: FileId| async move { Ok::<_, ApiError>(deps.reminders.remind(&file, ERASURE_DELAY).await?) };
    let recorded = async { Ok(deps.chat.record_profile(&profile).await?) };
    let updated = deps.chat.update_me(&profile, &update, &deps.links, erase_later);
    let (me, ()) = tokio::try_join!(updated, recorded)?;
    json(StatusCode::OK, &me?, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use store::FileRow;
    use testkit::{Fault, Queue, Tables, body, call, caller, links, new_file, new_image, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/me-update.json");

    struct Fixture {
        tables: Tables,
        queue: Queue,
        deps: Deps,
    }

    impl Fixture {
        async fn new() -> Self {
            let (tables, queue) = (Tables::create().await, Queue::start().await);
            let deps = Deps { chat: tables.chat(), links: links(), reminders: queue.reminders() };
            Self { tables, queue, deps }
        }

        async fn update(&self, user: &str, request: &str) -> Result<Answer, ApiError> {
            handle(&self.deps, call(EVENT, &caller(user), |event| event["body"] = request.into())).await
        }

        /// Changes Sarah's picture.
        async fn choose(&self, file: Option<&FileRow>) -> Result<Answer, ApiError> {
            let request = json!({"avatarFileId": file.map(|file| &file.id)});
            self.update("user-sarah", &request.to_string()).await
        }

        /// Returns the link to Sarah's picture.
        async fn picture(&self) -> Option<String> {
            self.tables.chat().me(&caller("user-sarah").profile(), &links()).await.unwrap().avatar_url
        }
    }

    fn me(user: &str, name: &str, receipts: bool) -> Value {
        json!({"id": user, "name": name, "receipts": receipts})
    }

    #[tokio::test]
    async fn sample_event_stops_sharing_read_marks_of_this_caller_only() {
        let fixture = Fixture::new().await;
        let sample = handle(&fixture.deps, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!((sample.status(), body(&sample)), (StatusCode::OK, me("user-sarah", "Sarah", false)));
        let stored = fixture.tables.chat().me(&caller("user-sarah").profile(), &links()).await.unwrap();
        assert!(!stored.receipts);
        assert_eq!(body(&fixture.update("user-dad", "{}").await.unwrap()), me("user-dad", "Dad", true));
    }

    #[tokio::test]
    async fn repeated_and_empty_updates_change_nothing() {
        let fixture = Fixture::new().await;
        for (request, receipts) in [
            (r#"{"receipts":false}"#, false),
            (r#"{"receipts":false}"#, false),
            ("{}", false),
            (r#"{"receipts":null,"name":"Mum"}"#, false),
            (r#"{"avatarFileId":null}"#, false),
            (r#"{"receipts":true}"#, true),
            (r#"{"receipts":true}"#, true),
        ] {
            let answer = fixture.update("user-sarah", request).await.unwrap();
            assert_eq!(body(&answer), me("user-sarah", "Sarah", receipts), "{request}");
        }
        assert!(fixture.queue.sent().is_empty());
    }

    #[tokio::test]
    async fn invalid_request_is_refused_and_changes_nothing() {
        let fixture = Fixture::new().await;
        for (request, field) in [
            (r#"{"receipts":"no"}"#, "receipts"),
            (r#"{"receipts":0}"#, "receipts"),
            (r#"{"receipts":[]}"#, "receipts"),
            (r#"{"receipts":false,"avatarFileId":"thread_1"}"#, "avatarFileId"),
            (r#"{"receipts":false,"avatarFileId":"file_0"}"#, "avatarFileId"),
        ] {
            let refused = problem(fixture.update("user-sarah", request).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")), "{request}");
            assert_eq!(refused["errors"][0]["field"], field);
        }
        for request in ["", "{", "\u{0}"] {
            assert_eq!(problem(fixture.update("user-sarah", request).await)["code"], "malformed_json", "{request}");
        }
        assert!(fixture.tables.chat().me(&caller("user-sarah").profile(), &links()).await.unwrap().receipts);
    }

    #[tokio::test]
    async fn replaced_picture_is_erased_after_a_delay() {
        let fixture = Fixture::new().await;
        let chat = fixture.tables.chat();
        let (one, two) = (new_image(&chat, "user-sarah").await, new_image(&chat, "user-sarah").await);
        let (of_one, of_two) = (one.clone().details(&links()).thumb_url, two.clone().details(&links()).thumb_url);
        let steps = [(Some(&one), &of_one), (Some(&one), &of_one), (Some(&two), &of_two), (None, &None), (None, &None)];
        for (file, expected) in steps {
            let mut answered = me("user-sarah", "Sarah", true);
            if let Some(url) = expected {
                answered["avatarUrl"] = json!(url);
            }
            assert_eq!(body(&fixture.choose(file).await.unwrap()), answered);
            assert_eq!(fixture.picture().await, *expected);
        }
        assert_eq!(fixture.queue.sent(), [(one.id.clone(), ERASURE_DELAY), (two.id, ERASURE_DELAY)]);
        let refused = problem(fixture.choose(Some(&one)).await);
        assert_eq!(refused["errors"][0]["field"], "avatarFileId");
    }

    #[tokio::test]
    async fn files_that_cannot_be_a_picture_are_refused_and_those_of_others_look_like_missing_ones() {
        let fixture = Fixture::new().await;
        let chat = fixture.tables.chat();
        let (of_dad, pending) =
            (new_image(&chat, "user-dad").await, new_file(&chat, "user-sarah", "a", "image/png", 1).await);
        let missing = problem(fixture.update("user-sarah", r#"{"avatarFileId":"file_0"}"#).await);
        assert_eq!(problem(fixture.choose(Some(&of_dad)).await), missing);
        let refused = problem(fixture.choose(Some(&pending)).await);
        assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("invalid_request")));
        assert_ne!(
            refused["errors"], missing["errors"],
            "only for the caller's own file does the answer say that it is not ready"
        );
        assert_eq!((fixture.picture().await, fixture.queue.sent()), (None, vec![]));
    }

    #[tokio::test]
    async fn picture_stays_if_its_reminder_cannot_be_sent() {
        let mut fixture = Fixture::new().await;
        let photo = new_image(&fixture.tables.chat(), "user-sarah").await;
        fixture.choose(Some(&photo)).await.unwrap();
        let refusing = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        fixture.deps.reminders = refusing.reminders();
        assert_eq!(problem(fixture.choose(None).await)["code"], "internal");
        assert_eq!(fixture.picture().await, photo.details(&links()).thumb_url);
    }
}
