//! Tests of the caller's own profile: `GET /api/me` and `PATCH /api/me`.

use e2e::{User, assert_person, items};
use serde_json::{Value, json};

async fn share_receipts(user: &User, receipts: bool) {
    let me = user.patch("/api/me", &json!({ "receipts": receipts })).await.ok(200);
    assert_eq!(me, json!({ "id": user.id, "name": user.name, "receipts": receipts }));
}

/// Returns whether the read marks that `viewer` sees contain that of `member`.
async fn sees_mark(viewer: &User, thread: &str, member: &User) -> bool {
    items(&viewer.thread(thread).await["reads"]).iter().any(|read| read["userId"] == *member.id)
}

#[tokio::test]
async fn profile_has_the_id_and_name_of_the_token() {
    for user in [User::sarah().await, User::michael().await] {
        let me = user.get("/api/me", &[("id", "user_other")]).await.ok(200);
        assert_person(&me, &["receipts"]);
        assert_eq!((&me["id"], &me["name"]), (&json!(user.id), &json!(user.name)));
    }
}

// make verify: never, because the test creates users as the local cloud's administrator
#[tokio::test]
async fn member_without_receipts_hides_the_read_mark_from_everybody_but_the_own_devices() {
    let (sarah, shy) = (User::sarah().await, User::newcomer().await);
    let _ = shy.get("/api/me", &[]).await.ok(200);
    let thread = sarah.new_thread(&[&shy]).await;
    sarah.send_many(&thread, 2).await;
    assert_eq!(shy.mark_read(&thread, 1).await, 1);
    assert!(sees_mark(&sarah, &thread, &shy).await, "receipts are shared by default");
    for receipts in [false, false, true] {
        share_receipts(&shy, receipts).await;
        assert_eq!(shy.get("/api/me", &[]).await.ok(200)["receipts"], receipts);
        assert_eq!(sees_mark(&sarah, &thread, &shy).await, receipts);
        assert_eq!(sees_mark(&shy, &thread, &shy).await, receipts);
        assert!(sees_mark(&sarah, &thread, &sarah).await, "another member's mark is hidden");
        assert_eq!(shy.thread(&thread).await["readSeq"], 1, "the own mark is always shown as readSeq");
    }
}

// make verify: never, because the test creates a user as the local cloud's administrator
#[tokio::test]
async fn missing_null_and_invalid_preferences_change_nothing() {
    let user = User::newcomer().await;
    share_receipts(&user, false).await;
    let unchanged = json!({ "id": user.id, "name": user.name, "receipts": false });
    for request in [json!({}), json!({ "receipts": null }), json!({ "name": "Mum", "id": "user_other" })] {
        assert_eq!(user.patch("/api/me", &request).await.ok(200), unchanged, "{request}");
    }
    for receipts in [json!("true"), json!(1), json!([true]), json!({})] {
        let reply = user.patch("/api/me", &json!({ "receipts": receipts })).await;
        reply.assert_problem_fields(422, "invalid_request", &["receipts"]);
    }
    for body in [json!([]), Value::Null, json!("receipts")] {
        user.patch("/api/me", &body).await.assert_problem(422, "invalid_request");
    }
    assert_eq!(user.get("/api/me", &[]).await.ok(200), unchanged);
}
