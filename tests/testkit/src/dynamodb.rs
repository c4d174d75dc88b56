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

/// Two empty tables for one test. They are in dynoxide in this process, or in the engine at the URL in
/// `DYNAMODB_ENDPOINT` if that is set.
pub struct Tables {
    /// A client of the engine, to read and write rows without the store.
    pub client: Client,
    config: SdkConfig,
    /// The name of the table `Chat`.
    pub chat: String,
    /// The name of the table `Connections`.
    pub connections: String,
}

impl Tables {
    /// Starts an engine, unless `DYNAMODB_ENDPOINT` is set, and creates the tables with unique names.
    pub async fn create() -> Self {
        let config = match std::env::var("DYNAMODB_ENDPOINT") {
            // An overloaded external engine may need more than the second after which a function's client gives up.
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

    /// Returns access to the same tables with injected faults: `fault` is called for each request and decides what happens
    /// to it.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("the engine has an endpoint").to_owned();
        let config = sdk_config(proxy::start(engine, fault).await);
        let client = Client::new(&config);
        Self { client, config, chat: self.chat.clone(), connections: self.connections.clone() }
    }

    /// Returns the store's `Chat` with empty caches, as in a new instance of a function.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(&self.config, self.chat.clone())
    }

    /// Returns the store's `Connections`.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections::new(&self.config, self.connections.clone())
    }
}

/// Returns the AWS configuration of a function, with this endpoint for all services.
pub(crate) fn sdk_config(endpoint: String) -> SdkConfig {
    let credentials = Credentials::from_keys("test", "test", None);
    sdk_config_for("us-east-1".into(), credentials, Some(endpoint)).expect("the configuration is valid")
}

async fn start_engine() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a bound socket has an address");
    let database = dynoxide::Database::memory().expect("dynoxide can create a database in memory");
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
            .attribute_definitions(definition.build().expect("the attribute definition is complete"))
            .key_schema(element.build().expect("the key schema is complete"));
    }
    match request.send().await {
        Ok(_) => {}
        // A slow engine may create the table and answer only the SDK's retry. The name is unique, so the table is ours.
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => panic!("cannot create the table {name}: {error:?}"),
    }
}
