//! A server that speaks as Azure Blob Storage does.

use std::fmt;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cachecow::CloudStore;
use tempfile::TempDir;

use super::{Process, install};

const REMEDY: &str = "These tests need Azurite, and it could not be found or installed.\nInstall \
Node.js with npm, name an `azurite-blob` in the environment variable CACHECOW_AZURITE,\nor name an \
empty container in CACHECOW_AZURE_URL, such as az://account:key@container";

const ACCOUNT: &str = "cow";

/// The account's key, in base64: "a key of the tests".
const KEY: &str = "YSBrZXkgb2YgdGhlIHRlc3Rz";

const CONTAINER: &str = "container";

/// A container: of Azurite, killed and waited for when dropped, or of a real service.
pub struct AzureServer {
    url: String,
    _process: Option<Process>,
    _folder: Option<TempDir>,
}

impl AzureServer {
    /// The container that `CACHECOW_AZURE_URL` names, or one of a server that is started now.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub async fn start() -> Self {
        if let Ok(url) = std::env::var("CACHECOW_AZURE_URL") {
            return Self { url, _process: None, _folder: None };
        }
        let program = install::named("CACHECOW_AZURITE")
            .or_else(|| install::on_path("azurite-blob"))
            .or_else(|| install::npm_package("azurite", "azurite-blob"))
            .unwrap_or_else(|| panic!("{REMEDY}"));
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program);
        command
            .current_dir(folder.path())
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}"))
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"]);
        let ready = |line: &str| {
            let (_, address) = line.split_once("successfully listens on ")?;
            Some(address.trim().to_owned())
        };
        let (process, address) = Process::start(command, ready);
        let endpoint = format!("{address}/{ACCOUNT}");
        create_container(&endpoint).await;
        let url = format!("az://{ACCOUNT}:{KEY}@{CONTAINER}?endpoint={endpoint}");
        Self { url, _process: Some(process), _folder: Some(folder) }
    }

    /// The container's URL, for [`CloudStore::open`].
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The account's key, which must be shown nowhere.
    pub fn secret(&self) -> &'static str {
        KEY
    }

    /// A store in the container, under this prefix.
    ///
    /// # Panics
    ///
    /// If the URL is not valid.
    pub fn store(&self, prefix: &str) -> CloudStore {
        CloudStore::open(&self.url).expect("a valid URL").with_prefix(prefix).expect("a prefix")
    }
}

/// object_store creates no containers.
async fn create_container(endpoint: &str) {
    // Azurite looks at no clock here.
    let (date, version) = ("Sun, 22 Nov 2026 12:00:00 GMT", "2021-08-06");
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n\
         /{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    );
    let key = BASE64_STANDARD.decode(KEY).expect("base64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signature = BASE64_STANDARD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    let created = reqwest::Client::new()
        .put(format!("{endpoint}/{CONTAINER}?restype=container"))
        .header("x-ms-date", date)
        .header("x-ms-version", version)
        .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
        .header("content-length", "0")
        .send()
        .await
        .expect("Azurite answers");
    assert_eq!(created.status(), 201, "{:?}", created.text().await);
}

impl fmt::Debug for AzureServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureServer").finish_non_exhaustive()
    }
}
