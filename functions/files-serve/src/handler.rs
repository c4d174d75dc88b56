//! Redirects a link to a file or thumbnail to a signed S3 URL.

use std::time::Duration;

use contract::{ApiError, ErrorCode, FileId, Problem, Timestamp};
use files::{DOWNLOAD_WINDOW, Presigner};
use runtime::{Answer, Call, redirect};
use store::{Chat, Links, Published};

/// The time from the end of the cached redirect's lifetime to the end of the S3 URL's. A browser that follows the
/// redirect at the last moment can still reach S3 in time, and play a video from S3 for a while.
const MARGIN: Duration = Duration::from_mins(5);

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the file's row.
    pub chat: Chat,
    /// Signs the S3 URL.
    pub presigner: Presigner,
    /// Verifies the signature in the requested link.
    pub links: Links,
}

/// Handles `GET /files/{fileId}/{name}` and `GET /thumbs/{name}`. These routes take no token, because the link is
/// signed. Answers 302 with a signed URL of the published object, 403 if the link is not valid or has expired, and 404
/// if the object is not published.
///
/// The S3 URL is valid for [`DOWNLOAD_WINDOW`], but never longer than the link.
pub async fn handle(deps: &Deps, call: Call<()>) -> Result<Answer, ApiError> {
    handle_at(deps, call, Timestamp::now()).await
}

async fn handle_at(deps: &Deps, call: Call<()>, now: Timestamp) -> Result<Answer, ApiError> {
    let (published, id) = requested_object(&call).ok_or_else(invalid_link)?;
    let [expires, signature] = ["expires", "signature"].map(|name| call.query(name).unwrap_or_default());
    let remaining = deps.links.remaining(now, published, &id, &expires, &signature).ok_or_else(invalid_link)?;
    let file = deps.chat.file(&id).await?.ok_or_else(Problem::file_not_found)?;
    let key = file.published(published).ok_or_else(Problem::file_not_found)?;
    let lifetime = DOWNLOAD_WINDOW.min(remaining);
    let location = deps.presigner.download(key, now, lifetime).await?;
    redirect(&location, lifetime.saturating_sub(MARGIN))
}

/// Returns the kind of object and the file ID from the request's path: `/files/{fileId}/{name}` or
/// `/thumbs/{fileId}.jpg`. Ignores the file's name, which only makes the link readable. Returns `None` if the path has
/// no valid file ID.
fn requested_object(call: &Call<()>) -> Option<(Published, FileId)> {
    match call.path("fileId") {
        Some(id) => Some((Published::Original, FileId::parse(&id)?)),
        None => Some((Published::Thumbnail, FileId::parse(call.path("name")?.strip_suffix(".jpg")?)?)),
    }
}

