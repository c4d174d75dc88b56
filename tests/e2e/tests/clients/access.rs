//! Checks every cell of the access matrix, `docs/access.md`: does what the row says with the credentials or the socket
//! of the column, and compares the result with the cell.

mod events;
mod handshakes;
mod routes;

pub(crate) use routes::Request;

use e2e::{Route, Signer, User, jpeg, known_user_id, text};
use serde_json::{Value, json};
use testkit::issuer::{Issuer, RSA_KID, Signer as Key};
use time::OffsetDateTime;
use uuid::Uuid;

/// The users and resources in the matrix: a thread of the owner and the member, its messages, three files of the owner,
/// and a device of the owner that receives notifications.
struct Fixture {
    owner: User,
    member: User,
    stranger: User,
    /// Issues tokens for the owner that the stack does not accept.
    issuer: Issuer,
    thread: String,
    members: Vec<String>,
    /// A unique text in the thread's title, in its messages, and in the names of the files.
    secret: String,
    /// Name of the files.
    file_name: String,
    /// The answer of `GET /api/files/{fileId}/status` for an image that is an attachment of message 1.
    sent: Value,
    /// ID of a pending file that no message uses.
    unsent: String,
    /// ID of the owner's device.
    device: String,
    /// The push subscription of a browser that users register.
    browser: Value,
    /// The answer of `GET /api/files/{fileId}/status` for an image that no message uses.
    /// [`choose_picture`](Fixture::choose_picture) makes this image the owner's picture.
    picture: Value,
}

/// Number of the message that the matrix edits.
const EDITED: u64 = 2;
/// Number of the message that the matrix deletes.
const DELETED: u64 = 3;

impl Fixture {
    async fn new() -> Self {
        let (owner, member, stranger) = (User::sarah().await, User::michael().await, User::dad().await);
        let secret = known_user_id().await;
        let members = vec![owner.id.clone(), member.id.clone(), known_user_id().await];
        let request = json!({ "memberIds": members, "title": format!("About {secret}") });
        let thread = text(&owner.post("/api/threads", &request).await.ok(201)["id"]).to_owned();
        let file_name = format!("{secret}.jpg");
        let sent = owner.upload_ready(&file_name, "image/jpeg", &jpeg(16, 16)).await;
        let unsent = owner.create_file(&file_name, "image/jpeg", 1).await.id;
        let picture = owner.upload_ready(&file_name, "image/jpeg", &jpeg(16, 16)).await;
        // Message 1 is edited once, so that the list of changes contains it.
        owner.send_files(&thread, "a draft", &[text(&sent["id"])]).await;
        let message = format!("/api/threads/{thread}/messages/1");
        let _ = owner.patch(&message, &json!({ "body": secret })).await.ok(200);
        for _ in [EDITED, DELETED] {
            owner.send(&thread, &secret).await;
        }
        let device = text(&owner.register(&browser()).await.ok(200)["id"]).to_owned();
        let (issuer, browser) = (Issuer::start().await, browser());
        Self {
            owner,
            member,
            stranger,
            issuer,
            thread,
            members,
            secret,
            file_name,
            sent,
            unsent,
            device,
            browser,
            picture,
        }
    }

    /// Removes the devices that the matrix registers, so that no user ever has more devices than allowed.
    async fn remove_devices(&self) {
        let registered = text(&self.owner.register(&self.browser).await.ok(200)["id"]).to_owned();
        for device in [&registered, &self.device] {
            let reply = self.owner.unregister(device).await;
            assert!([204, 404].contains(&reply.status), "{reply}");
        }
    }

    /// Makes the fixture's image `picture` the owner's profile picture. Only one test may call this, because the owner
    /// is the same user in all fixtures and has only one picture.
    async fn choose_picture(&self) {
        let me = self.owner.patch("/api/me", &json!({ "avatarFileId": self.picture["id"] })).await.ok(200);
        assert_eq!(me["avatarUrl"], self.picture["thumbUrl"]);
    }

    /// Returns the user with this name in the matrix.
    fn user(&self, name: &str) -> &User {
        match name.split(',').next().unwrap_or_default() {
            "owner" => &self.owner,
            "member" => &self.member,
            "stranger" => &self.stranger,
            name => panic!("docs/access.md: {name:?} is neither owner nor member nor stranger"),
        }
    }

    /// Returns tokens with the owner's claims that another issuer signed: one names that issuer, the other this stack's.
    fn foreign_tokens(&self) -> [String; 2] {
        let claims = e2e::claims(&self.owner.token);
        let mut own = claims.clone();
        own["iss"] = self.issuer.url().into();
        let header = e2e::header(&self.owner.token);
        let other = json!({ "typ": "JWT", "alg": "RS256", "kid": RSA_KID });
        [self.issuer.mint(&other, &own, &Key::Rsa), self.issuer.mint(&header, &claims, &Key::Rsa)]
    }

    /// Returns the owner's token, but expired. Checks first that the same token is accepted as long as it is valid, so
    /// that it is refused for no other reason.
    async fn expired_token(&self) -> String {
        let signer = Signer::new();
        let mut valid = User::sarah().await;
        valid.token = signer.token_until(&self.owner.token, now() + 600);
        let _ = valid.get("/api/threads", &[]).await.ok(200);
        signer.token_until(&self.owner.token, now() - 60)
    }
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Fails with all `errors`, one per line.
#[track_caller]
fn assert_no_errors(errors: &[String]) {
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
}

/// Returns a valid request to a route, without texts and IDs of a fixture. The query or body of a new route must be
/// added to `routes::request`.
pub(crate) fn valid_request(route: &Route) -> Request {
    routes::request(route, &json!([]), "hello", &browser())
}

/// Returns a new push subscription that nobody has registered. Its endpoint is invented, so no browser receives the
/// notifications that are sent to it.
pub(crate) fn browser() -> Value {
    json!({
        "endpoint": format!("https://fcm.googleapis.com/fcm/send/hearth-test-{}", Uuid::now_v7().simple()),
        "expirationTime": null,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    })
}
