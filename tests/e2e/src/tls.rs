use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// Returns the TLS configuration of all clients. It trusts the certificates of this system. A system without
/// certificates can still use the local cloud, which has no TLS.
pub(crate) fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    };
    Arc::clone(CONFIG.get_or_init(config))
}
