//! Creates a thread, or finds the one of exactly these members.

use contract::{ApiError, CreateThread};
use runtime::{Answer, Call, StatusCode, header, json};
use store::{Chat, CreatedThread};

/// Answers 201 with `Location` where the thread is new, 200 where there was one.
pub async fn handle(chat: &Chat, call: Call) -> Result<Answer, ApiError> {
    let request = CreateThread::parse(call.body(), &call.caller.id)?;
    let profile = call.caller.profile();
    let (created, ()) = futures::try_join!(chat.create_thread(&request), chat.record_profile(&profile))?;
    match created {
        CreatedThread::New(thread) => {
            let location = format!("/api/threads/{}", thread.id);
            json(StatusCode::CREATED, &thread, &[(header::LOCATION, &location)])
        }
        CreatedThread::Existing(thread) => json(StatusCode::OK, &thread, &[]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::{Tables, body, call, caller, problem};

    use super::*;

    const EVENT: &str = include_str!("../../../events/threads-create.json");

    async fn create(chat: &Chat, user: &str, request: &Value) -> Answer {
        let call = call(EVENT, &caller(user), |event| event["body"] = request.to_string().into());
        handle(chat, call).await.unwrap()
    }

    #[tokio::test]
    async fn a_new_thread_is_201_with_its_location_and_the_same_set_again_200() {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let sample = handle(&chat, call(EVENT, &caller("user-sarah"), |_| {})).await.unwrap();
        assert_eq!(sample.status(), 201);
        let location = sample.headers()["location"].to_str().unwrap().to_owned();
        let created = body(&sample);
        assert_eq!(location, format!("/api/threads/{}", created["id"].as_str().unwrap()));
        assert_eq!(created["memberIds"], json!(["user-sarah", "user-michael"]));
        assert_eq!(created["title"], "Family Chat");
        assert_eq!(created["createdAt"], created["updatedAt"]);
        let id = contract::ThreadId::parse(created["id"].as_str().unwrap()).unwrap();
        let shown = tables.chat().thread(&id, &caller("user-sarah").id).await.unwrap().unwrap();
        assert_eq!(shown.member_names, ["Sarah", "user-michael"]);

        let again = json!({"memberIds": ["user-sarah", "user-sarah"], "title": "Another"});
        let found = create(&tables.chat(), "user-michael", &again).await;
        assert_eq!(found.status(), 200);
        assert_eq!(body(&found), created);
    }

    #[tokio::test]
    async fn the_title_may_be_left_out_and_a_user_may_be_alone() {
        let chat = Tables::create().await.chat();
        let alone = create(&chat, "user-dad", &json!({"memberIds": []})).await;
        assert_eq!(alone.status(), 201);
        assert_eq!(body(&alone)["title"], Value::Null);
        assert_eq!(body(&alone)["memberIds"], json!(["user-dad"]));
    }

    #[tokio::test]
    async fn a_bad_request_names_its_fields_and_creates_nothing() {
        let tables = Tables::create().await;
        let bad = call(EVENT, &caller("user-sarah"), |event| event["body"] = r#"{"memberIds":7,"title":7}"#.into());
        let problem = problem(handle(&tables.chat(), bad).await);
        assert_eq!(problem["status"], 422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
        let malformed = call(EVENT, &caller("user-sarah"), |event| event["body"] = "{".into());
        assert_eq!(testkit::problem(handle(&tables.chat(), malformed).await)["code"], "malformed_json");
        let rows = tables.client.query().table_name(&tables.chat).key_condition_expression("pk = :pk");
        let pk = aws_sdk_dynamodb::types::AttributeValue::S("USER#user-sarah".into());
        assert_eq!(rows.expression_attribute_values(":pk", pk).send().await.unwrap().count, 0);
    }

    #[tokio::test]
    async fn a_body_in_base64_is_the_same_body() {
        let chat = Tables::create().await.chat();
        let call = call(EVENT, &caller("user-sarah"), |event| {
            event["body"] = "eyJtZW1iZXJJZHMiOlsidXNlci1kYWQiXX0=".into();
            event["isBase64Encoded"] = true.into();
        });
        let created = handle(&chat, call).await.unwrap();
        assert_eq!(body(&created)["memberIds"], json!(["user-dad", "user-sarah"]));
    }
}
