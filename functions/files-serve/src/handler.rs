//! Redirects a link to a file or thumbnail to a signed S3 URL.

use contract::{ApiError, ErrorCode, FileId, Problem};
use files::{DOWNLOAD_WINDOW, Presigner};
use runtime::{Answer, Call, redirect};
use store::{Chat, Links, Published};

/// How long a browser may cache the redirect, in seconds. The S3 URL in the redirect is valid for longer, so that a
/// cached redirect never leads to an expired URL.
const MAX_AGE: u64 = 50 * 60;
const _: () = assert!(MAX_AGE < DOWNLOAD_WINDOW.as_secs());

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
pub async fn handle(deps: &Deps, call: Call<()>) -> Result<Answer, ApiError> {
    let (published, id) = requested_object(&call).ok_or_else(invalid_link)?;
    let [expires, signature] = ["expires", "signature"].map(|name| call.query(name).unwrap_or_default());
    if !deps.links.allow(published, &id, &expires, &signature) {
        return Err(invalid_link().into());
    }
    let file = deps.chat.file(&id).await?.ok_or_else(Problem::file_not_found)?;
    let key = file.published(published).ok_or_else(Problem::file_not_found)?;
    redirect(&deps.presigner.download(key).await?, MAX_AGE)
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
    use store::{FileRow, Outcome};
    use testkit::{Storage, Tables, links, new_file, problem, public_call};

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
            self.deps.chat.record_outcome(&file.id, &Outcome::Ready { original, thumbnail }).await.unwrap()
        }

        async fn get(&self, path: Value, query: &str) -> Result<Answer, ApiError> {
            let call = public_call(EVENT, |event| {
                event["pathParameters"] = path;
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                event["queryStringParameters"] =
                    pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
            });
            handle(&self.deps, call).await
        }
    }

    /// Returns the query string of a link.
    fn query(url: &str) -> &str {
        url.split_once('?').unwrap().1
    }

    #[tokio::test]
    async fn link_redirects_to_the_bytes_for_longer_than_the_redirect_is_cached() {
        let fixture = Fixture::new().await;
        let file = fixture.published_file().await;
        let (id, details) = (file.id.to_string(), file.details(&links()));
        for (path, url, bytes) in [
            (json!({"fileId": id, "name": "Käse.txt"}), details.url.unwrap(), "bytes"),
            (json!({"name": format!("{id}.jpg")}), details.thumb_url.unwrap(), "jpeg"),
        ] {
            let answer = fixture.get(path, query(&url)).await.unwrap();
            assert_eq!(answer.status(), 302);
            assert_eq!(answer.headers()["cache-control"], "private, max-age=3000");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            let location = answer.headers()["location"].to_str().unwrap();
            assert!(location.contains("X-Amz-Expires=3600"), "{location}");
            assert_eq!(Storage::get(location).await.into_body(), bytes);
        }
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
}
