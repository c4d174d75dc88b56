//! Signs requests with AWS Signature Version 4:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::env;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use ring::{digest, hmac};
use time::OffsetDateTime;
use time::macros::format_description;

pub(crate) struct Signer {
    key_id: String,
    secret: String,
    region: String,
}

impl Signer {
    pub(crate) fn new() -> Result<Self> {
        let setting = |name: &'static str| env::var(name).with_context(|| format!("{name} is not set"));
        let (key_id, secret) = (setting("AWS_ACCESS_KEY_ID")?, setting("AWS_SECRET_ACCESS_KEY")?);
        Ok(Self { key_id, secret, region: setting("AWS_REGION")? })
    }

    /// Returns the headers of a signed `DynamoDB` call, each as a line with CRLF.
    pub(crate) fn headers(&self, operation: &str, host: &str, body: &[u8]) -> Result<String> {
        let now = OffsetDateTime::now_utc()
            .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
            .context("cannot format the time")?;
        let (date, region) = (&now[..8], &self.region);
        let target = format!("DynamoDB_20120810.{operation}");
        let signed = "content-type;host;x-amz-date;x-amz-target";
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:{host}\nx-amz-date:{now}\nx-amz-target:{target}\n\n{signed}\n{}",
            hex(digest::digest(&digest::SHA256, body).as_ref())
        );
        let scope = format!("{date}/{region}/dynamodb/aws4_request");
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [date, region, "dynamodb", "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{hash}").as_bytes()));
        let key_id = &self.key_id;
        Ok(format!(
            "content-type: application/x-amz-json-1.0\r\nx-amz-date: {now}\r\nx-amz-target: {target}\r\nauthorization: \
             AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}\r\n"
        ))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
