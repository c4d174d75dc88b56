//! The list of the push services that a deployment sends requests to. Clients register the endpoint of their browser.
//! Without this list, a user could make the deployment send requests to any host.

use std::fmt;

use contract::limits;
use http::Uri;

/// Maximum length of an endpoint in bytes.
const MAX_ENDPOINT: usize = limits::ENDPOINT_CHARS;

/// The list of the hosts that an endpoint may have: those of the push services.
#[derive(Debug, Clone)]
pub struct PushHosts(Vec<Host>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// Only the host with this name.
    Exact(String),
    /// Every host below this domain.
    Below(String),
    /// `http://127.0.0.1` with any port, for tests.
    Loopback,
}

/// A list of hosts is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is neither a host, nor * followed by a dot and a domain, nor http://127.0.0.1")]
pub struct BadHosts(String);

/// The URL of a push subscription. Its host is in the list of a [`PushHosts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) uri: Uri,
    origin: String,
}

impl Endpoint {
    /// Returns the origin of the push service: the scheme, the host, and the port if the URL has one.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl PushHosts {
    /// Parses a list of hosts, separated by commas: a host such as `fcm.googleapis.com`, all hosts below a domain such as
    /// `*.push.apple.com`, or `http://127.0.0.1`, which stands for this address with any port.
    pub fn parse(list: &str) -> Result<Self, BadHosts> {
        let host = |text: &str| match text.strip_prefix("*.") {
            _ if text == "http://127.0.0.1" => Ok(Host::Loopback),
            Some(domain) if is_domain(domain) => Ok(Host::Below(format!(".{domain}"))),
            None if is_domain(text) => Ok(Host::Exact(text.to_owned())),
            _ => Err(BadHosts(text.to_owned())),
        };
        list.split(',').map(host).collect::<Result<_, _>>().map(Self)
    }

    /// Parses an endpoint. Returns `None` unless it is an `https` URL with a host of this list in lower case, without a
    /// user or a port, or `http://127.0.0.1` with a port if the list has this host. An endpoint has no fragment and at
    /// most 2,048 bytes.
    #[must_use]
    pub fn endpoint(&self, text: &str) -> Option<Endpoint> {
        if text.len() > MAX_ENDPOINT || text.contains('#') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        // The list is compared with the whole authority, which is everything between `://` and the path. So the
        // authority has no other part, such as a user, that another parser could take for the host.
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let allows = |host: &Host| match host {
            Host::Exact(name) => scheme == "https" && authority == name,
            Host::Below(domain) => scheme == "https" && authority.ends_with(domain) && is_domain(authority),
            Host::Loopback => {
                scheme == "http" && authority == format!("127.0.0.1:{}", uri.port_u16().unwrap_or_default())
            }
        };
        let origin = format!("{scheme}://{authority}");
        self.0.iter().any(allows).then_some(Endpoint { uri, origin })
    }

    /// Returns whether endpoints on this machine are allowed.
    pub(crate) fn has_loopback(&self) -> bool {
        self.0.contains(&Host::Loopback)
    }
}

