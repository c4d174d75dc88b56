//! Which push services a deployment sends to. Users name the endpoint of their browser, so without this list they could make
//! the deployment send requests to any host.

use contract::limits;
use http::Uri;

/// Maximum length of an endpoint in bytes.
const MAX_ENDPOINT: usize = limits::ENDPOINT_CHARS;

/// The hosts of the push services that endpoints may have.
#[derive(Debug, Clone)]
pub struct PushHosts(Vec<Host>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// This host.
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

impl PushHosts {
    /// Parses a list of hosts, separated by commas: a host such as `fcm.googleapis.com`, all hosts below a domain such as
    /// `*.push.apple.com`, or `http://127.0.0.1`, which stands for this address with any port.
    pub fn parse(list: &str) -> Result<Self, BadHosts> {
        let is_domain = |text: &str| {
            text.contains('.')
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
                && text.split('.').all(|label| !label.is_empty())
                && !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        let host = |text: &str| match text.strip_prefix("*.") {
            _ if text == "http://127.0.0.1" => Ok(Host::Loopback),
            Some(domain) if is_domain(domain) => Ok(Host::Below(format!(".{domain}"))),
            None if is_domain(text) => Ok(Host::Exact(text.to_owned())),
            _ => Err(BadHosts(text.to_owned())),
        };
        list.split(',').map(host).collect::<Result<_, _>>().map(Self)
    }

    /// Parses an endpoint. Returns `None` unless it is an `https` URL with a host of this list, without a user, a port or a
    /// fragment, and with at most 2,048 bytes.
    #[must_use]
    pub fn endpoint(&self, text: &str) -> Option<Uri> {
        if text.len() > MAX_ENDPOINT || text.contains('#') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        if authority.as_str().contains('@') {
            return None;
        }
        let (host, port) = (authority.host().to_ascii_lowercase(), authority.port_u16());
        let allowed = self.0.iter().any(|allowed| match allowed {
            Host::Exact(name) => scheme == "https" && authority.port().is_none() && host == *name,
            Host::Below(domain) => scheme == "https" && authority.port().is_none() && host.ends_with(domain.as_str()),
            Host::Loopback => scheme == "http" && port.is_some() && host == "127.0.0.1",
        });
        allowed.then_some(uri)
    }

    /// Returns whether endpoints on this machine are allowed.
    pub(crate) fn has_loopback(&self) -> bool {
        self.0.contains(&Host::Loopback)
    }
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
            "https://FCM.googleapis.com/wp/abc",
            "https://web.push.apple.com/QaBc",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
            "https://db5p.notify.windows.com/w/?token=BQYAAAD%3d",
        ] {
            assert_eq!(hosts.endpoint(endpoint).unwrap().path().len() > 1, true, "{endpoint}");
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
        for endpoint in
            ["http://127.0.0.1/a", "https://127.0.0.1:4000/a", "http://localhost:4000/a", "http://127.0.0.2:1/a"]
        {
            assert_eq!(hosts.endpoint(endpoint), None, "{endpoint}");
        }
        for list in ["", "a", "*", "*.", "https://a.example", "a.example,", "1.2.3.4", "A.example", "a..example"] {
            assert!(PushHosts::parse(list).is_err(), "{list}");
        }
    }
}