fn invalid_link() -> Problem {
    Problem::new(
        ErrorCode::InvalidFileUrl,
        "The link is not valid or has expired. Request the message or the file again to get a new link.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use store::{Change, FileRow, Outcome};
    use testkit::{
        Storage, Tables, caller, change, links, new_file, new_thread, problem, public_call, send_with_files,
        set_picture,
    };

    use super::*;

    const EVENT: &str = include_str!("../../../events/files-serve.json");

    struct Fixture {
        deps: Deps,
        storage: Storage,
    }

    impl Fixture {
        async fn new() -> Self {
            let storage = Storage::create().await;
            let chat = Tables::create().await.chat();
            Self { deps: Deps { chat, presigner: storage.presigner(), links: links() }, storage }
        }

        /// Creates a file and publishes it with a thumbnail. Returns the file's row.
        async fn published_file(&self) -> FileRow {
            let file = new_file(&self.deps.chat, "user-sarah", "Käse.txt", "text/plain", 5).await;
            let bucket = self.storage.bucket();
            let original = bucket.publish(&file.id, &"bytes".into(), "text/plain", "attachment").await.unwrap();
            let thumbnail = Some(bucket.publish_thumbnail(&file.id, &"jpeg".into()).await.unwrap());
            self.deps.chat.record_outcome(&file.id, &Outcome::Ready { original, thumbnail, size: None }).await.unwrap()
        }

        async fn get(&self, path: Value, query: &str) -> Result<Answer, ApiError> {
            self.get_at(path, query, Timestamp::now()).await
        }

        async fn get_at(&self, path: Value, query: &str, now: Timestamp) -> Result<Answer, ApiError> {
            let call = public_call(EVENT, |event| {
                event["pathParameters"] = path;
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                event["queryStringParameters"] =
                    pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
            });
            handle_at(&self.deps, call, now).await
        }
    }

    /// Returns the query string of a link.
    fn query(url: &str) -> &str {
        url.split_once('?').unwrap().1
    }

    /// Returns the whole seconds for which the redirect may be cached and the S3 URL is valid.
    fn lifetimes(answer: &Answer) -> (u64, u64) {
        let cache_control = answer.headers()["cache-control"].to_str().unwrap();
        let max_age = cache_control.strip_prefix("private, max-age=").unwrap().parse().unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        let expires = query(location).split('&').find_map(|pair| pair.strip_prefix("X-Amz-Expires="));
        (max_age, expires.unwrap().parse().unwrap())
    }

    #[tokio::test]
    async fn link_redirects_to_the_bytes() {
        let fixture = Fixture::new().await;
        let file = fixture.published_file().await;
        let (id, details) = (file.id.to_string(), file.details(&links()));
        for (path, url, bytes) in [
            (json!({"fileId": id, "name": "Käse.txt"}), details.url.unwrap(), "bytes"),
            (json!({"name": format!("{id}.jpg")}), details.thumb_url.unwrap(), "jpeg"),
        ] {
            let answer = fixture.get(path, query(&url)).await.unwrap();
            assert_eq!(answer.status(), 302);
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(lifetimes(&answer), (600, 900));
            let location = answer.headers()["location"].to_str().unwrap();
            assert_eq!(Storage::get(location).await.into_body(), bytes);
        }
    }

    #[tokio::test]
    async fn storage_url_and_cached_redirect_never_outlive_the_link() {
        let fixture = Fixture::new().await;
        let file = fixture.published_file().await;
        let (path, url) = (json!({"fileId": file.id, "name": "a"}), file.details(&links()).url.unwrap());
        let end: i64 = query(&url).split('&').find_map(|pair| pair.strip_prefix("expires=")).unwrap().parse().unwrap();
        let at = |seconds_left: i64| Timestamp::from_millis((end - seconds_left) * 1_000);
        for (seconds_left, expected) in [
            (12 * 3_600, (600, 900)),
            (901, (600, 900)),
            (900, (600, 900)),
            (899, (599, 899)),
            (301, (1, 301)),
            (300, (0, 300)),
            (1, (0, 1)),
        ] {
            let now = at(seconds_left);
            let answer = fixture.get_at(path.clone(), query(&url), now).await.unwrap();
            assert_eq!(lifetimes(&answer), expected, "{seconds_left} s before the link's end");
            let location = answer.headers()["location"].to_str().unwrap();
            let signed_at = now.to_string().replace(['-', ':'], "").replace(".000", "");
            assert!(location.contains(&format!("X-Amz-Date={signed_at}&")), "{location}");
        }
        for seconds_left in [0, -1, -3_600] {
            let refused = problem(fixture.get_at(path.clone(), query(&url), at(seconds_left)).await);
            assert_eq!(refused["code"], "invalid_file_url", "{seconds_left} s before the link's end");
        }
    }

    #[tokio::test]
    async fn link_of_the_key_before_a_rotation_is_served_and_of_an_older_key_refused() {
        let (older, previous) = ("a key from before the last rotation", "the key from before this rotation");
        let mut fixture = Fixture::new().await;
        let file = fixture.published_file().await;
        fixture.deps.links = links().accepting(Some(previous)).unwrap();
        let path = json!({"fileId": file.id, "name": "a"});
        let url = |key| file.clone().details(&Links::new(key).unwrap()).url.unwrap();
        assert_eq!(fixture.get(path.clone(), query(&url(previous))).await.unwrap().status(), 302);
        assert_eq!(problem(fixture.get(path, query(&url(older))).await)["code"], "invalid_file_url");
    }

    #[tokio::test]
    async fn changed_links_are_refused() {
        let fixture = Fixture::new().await;
        let (file, other) = (fixture.published_file().await, fixture.published_file().await);
        let (id, details) = (file.id.to_string(), file.details(&links()));
        let (url, thumb_url) = (details.url.unwrap(), details.thumb_url.unwrap());
        let original = json!({"fileId": id, "name": "a"});
        let thumbnail = json!({"name": format!("{id}.jpg")});
        for (path, query) in [
            (original.clone(), query(&thumb_url)),
            (thumbnail.clone(), query(&url)),
            (json!({"fileId": other.id, "name": "a"}), query(&url)),
            (json!({"name": format!("{id}.png")}), query(&thumb_url)),
            (json!({"name": id}), query(&thumb_url)),
            (json!({"fileId": "nonsense", "name": "a"}), query(&url)),
            (original.clone(), ""),
            (original.clone(), &query(&url).replace("expires=1", "expires=2")),
            (original, "expires=99999999999&signature=AAAA"),
        ] {
            let refused = problem(fixture.get(path.clone(), query).await);
            assert_eq!((&refused["status"], &refused["code"]), (&json!(403), &json!("invalid_file_url")), "{path}");
        }
    }

    #[tokio::test]
    async fn link_of_a_file_that_is_not_ready_answers_404() {
        let fixture = Fixture::new().await;
        let file = new_file(&fixture.deps.chat, "user-sarah", "a", "image/png", 1).await;
        let id = file.id.to_string();
        let url = file.attachment(&links()).url;
        let pending = problem(fixture.get(json!({"fileId": id, "name": "a"}), query(&url)).await);
        assert_eq!((&pending["status"], &pending["code"]), (&json!(404), &json!("file_not_found")));
        fixture
            .deps
            .chat
            .record_outcome(&FileId::parse(&id).unwrap(), &Outcome::Failed { reason: "The image is damaged.".into() })
            .await
            .unwrap();
        assert_eq!(problem(fixture.get(json!({"fileId": id, "name": "a"}), query(&url)).await), pending);
    }
    #[tokio::test]
    async fn link_of_a_deleted_messages_file_answers_404_at_once_unless_another_message_uses_it() {
        let fixture = Fixture::new().await;
        let (chat, file) = (&fixture.deps.chat, fixture.published_file().await);
        let thread = new_thread(chat, &["user-sarah"]).await;
        for _ in 0..2 {
            send_with_files(chat, "user-sarah", &thread, "", std::slice::from_ref(&file.id)).await;
        }
        let (id, details) = (file.id.to_string(), file.details(&links()));
        let requests = [
            (json!({"fileId": id, "name": "Käse.txt"}), details.url.unwrap()),
            (json!({"name": format!("{id}.jpg")}), details.thumb_url.unwrap()),
        ];
        change(chat, "user-sarah", &thread, 1, Change::Delete).await;
        for (path, url) in &requests {
            assert_eq!(fixture.get(path.clone(), query(url)).await.unwrap().status(), 302);
        }
        change(chat, "user-sarah", &thread, 2, Change::Delete).await;
        for erased in [false, true] {
            for (path, url) in &requests {
                let refused = problem(fixture.get(path.clone(), query(url)).await);
                assert_eq!((&refused["status"], &refused["code"]), (&json!(404), &json!("file_not_found")), "{path}");
            }
            assert!(erased || chat.erase_file(&FileId::parse(&id).unwrap()).await.unwrap());
        }
    }

    #[tokio::test]
    async fn thumbnail_of_a_picture_is_served_until_the_picture_is_replaced() {
        let fixture = Fixture::new().await;
        let (chat, file) = (&fixture.deps.chat, fixture.published_file().await);
        let (sarah, path) = (caller("user-sarah").profile(), json!({"name": format!("{}.jpg", file.id)}));
        let me = set_picture(chat, &sarah, Some(&file.id)).await.unwrap().unwrap();
        let url = me.avatar_url.unwrap();
        assert_eq!(fixture.get(path.clone(), query(&url)).await.unwrap().status(), 302);
        // The link to a picture does not open the original.
        let original = json!({"fileId": file.id, "name": "a"});
        assert_eq!(problem(fixture.get(original, query(&url)).await)["code"], "invalid_file_url");
        set_picture(chat, &sarah, None).await.unwrap().unwrap();
        assert_eq!(problem(fixture.get(path, query(&url)).await)["code"], "file_not_found");
    }
}
