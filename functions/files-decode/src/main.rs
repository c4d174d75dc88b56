//! Lambda entry point for the requests of files-process.

use std::convert::Infallible;

use files::{Bucket, DecodeRequest};
use files_decode::{Deps, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Error, init_telemetry, required, required_flag, sdk_config, warm_up};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_telemetry();
    let deps = &Deps {
        bucket: Bucket::new(&sdk_config()?, required("BUCKET")?),
        keep_metadata: required_flag("KEEP_METADATA")?,
    };
    warm_up(deps.bucket.warm_up()).await;
    let serve =
        |event: LambdaEvent<DecodeRequest>| async move { Ok::<_, Infallible>(handle(deps, &event.payload).await) };
    lambda_runtime::run(service_fn(serve)).await
}
