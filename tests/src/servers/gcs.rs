//! A server that speaks as Google Cloud Storage does.

use std::fmt;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cachecow::CloudStore;
use cachecow::store::object_store;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::gcp::{
    GcpCredential, GcpSigningCredential, GoogleCloudStorageBuilder, ServiceAccountKey,
};
use object_store::{ClientOptions, StaticCredentialProvider};

use super::{Process, install};

const REMEDY: &str = "These tests need the program `moto_server`, and it could not be found or \
installed.\nLet pip fetch the package moto[server,s3] from PyPI, name a `moto_server` in the \
environment variable CACHECOW_MOTO,\nor name an empty bucket in CACHECOW_GCS_URL, such as \
gs://bucket?service_account_path=…";

const BUCKET: &str = "bucket";

const TOKEN: &str = "a-bearer-token-of-the-tests";

/// A bucket: of a server that is killed and waited for when dropped, or of the real service.
///
/// object_store uses Google's XML interface, which the emulators of Google Cloud Storage have only
/// in part: none lists by it or uploads in parts. It is the interface of S3 but for the names of
/// some headers, so what answers is an emulator of S3, with those headers renamed.
pub struct GcsServer {
    url: Option<String>,
    endpoint: String,
    _process: Option<Process>,
}

impl GcsServer {
    /// The bucket that `CACHECOW_GCS_URL` names, or one of a server that is started now.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub async fn start() -> Self {
        if let Ok(url) = std::env::var("CACHECOW_GCS_URL") {
            return Self { url: Some(url), endpoint: String::new(), _process: None };
        }
        let program = install::named("CACHECOW_MOTO")
            .or_else(|| install::on_path("moto_server"))
            .or_else(|| install::python_package("moto[server,s3]", "moto_server"))
            .unwrap_or_else(|| panic!("{REMEDY}"));
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        let ready = |line: &str| {
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        };
        let (process, endpoint) = Process::start(command, ready);
        let created = reqwest::Client::new().put(format!("{endpoint}/{BUCKET}")).send().await;
        assert!(created.expect("moto answers").status().is_success());
        Self { url: None, endpoint, _process: Some(process) }
    }

    /// The bucket's URL, for [`CloudStore::open`]. What is opened by it cannot copy, unless the
    /// service is real.
    pub fn url(&self) -> String {
        let own = || format!("gs://{BUCKET}?base_url={}&bearer_token={TOKEN}", self.endpoint);
        self.url.clone().unwrap_or_else(own)
    }

    /// The secret, which must be shown nowhere.
    pub fn secret(&self) -> &'static str {
        TOKEN
    }

    /// The address of the bucket of the server that was started.
    pub fn bucket(&self) -> String {
        format!("{}/{BUCKET}", self.endpoint)
    }

    /// A builder of the server that was started.
    pub fn builder(&self) -> GoogleCloudStorageBuilder {
        let credential = GcpCredential { bearer: TOKEN.to_owned() };
        let signing = GcpSigningCredential {
            email: "tests@example.com".to_owned(),
            private_key: Some(private_key()),
        };
        GoogleCloudStorageBuilder::new()
            .with_base_url(&self.endpoint)
            .with_bucket_name(BUCKET)
            .with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
            .with_signing_credentials(Arc::new(StaticCredentialProvider::new(signing)))
            .with_http_connector(Renaming)
    }

    /// A store in the bucket, under this prefix.
    ///
    /// # Panics
    ///
    /// If the URL is not valid.
    pub fn store(&self, prefix: &str) -> CloudStore {
        let store = match &self.url {
            Some(url) => CloudStore::open(url),
            None => CloudStore::gcs(self.builder()),
        };
        store.expect("a valid URL").with_prefix(prefix).expect("a prefix")
    }
}

/// A key of its own for each, as none may stand in a repository.
fn private_key() -> ServiceAccountKey {
    use aws_lc_rs::encoding::Pkcs8V1Der;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = key.as_der().expect("the key");
    let text = BASE64_STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    ServiceAccountKey::from_pem(pem.as_bytes()).expect("a key")
}

/// Sends Google's headers under Amazon's names.
#[derive(Debug)]
struct Renaming;

impl HttpConnector for Renaming {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(RenamingClient(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct RenamingClient(HttpClient);

#[async_trait]
impl HttpService for RenamingClient {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(source) = request.headers_mut().remove("x-goog-copy-source") {
            request.headers_mut().insert("x-amz-copy-source", source);
        }
        self.0.execute(request).await
    }
}

impl fmt::Debug for GcsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsServer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
