//! TLS for the benchmark's server in place of AWS, with a certificate that is new in each run.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Returns a TLS acceptor for `localhost`, and the path of the PEM file with the root certificate that clients have to
/// trust.
pub(crate) fn acceptor() -> Result<(TlsAcceptor, PathBuf)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    // With rcgen's default name, the server's certificate would have equal issuer and subject, and clients would take
    // it as self-signed.
    authority.distinguished_name.push(DnType::CommonName, "Hearth's benchmark");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?
        .signed_by(&key, &Issuer::new(authority, authority_key))?;

    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let config = config.with_single_cert(vec![leaf.der().clone()], private)?;

    let file = crate::folder()?.join("ca.pem");
    std::fs::write(&file, root.pem()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok((TlsAcceptor::from(Arc::new(config)), file))
}
