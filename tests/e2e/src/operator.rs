use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::stack::Stack;

/// Who runs the stack: reaches behind the API, to let time pass.
pub struct Operator {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Operator {
    /// The operator of the local cloud, with its root credentials.
    #[must_use]
    pub fn new() -> Self {
        let endpoint = Stack::get().endpoint_url.as_str();
        let http = Builder::new().build_http();
        let credentials = Credentials::new("test", "test", None, None, "the local cloud");
        let region = Region::from_static("us-east-1");
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .http_client(http.clone())
            .endpoint_url(endpoint)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .http_client(http)
            .endpoint_url(endpoint)
            .build();
        Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb), sqs: aws_sdk_sqs::Client::from_conf(sqs) }
    }

    /// Makes a file an hour older than it is.
    pub async fn let_an_hour_pass(&self, file: &str) {
        let table = Stack::get().chat_table.as_str();
        let key = [("pk", format!("FILE#{file}")), ("sk", "META".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let row = self.dynamodb.get_item().table_name(table).set_key(Some(key.clone().into())).send().await;
        let row = row.unwrap_or_else(|error| panic!("{table} cannot be read: {error:?}")).item;
        let row = row.unwrap_or_else(|| panic!("{file} has no row"));
        let created = row.get("createdAt").and_then(|value| value.as_s().ok());
        let created = created.unwrap_or_else(|| panic!("{file} has no createdAt: {row:?}"));
        let earlier = an_hour_before(created);
        let moved = self.dynamodb.update_item().table_name(table).set_key(Some(key.into()));
        let moved = moved
            .update_expression("SET createdAt = :earlier")
            .condition_expression("createdAt = :created")
            .expression_attribute_values(":earlier", AttributeValue::S(earlier))
            .expression_attribute_values(":created", AttributeValue::S(created.clone()));
        moved.send().await.unwrap_or_else(|error| panic!("{table} cannot be written: {error:?}"));
    }

    /// Sends the reminder to look after a file, which otherwise comes when its upload window has ended.
    pub async fn remind(&self, file: &str) {
        let queue = Stack::get().reminders_url.as_str();
        let message = self.sqs.send_message().queue_url(queue).message_body(json!({ "fileId": file }).to_string());
        message.send().await.unwrap_or_else(|error| panic!("{queue} takes no message: {error:?}"));
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

fn an_hour_before(timestamp: &str) -> String {
    let time = OffsetDateTime::parse(timestamp, &Rfc3339).unwrap_or_else(|error| panic!("{timestamp}: {error}"));
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    (time - Duration::HOUR).format(&format).unwrap_or_else(|error| panic!("{timestamp}: {error}"))
}
