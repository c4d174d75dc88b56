use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_types::SdkConfig;
use runtime::sdk_config_for;
use store::{Chat, Connections, PushKeys};
use uuid::Uuid;

use crate::proxy::{self, Fault, Intercepted};

/// The tables `Chat`, `Connections` and `PushKeys` of one test, initially empty. The `DynamoDB` engine behind them is dynoxide, an
/// emulator in the process of the test. If the environment variable `DYNAMODB_ENDPOINT` is set, the engine is the
/// server at that URL instead.
pub struct Tables {
    /// Client of the `DynamoDB` engine. Tests use it to read and write rows without the crate `store`.
    pub client: Client,
    config: SdkConfig,
    /// Name of the `Chat` table.
    pub chat: String,
    /// Name of the `Connections` table.
    pub connections: String,
    /// Name of the `PushKeys` table.
    pub push_keys: String,
}

impl Tables {
    /// Creates the tables with unique names. Starts dynoxide first unless `DYNAMODB_ENDPOINT` is set.
    pub async fn create() -> Self {
        let endpoint = match std::env::var("DYNAMODB_ENDPOINT") {
            Ok(endpoint) => endpoint,
            Err(_) => start_engine().await,
        };
        // `sdk_config` sets the timeouts of the functions, 1 s for an attempt. An engine on an overloaded machine may need
        // longer.
        let config = sdk_config(endpoint).into_builder().timeout_config(TimeoutConfig::disabled()).build();
        let client = Client::new(&config);
        let run = Uuid::now_v7().simple();
        let [chat, connections, push_keys] = ["Chat", "Connections", "PushKeys"].map(|table| format!("{table}-{run}"));
        for name in [&chat, &connections, &push_keys] {
            create_table(&client, name).await;
        }
        Self { client, config, chat, connections, push_keys }
    }

    /// Returns access to the same tables through a proxy that injects faults: it calls `fault` for each request to
    /// decide what happens to the request.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("the DynamoDB engine has no endpoint").to_owned();
        let config = sdk_config(proxy::start(engine, fault).await);
        let client = Client::new(&config);
        let Self { chat, connections, push_keys, .. } = self;
        Self { client, config, chat: chat.clone(), connections: connections.clone(), push_keys: push_keys.clone() }
    }

    /// Returns a [`Chat`] for the `Chat` table, with empty caches as in a new instance of a function.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(&self.config, self.chat.clone())
    }

    /// Returns a [`Connections`] for the `Connections` table.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections::new(&self.config, self.connections.clone())
    }

    /// Returns a [`PushKeys`] for the `PushKeys` table.
    #[must_use]
    pub fn push_keys(&self) -> PushKeys {
        PushKeys::new(&self.config, self.push_keys.clone())
    }
}

/// Returns the AWS configuration of a function, with `endpoint` as the URL of all AWS services.
pub(crate) fn sdk_config(endpoint: String) -> SdkConfig {
    let credentials = Credentials::from_keys("test", "test", None);
    sdk_config_for("us-east-1".into(), credentials, Some(endpoint)).expect("the AWS configuration is not valid")
}

async fn start_engine() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("cannot listen on a local port");
    let address = listener.local_addr().expect("the listener has no address");
    let database = dynoxide::Database::memory().expect("dynoxide cannot create a database in memory");
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
            .attribute_definitions(definition.build().expect("the attribute definition is incomplete"))
            .key_schema(element.build().expect("the key schema is incomplete"));
    }
    match request.send().await {
        Ok(_) => {}
        // If a slow DynamoDB engine creates the table but responds too late, the SDK sends the request again, which
        // fails with this error. The table's name is unique, so it is the table of this test.
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => panic!("cannot create the table {name}: {error:?}"),
    }
}
