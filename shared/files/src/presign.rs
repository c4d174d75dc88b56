use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_types::SdkConfig;
use contract::{FileId, Timestamp};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request};

use crate::{Error, keys};

/// How long an upload URL is valid.
pub const UPLOAD_WINDOW: Duration = Duration::from_mins(15);
/// The longest time for which a download URL is valid. It is short, because a URL also stops working when the temporary
/// credentials that signed it expire:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>
pub const DOWNLOAD_WINDOW: Duration = Duration::from_mins(15);

/// Signs URLs of the bucket's objects. Signing needs no call to S3. So a function that only signs URLs does not link
/// the S3 client, which would be a quarter of its binary.
#[derive(Debug, Clone)]
pub struct Presigner {
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    /// URL of the bucket, with a trailing slash. Object keys are appended to it.
    url: String,
}

/// What a client needs to upload a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUpload {
    /// The URL for the client's PUT request.
    pub url: String,
    /// The headers that the client must send: only `content-type`. HTTP clients add `Content-Length` themselves; it is
    /// signed too.
    pub headers: BTreeMap<String, String>,
    /// When the URL expires.
    pub expires_at: Timestamp,
}

impl Presigner {
    /// Creates a presigner for the bucket named `bucket`.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: &str) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let url = match config.endpoint_url() {
            // Only a local cloud has an explicit endpoint. It has no host name per bucket, so the bucket's name goes
            // into the path.
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            // Regions in China have a domain of their own:
            // https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
            None if region.starts_with("cn-") => format!("https://{bucket}.s3.{region}.amazonaws.com.cn/"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        Self { credentials: config.credentials_provider(), region, url }
    }

    /// Signs a URL for uploading a file with exactly the given media type and size in bytes. The client may use it
    /// several times within [`UPLOAD_WINDOW`].
    pub async fn upload(&self, id: &FileId, mimetype: &str, size: u64) -> Result<PresignedUpload, Error> {
        // This refuses only sizes above the maximum of an `i64`. S3 itself refuses uploads of more than 5 GB.
        let length = i64::try_from(size).map_err(Error::refused)?;
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("{}{}", self.url, keys::upload(id)))
            .header(CONTENT_TYPE, mimetype)
            .header(CONTENT_LENGTH, length)
            .body(())
            .map_err(Error::refused)?;
        // Signature timestamps are whole seconds, so the expiry is computed from whole seconds too.
        let now = Timestamp::now().seconds();
        Ok(PresignedUpload {
            url: self.sign(request, now, UPLOAD_WINDOW).await?,
            headers: BTreeMap::from([(CONTENT_TYPE.to_string(), mimetype.to_owned())]),
            expires_at: Timestamp::from_millis((now + UPLOAD_WINDOW.as_secs().cast_signed()) * 1_000),
        })
    }

    /// Signs a URL for downloading a published object from `now` on, for `lifetime` in whole seconds. S3 requires at
    /// least one second. S3 checks the time when a download starts, and lets a download that has started finish.
    pub async fn download(&self, key: &str, now: Timestamp, lifetime: Duration) -> Result<String, Error> {
        let request = Request::builder().uri(format!("{}{key}", self.url)).body(()).map_err(Error::refused)?;
        self.sign(request, now.seconds(), lifetime).await
    }

    /// Returns the request's URL with a signature in its query:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    async fn sign(&self, mut request: Request<()>, now: i64, window: Duration) -> Result<String, Error> {
        let provider = self.credentials.as_ref().ok_or_else(|| Error::refused("there are no AWS credentials"))?;
        let identity = provider.provide_credentials().await.map_err(Error::refused)?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(window);
        // S3 expects the path to be signed unchanged. The keys in this bucket contain no characters that need
        // percent-encoding.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()))
            .settings(settings)
            .build()
            .map_err(Error::refused)?
            .into();
        let (method, url) = (request.method().as_str(), request.uri().to_string());
        let mut headers = Vec::new();
        for (name, value) in request.headers() {
            headers.push((name.as_str(), value.to_str().map_err(Error::refused)?));
        }
        let body = SignableBody::UnsignedPayload;
        let signable = SignableRequest::new(method, url, headers.into_iter(), body).map_err(Error::refused)?;
        let (signature, _) = sign(signable, &params).map_err(Error::refused)?.into_parts();
        signature.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}
