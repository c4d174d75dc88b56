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

/// How long a client has for its upload.
pub const UPLOAD_WINDOW: Duration = Duration::from_mins(15);
/// How long a download's URL is good for. Browsers cache bytes under the URL that they came from in the end, so a short
/// window has them fetch again what they have.
pub const DOWNLOAD_WINDOW: Duration = Duration::from_hours(1);

/// Signs URLs of the bucket's objects. That asks nobody, so a function that does no more has no client of S3, which would
/// be a quarter of it.
#[derive(Debug, Clone)]
pub struct Presigner {
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    /// Of the bucket, with a slash behind it.
    url: String,
}

/// What a client needs for its upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUpload {
    /// Where the client puts the bytes, with the method PUT.
    pub url: String,
    /// The headers that it has to send: its `content-type`. (HTTP clients send `Content-Length` by themselves.)
    pub headers: BTreeMap<String, String>,
    /// When S3 stops taking it.
    pub expires_at: Timestamp,
}

impl Presigner {
    /// For the bucket called `bucket`.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: &str) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let url = match config.endpoint_url() {
            // A local cloud has no names for its buckets.
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            // https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
            None if region.starts_with("cn-") => format!("https://{bucket}.s3.{region}.amazonaws.com.cn/"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        Self { credentials: config.credentials_provider(), region, url }
    }

    /// The right to upload a file once or more often within [`UPLOAD_WINDOW`], of exactly this media type and size in
    /// bytes.
    pub async fn upload(&self, id: &FileId, mimetype: &str, size: u64) -> Result<PresignedUpload, Error> {
        // S3 takes 5 GB at most; what counts here is that no number is out of its range.
        let length = i64::try_from(size)?;
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("{}{}", self.url, keys::upload(id)))
            .header(CONTENT_TYPE, mimetype)
            .header(CONTENT_LENGTH, length)
            .body(())?;
        // A signature counts whole seconds.
        let now = Timestamp::now().seconds();
        Ok(PresignedUpload {
            url: self.sign(request, now, UPLOAD_WINDOW).await?,
            headers: BTreeMap::from([(CONTENT_TYPE.to_string(), mimetype.to_owned())]),
            expires_at: Timestamp::from_millis((now + UPLOAD_WINDOW.as_secs().cast_signed()) * 1_000),
        })
    }

    /// A URL that a published object can be downloaded from for [`DOWNLOAD_WINDOW`].
    pub async fn download(&self, key: &str) -> Result<String, Error> {
        let request = Request::builder().uri(format!("{}{key}", self.url)).body(())?;
        self.sign(request, Timestamp::now().seconds(), DOWNLOAD_WINDOW).await
    }

    /// The request's URL with its signature, by
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>. S3 signs paths as they are; keys
    /// here need no escapes.
    async fn sign(&self, mut request: Request<()>, now: i64, window: Duration) -> Result<String, Error> {
        let provider = self.credentials.as_ref().ok_or_else(|| Error::Refused("no credentials".into()))?;
        let identity = provider.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(window);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()))
            .settings(settings)
            .build()?
            .into();
        let (method, url) = (request.method().as_str(), request.uri().to_string());
        let mut headers = Vec::new();
        for (name, value) in request.headers() {
            headers.push((name.as_str(), value.to_str().map_err(|error| Error::Refused(error.to_string()))?));
        }
        let signable = SignableRequest::new(method, url, headers.into_iter(), SignableBody::UnsignedPayload)?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        signature.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}
