//! Creates a thread, or finds the existing thread with exactly the same members.

use contract::{ApiError, CreateThread, ErrorCode, Problem};
use runtime::{Answer, Call, StatusCode, header, json};
use store::{Chat, CreatedThread, NewThread};

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores threads and user names.
    pub chat: Chat,
    /// Whether users who have never called may be members of a new thread.
    pub allow_unknown_members: bool,
    /// Maximum number of threads that a user may create per day (UTC).
    pub threads_per_day: u64,
}

/// Handles `POST /api/threads`. Answers 201 with a `Location` header for a new thread, and 200 for an existing one.
/// Fails with `unknown_member` if the thread does not exist and a member has never called.
pub async fn handle(deps: &Deps, call: Call) -> Result<Answer, ApiError> {
    let request = CreateThread::parse(call.body(), &call.caller.id)?;
    let members = request.members(&call.caller.id);
    let new = NewThread {
        creator: &call.caller.id,
        members: &members,
        title: request.title.as_deref(),
        allow_unknown: deps.allow_unknown_members,
        per_day: deps.threads_per_day,
    };
    let profile = call.caller.profile();
    let (created, ()) = futures::try_join!(deps.chat.create_thread(new), deps.chat.record_profile(&profile))?;
    match created {
        CreatedThread::New(thread) => {
            let location = format!("/api/threads/{}", thread.id);
            json(StatusCode::CREATED, &thread, &[(header::LOCATION, &location)])
        }
        CreatedThread::Existing(thread) => json(StatusCode::OK, &thread, &[]),
        CreatedThread::UnknownMembers(unknown) => Err(request.unknown_members(&unknown).into()),
        CreatedThread::QuotaExceeded(exceeded) => {
            let detail = format!("You may create {} threads per day. Try again tomorrow (UTC).", deps.threads_per_day);
            Err(Problem::retry_later(ErrorCode::QuotaExceeded, detail, exceeded.retry_after).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, make_known, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-create.json");

    fn deps(tables: &Tables) -> Deps {
        Deps { chat: tables.chat(), allow_unknown_members: false, threads_per_day: 3 }
    }

    async fn create(deps: &Deps, user: &str, request: &Value) -> Answer {
        let call = call(EVENT, &caller(user), |event| event["body"] = request.to_string().into());
        handle(deps, call).await.unwrap()
    }

    #[tokio::test]
    async fn new_member_set_answers_201_with_location_and_known_set_answers_200() {
        let tables = Tables::create().await;
        make_known(&tables.chat(), &["user-michael"]).await;
        let sample = handle(&deps(&tables), call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!(sample.status(), 201);
        let location = sample.headers()["location"].to_str().unwrap().to_owned();
        let created = body(&sample);
        assert_eq!(location, format!("/api/threads/{}", created["id"].as_str().unwrap()));
        assert_eq!(created["memberIds"], json!(["user-sarah", "user-michael"]));
        assert_eq!(created["title"], "Family Chat");
        assert_eq!(created["createdAt"], created["updatedAt"]);
        let id = contract::ThreadId::parse(created["id"].as_str().unwrap()).unwrap();
        let shown = tables.chat().thread(&id, &caller("user-sarah").id).await.unwrap().unwrap();
        assert_eq!(shown.member_names, ["Sarah", "user-michael"], "the caller's name comes from the token");

        let again = json!({"memberIds": ["user-sarah", "user-sarah"], "title": "Another"});
        let found = create(&deps(&tables), "user-michael", &again).await;
        assert_eq!(found.status(), 200);
        assert_eq!(body(&found), created);
    }

    #[tokio::test]
    async fn title_is_optional_and_caller_may_be_the_only_member() {
        let deps = deps(&Tables::create().await);
        let created = create(&deps, "user-dad", &json!({"memberIds": []})).await;
        assert_eq!(created.status(), 201);
        assert_eq!(body(&created)["title"], Value::Null);
        assert_eq!(body(&created)["memberIds"], json!(["user-dad"]));
    }

    #[tokio::test]
    async fn unknown_members_are_named_and_the_caller_is_recorded() {
        let tables = Tables::create().await;
        let deps = deps(&tables);
        let request = json!({"memberIds": ["user-x", "user-sarah", "user-michael", "user-x"]}).to_string();
        let create = async |user: &str| {
            handle(&deps, call(EVENT, &caller(user), |event| event["body"] = request.clone().into())).await
        };
        let fields = |refused: &Value| {
            assert_eq!((&refused["status"], &refused["code"]), (&json!(422), &json!("unknown_member")));
            let errors = refused["errors"].as_array().unwrap();
            errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(fields(&problem(create("user-sarah").await)), ["memberIds[0]", "memberIds[2]", "memberIds[3]"]);
        assert_eq!(fields(&problem(create("user-michael").await)), ["memberIds[0]", "memberIds[3]"]);
    }

    #[tokio::test]
    async fn deployment_may_allow_unknown_members() {
        let tables = Tables::create().await;
        let request = json!({"memberIds": ["user-x"]});
        let open = Deps { allow_unknown_members: true, ..deps(&tables) };
        assert_eq!(create(&open, "user-sarah", &request).await.status(), 201);
        assert_eq!(create(&deps(&tables), "user-sarah", &request).await.status(), 200, "a thread that exists is found");
    }

    #[tokio::test]
    async fn invalid_request_names_each_field_and_creates_no_rows() {
        let tables = Tables::create().await;
        let deps = deps(&tables);
        let invalid = call(EVENT, &caller("user-sarah"), |event| event["body"] = r#"{"memberIds":7,"title":7}"#.into());
        let refused = problem(handle(&deps, invalid).await);
        assert_eq!(refused["status"], 422);
        assert_eq!(refused["errors"].as_array().unwrap().len(), 2);
        let malformed = call(EVENT, &caller("user-sarah"), |event| event["body"] = "{".into());
        assert_eq!(problem(handle(&deps, malformed).await)["code"], "malformed_json");
        let rows = tables.client.query().table_name(&tables.chat).key_condition_expression("pk = :pk");
        let pk = aws_sdk_dynamodb::types::AttributeValue::S("USER#user-sarah".into());
        assert_eq!(rows.expression_attribute_values(":pk", pk).send().await.unwrap().count, 0);
    }

    #[tokio::test]
    async fn thread_over_the_quota_is_a_429_that_says_when_to_retry() {
        let tables = Tables::create().await;
        make_known(&tables.chat(), &["user-1", "user-2", "user-3", "user-4"]).await;
        let deps = deps(&tables);
        for other in ["user-1", "user-2", "user-3"] {
            assert_eq!(create(&deps, "user-sarah", &json!({"memberIds": [other]})).await.status(), 201);
        }
        let fourth = json!({"memberIds": ["user-4"]});
        let call = |user| call(EVENT, &caller(user), |event| event["body"] = fourth.to_string().into());
        let Err(ApiError::Problem(refused)) = handle(&deps, call("user-sarah")).await else { panic!("not refused") };
        assert_eq!((refused.code, refused.code.status()), (ErrorCode::QuotaExceeded, 429));
        let retry_after = refused.retry_after.unwrap();
        assert!((1..=86_400).contains(&retry_after), "{retry_after}");
        let found = create(&deps, "user-sarah", &json!({"memberIds": ["user-1"]})).await;
        assert_eq!(found.status(), 200, "finding a thread is free");
        assert_eq!(handle(&deps, call("user-dad")).await.unwrap().status(), 201, "another user's quota");
    }

    #[tokio::test]
    async fn base64_body_is_decoded() {
        let tables = Tables::create().await;
        make_known(&tables.chat(), &["user-dad"]).await;
        let deps = deps(&tables);
        let call = call(EVENT, &caller("user-sarah"), |event| {
            event["body"] = "eyJtZW1iZXJJZHMiOlsidXNlci1kYWQiXX0=".into();
            event["isBase64Encoded"] = true.into();
        });
        let created = handle(&deps, call).await.unwrap();
        assert_eq!(body(&created)["memberIds"], json!(["user-dad", "user-sarah"]));
    }
}