/// Returns whether a text is a domain name in lower case with at least two labels, and not an address: the last label of a
/// name starts with a letter.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let last = text.rsplit_once('.').map(|(_, label)| label);
    text.split('.').all(is_label) && last.is_some_and(|label| label.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "fcm.googleapis.com,*.push.apple.com,*.push.services.mozilla.com,*.notify.windows.com";

    #[test]
    fn endpoints_of_the_browsers_are_allowed() {
        let hosts = PushHosts::parse(DEFAULT).unwrap();
        for endpoint in [
            "https://fcm.googleapis.com/fcm/send/abc:DEF-_",
            "https://fcm.googleapis.com?abc",
            "HTTPS://fcm.googleapis.com/a",
            "https://web.push.apple.com/QaBc",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
            "https://db5p.notify.windows.com/w/?token=BQYAAAD%3d",
        ] {
            assert!(hosts.endpoint(endpoint).is_some(), "{endpoint}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let hosts = PushHosts::parse(DEFAULT).unwrap();
        let long = format!("https://fcm.googleapis.com/{}", "x".repeat(8_192));
        for endpoint in [
            "",
            "fcm.googleapis.com",
            "/fcm/send/abc",
            "http://fcm.googleapis.com/a",
            "ftp://fcm.googleapis.com/a",
            "file:///etc/passwd",
            "https://fcm.googleapis.com.evil.example/a",
            "https://evil.example/fcm.googleapis.com",
            "https://evilpush.apple.com/a",
            "https://push.apple.com/a",
            "https://fcm.googleapis.com@evil.example/a",
            "https://user:secret@fcm.googleapis.com/a",
            "https://fcm.googleapis.com:8443/a",
            "https://fcm.googleapis.com:443/a",
            "https://fcm.googleapis.com:/a",
            "https://@fcm.googleapis.com/a",
            "https://FCM.googleapis.com/a",
            "https:/fcm.googleapis.com/a",
            "https:fcm.googleapis.com/a",
            "//fcm.googleapis.com/a",
            "https:///fcm.googleapis.com/a",
            " https://fcm.googleapis.com/a",
            "https://fcm.googleapis.com/a\r\nHost: evil.example",
            "https://fcm.googleapis.com/ä",
            "https://evil.example\\@fcm.googleapis.com/a",
            "https://fcm.googleapis.com\\.evil.example/a",
            "https://fcm.googleapis.com%2f.evil.example/a",
            "https://fcm.googleapis.com%00.evil.example/a",
            "https://127.0.0.1%2f.push.apple.com/a",
            "https://127.0.0.1:80%2f.push.apple.com/a",
            "https://evil.example:80@x.push.apple.com/a",
            "https://évil.push.apple.com/a",
            "https://fcm。googleapis。com/a",
            "https://.push.apple.com/a",
            "https://a..push.apple.com/a",
            "https://web.push.apple.com./a",
            "https://*.push.apple.com/a",
            "https://[web.push.apple.com]/a",
            "https://[::ffff:169.254.169.254]/a",
            "https://2130706433/a",
            "https://0x7f.1/a",
            "https://0177.0.0.1/a",
            "https://127.0.0.1/a",
            "https://[::1]/a",
            "https://169.254.169.254/latest/meta-data",
            "http://127.0.0.1:4000/a",
            "https://fcm.googleapis.com./a",
            "https://fcm.googleapis.com/a#fragment",
            "https://fcm.googleapis.com /a",
            &long,
        ] {
            assert_eq!(hosts.endpoint(endpoint), None, "{endpoint}");
        }
    }

    #[test]
    fn loopback_is_allowed_only_where_the_list_has_it() {
        let hosts = PushHosts::parse("fcm.googleapis.com,http://127.0.0.1").unwrap();
        assert!(hosts.endpoint("http://127.0.0.1:4000/push/1").is_some());
        for endpoint in [
            "http://127.0.0.1/a",
            "http://127.0.0.1:/a",
            "https://127.0.0.1:4000/a",
            "http://a@127.0.0.1:4000/a",
            "http://127.0.0.1:99999/a",
            "http://127.0.0.1:04000/a",
            "http://localhost:4000/a",
            "http://127.0.0.2:1/a",
        ] {
            assert_eq!(hosts.endpoint(endpoint), None, "{endpoint}");
        }
        for list in [
            "",
            "a",
            "*",
            "*.",
            "https://a.example",
            "a.example,",
            "1.2.3.4",
            "0x7f.1",
            "a.0x7f",
            "A.example",
            "a..example",
            ".a.example",
            "a.example.",
            "*.*.example",
            "*a.example",
            "a.example:443",
            "[::1]",
            "http://127.0.0.1:80",
        ] {
            assert!(PushHosts::parse(list).is_err(), "{list}");
        }
    }
}
