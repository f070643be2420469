//! A certificate authority of the test's own.

use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
};

/// It issues certificates for servers and clients. A program that has the file with its certificate trusts them.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    /// One that nobody trusts by themselves.
    ///
    /// # Panics
    ///
    /// If there is no temporary file to be had.
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), issuer.pem()).expect("a file of this process");
        Self { issuer, file }
    }

    /// The file with its certificate, as PEM.
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// A certificate for the server of this name or IP address, and its key.
    ///
    /// # Panics
    ///
    /// If it is no name.
    pub fn certify(&self, name: &str) -> (Certificate, KeyPair) {
        self.signed(&CertificateParams::new([name.to_owned()]).expect("a name"))
    }

    /// A certificate for the user of this name, and its key.
    ///
    /// # Panics
    ///
    /// If there is no randomness to be had.
    pub fn certify_user(&self, name: &str) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
