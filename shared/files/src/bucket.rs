use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};
use contract::FileId;

use crate::{Error, keys};

/// A key never changes what it holds. Private: what a file's members see is no shared cache's business.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// The bucket. Made once for the life of a function.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// What is where a client was to put its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// Nothing.
    Missing,
    /// Something of another size than announced.
    OtherSize,
    /// The file.
    Bytes(Bytes),
}

impl Bucket {
    /// The bucket called `name`.
    #[must_use]
    pub fn new(config: &SdkConfig, name: String) -> Self {
        // Made for the largest file. Reading an object's bytes is outside of these; the SDK gives up where none come
        // for 5 seconds.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(40));
        let config = Builder::from(config)
            .timeout_config(timeouts.build())
            // A local cloud has no names for its buckets.
            .force_path_style(config.endpoint_url().is_some())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self { client: Client::from_conf(config.build()), name }
    }

    /// Opens the connection that the first request will use; for a function's start, which has a whole CPU. Needs
    /// `s3:ListBucket`.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.head_bucket().bucket(&self.name).send().await?;
        Ok(())
    }

    /// What was uploaded, if it has the announced `size` in bytes; no more than that is held in memory, whatever is
    /// there. Without `s3:ListBucket`, S3 refuses what is missing.
    pub async fn read_upload(&self, id: &FileId, size: u64) -> Result<Uploaded, Error> {
        let mut object = match self.client.get_object().bucket(&self.name).key(keys::upload(id)).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(Uploaded::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        let size = usize::try_from(size)?;
        if object.content_length.is_none_or(|length| usize::try_from(length) != Ok(size)) {
            return Ok(Uploaded::OtherSize);
        }
        let mut bytes = BytesMut::with_capacity(size);
        while let Some(chunk) = object.body.try_next().await? {
            if chunk.len() > size - bytes.len() {
                return Ok(Uploaded::OtherSize);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(if bytes.len() == size { Uploaded::Bytes(bytes.freeze()) } else { Uploaded::OtherSize })
    }

    /// Puts a file where it can be downloaded, with these headers, and returns its key. Repeating changes nothing.
    pub async fn publish(
        &self,
        id: &FileId,
        bytes: &Bytes,
        media_type: &str,
        content_disposition: &str,
    ) -> Result<String, Error> {
        self.put(keys::file(id, bytes), bytes, media_type, content_disposition).await
    }

    /// The same for its thumbnail.
    pub async fn publish_thumbnail(&self, id: &FileId, jpeg: &Bytes) -> Result<String, Error> {
        self.put(keys::thumbnail(id, jpeg), jpeg, "image/jpeg", "inline").await
    }

    async fn put(&self, key: String, bytes: &Bytes, media_type: &str, disposition: &str) -> Result<String, Error> {
        let put = self.client.put_object().bucket(&self.name).key(&key).body(ByteStream::from(bytes.clone()));
        let put = put.content_type(media_type).content_disposition(disposition).cache_control(CACHE_CONTROL);
        put.send().await?;
        Ok(key)
    }

    /// Deletes a published object, if it is there.
    pub async fn unpublish(&self, key: &str) -> Result<(), Error> {
        self.client.delete_object().bucket(&self.name).key(key).send().await?;
        Ok(())
    }
}
