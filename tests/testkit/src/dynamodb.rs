use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use runtime::Aws;
use store::{Chat, Connections};
use uuid::Uuid;

/// Both tables, empty and the test's own, in a real engine: dynoxide in this process or, where `DYNAMODB_ENDPOINT`
/// names one, any other.
pub struct Tables {
    /// A client of the engine, to look behind the store's back.
    pub client: Client,
    /// The name of the table `Chat`.
    pub chat: String,
    /// The name of the table `Connections`.
    pub connections: String,
}

impl Tables {
    /// Starts an engine, unless one is named, and creates the tables.
    pub async fn create() -> Self {
        let endpoint = match std::env::var("DYNAMODB_ENDPOINT") {
            Ok(endpoint) => endpoint,
            Err(_) => start_engine().await,
        };
        let client = aws(endpoint).dynamodb();
        let run = Uuid::now_v7().simple();
        let tables = Self { client, chat: format!("Chat-{run}"), connections: format!("Connections-{run}") };
        create_table(&tables.client, &tables.chat).await;
        create_table(&tables.client, &tables.connections).await;
        tables
    }

    /// The table `Chat`, as a function that has just started sees it.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(self.client.clone(), self.chat.clone())
    }

    /// The table `Connections`.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections::new(self.client.clone(), self.connections.clone())
    }
}

/// The clients that a function would have, at `endpoint`.
pub(crate) fn aws(endpoint: String) -> Aws {
    let credentials = Credentials::from_keys("test", "test", None);
    Aws::new("us-east-1".into(), credentials, Some(endpoint)).expect("a valid configuration")
}

async fn start_engine() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let database = dynoxide::Database::memory().expect("a database in memory");
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

async fn create_table(client: &Client, name: &str) {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition =
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        request = request
            .attribute_definitions(definition.build().expect("a whole definition"))
            .key_schema(element.build().expect("a whole element"));
    }
    request.send().await.expect("a new table");
}
