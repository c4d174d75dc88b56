//! Sends requests to push services.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use contract::Timestamp;
use futures::future::BoxFuture;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tower_service::Service;

use crate::{Endpoint, Error, PushHosts, SubscriptionKeys, VapidKey};

/// Time limit of a request, including the time to open the connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of bytes that are read of an answer.
const MAX_ANSWER: usize = 16 * 1024;

/// Seconds for which a push service keeps a push message for a device that is not reachable.
const TTL: u32 = 24 * 60 * 60;

/// Result of sending a push message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The push service has accepted the message.
    Accepted,
    /// The subscription does not exist any more. It must not be used again.
    Gone,
    /// The push service failed, or refused the request because it had too many requests (429). The same request may
    /// succeed later. Contains the time after which to retry, if the push service has named one.
    Later(Option<Duration>),
    /// The push service has not answered within 5 seconds, or there is no connection to it.
    Unreachable,
    /// The push service has refused the message. The same request will fail again. Contains the reason, for a log.
    Refused(String),
}

/// A push message to one device.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The push service's URL of the subscription.
    pub endpoint: &'a Endpoint,
    /// The subscription's keys.
    pub keys: &'a SubscriptionKeys,
    /// What the device receives, at most [`MAX_MESSAGE`](crate::MAX_MESSAGE) bytes.
    pub content: &'a [u8],
    /// At most 32 characters of base64url. A message that the device has not received yet is replaced by the next one with the
    /// same topic (RFC 8030, section 5.4).
    pub topic: &'a str,
}

/// Sends push messages to push services. Implemented by [`Client`], and in the simulation by a client of simulated push
/// services.
pub trait PushClient: Send + Sync {
    /// Sends a message to a device, signed with `key`. Takes at most 5 seconds. Fails only if the message cannot be encrypted or
    /// signed.
    fn push<'a>(
        &'a self,
        key: &'a VapidKey,
        message: Message<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>>;
}

/// Client of push services. A function creates one and keeps it between invocations. The client does not follow
/// redirects and does not connect to private addresses, except 127.0.0.1 if the list of hosts allows it.
pub struct Client {
    http: HttpClient<HttpsConnector<HttpConnector<PublicAddresses>>, Full<Bytes>>,
    contact: String,
}

impl Client {
    /// Creates a client. `contact` is a `mailto:` or `https:` URI, at which the operators of push services may reach
    /// the operators of this deployment. The client sends requests over `http` only if `hosts` allows
    /// `http://127.0.0.1`.
    #[must_use]
    pub fn new(contact: String, hosts: &PushHosts) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(PublicAddresses(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_webpki_roots();
        let https = if hosts.has_loopback() { https.https_or_http() } else { https.https_only() };
        let https = https.enable_http1().enable_http2().wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https);
        Self { http, contact }
    }

    async fn send(&self, request: Request<Full<Bytes>>, now: Timestamp) -> Pushed {
        // A host name that does not resolve, or resolves only to private addresses, may be a mistake that is corrected
        // soon. So it counts as unreachable, and not as a subscription that does not exist any more.
        let Ok(answer) = self.http.request(request).await else { return Pushed::Unreachable };
        let status = answer.status();
        let delay = answer.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
        match status.as_u16() {
            200..300 => Pushed::Accepted,
            404 | 410 => Pushed::Gone,
            429 | 500.. => Pushed::Later(delay),
            _ => {
                let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
                let text = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
                Pushed::Refused(format!("{status}: {}", text.chars().take(200).collect::<String>()))
            }
        }
    }
}

impl PushClient for Client {
    fn push<'a>(
        &'a self,
        key: &'a VapidKey,
        message: Message<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(async move {
            let request = Request::post(&message.endpoint.uri)
                .header(AUTHORIZATION, key.authorization(message.endpoint, &self.contact, now)?)
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_ENCODING, "aes128gcm")
                .header("ttl", TTL)
                .header("urgency", "high")
                .header("topic", message.topic)
                .body(Full::from(message.keys.encrypt(message.content)?));
            let request = request.map_err(|_| Error::BadTopic)?;
            Ok(timeout(TIMEOUT, self.send(request, now)).await.unwrap_or(Pushed::Unreachable))
        })
    }
}

/// Parses the value of the header `Retry-After`: a number of seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_millis(u64::try_from(now.millis()).ok()?)))
}

/// Resolves host names to public addresses only. The name of a push service has only public addresses. If it resolves
/// to a private one, somebody tries to reach a service inside this network. An endpoint with an address in place of a
/// name would bypass the resolver, but a [`PushHosts`] allows only one such address: 127.0.0.1, if it is in the list.
#[derive(Debug, Clone)]
struct PublicAddresses(GaiResolver);

impl Service<Name> for PublicAddresses {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move {
            let addresses: Vec<_> = resolving.await?.filter(|address| is_public(address.ip())).collect();
            Ok(addresses.into_iter())
        })
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// Returns whether an address belongs to the public internet: it is not private, local to a link or machine, shared,
/// reserved or multicast (<https://www.iana.org/assignments/iana-ipv4-special-registry>, and the registry of the same
/// name for IPv6).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_unspecified()
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b))
                || a >= 240)
        }
        // Only the IPv6 addresses in 2000::/3 are global unicast. Those that embed an IPv4 address (6to4, Teredo) do
        // not count as public, because the IPv4 address may be private.
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            (0x2000..0x4000).contains(&a) && a != 0x2002 && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_the_next_attempt_is_a_number_of_seconds_or_a_date() {
        let now = Timestamp::from_millis(784_111_777_000 - 30_000);
        for (value, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[tokio::test]
    async fn name_of_a_private_address_resolves_to_nothing() {
        let name: Name = "localhost".parse().unwrap();
        assert!(GaiResolver::new().call(name.clone()).await.unwrap().next().is_some());
        assert_eq!(PublicAddresses(GaiResolver::new()).call(name).await.unwrap().next(), None);
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in ["142.250.74.74", "17.188.0.1", "2a00:1450:4001:81c::200a", "2620:149:a44::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.170",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2002:a00:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
