use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_types::SdkConfig;
use runtime::sdk_config_for;
use store::{Chat, Connections};
use uuid::Uuid;

use crate::proxy::{self, Fault, Intercepted};

/// Both tables, empty and the test's own, in a real engine: dynoxide in this process or, where `DYNAMODB_ENDPOINT`
/// names one, any other.
pub struct Tables {
    /// A client of the engine, to look behind the store's back.
    pub client: Client,
    config: SdkConfig,
    /// The name of the table `Chat`.
    pub chat: String,
    /// The name of the table `Connections`.
    pub connections: String,
}

impl Tables {
    /// Starts an engine, unless one is named, and creates the tables.
    pub async fn create() -> Self {
        let config = match std::env::var("DYNAMODB_ENDPOINT") {
            // Such an engine, asked for much at once, may take longer than the second that a function waits.
            Ok(endpoint) => sdk_config(endpoint).into_builder().timeout_config(TimeoutConfig::disabled()).build(),
            Err(_) => sdk_config(start_engine().await),
        };
        let client = Client::new(&config);
        let run = Uuid::now_v7().simple();
        let tables = Self { client, config, chat: format!("Chat-{run}"), connections: format!("Connections-{run}") };
        create_table(&tables.client, &tables.chat).await;
        create_table(&tables.client, &tables.connections).await;
        tables
    }

    /// The same tables, with `fault` deciding over each request on its way to the engine.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("an endpoint").to_owned();
        let config = sdk_config(proxy::start(engine, fault).await);
        let client = Client::new(&config);
        Self { client, config, chat: self.chat.clone(), connections: self.connections.clone() }
    }

    /// The table `Chat`, as a function that has just started sees it.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(&self.config, self.chat.clone())
    }

    /// The table `Connections`.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections::new(&self.config, self.connections.clone())
    }
}

/// The configuration that a function would have, at `endpoint`.
pub(crate) fn sdk_config(endpoint: String) -> SdkConfig {
    let credentials = Credentials::from_keys("test", "test", None);
    sdk_config_for("us-east-1".into(), credentials, Some(endpoint)).expect("a valid configuration")
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
    match request.send().await {
        Ok(_) => {}
        // An engine that is slow to start has done what the SDK then tried again: nobody else has this name.
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => panic!("no new table: {error:?}"),
    }
}
