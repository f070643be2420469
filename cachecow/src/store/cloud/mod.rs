//! Values as objects of a cloud service.

mod address;
mod error;
#[cfg(feature = "object_store-0_14")]
mod given;
mod listing;
mod names;
mod open;
mod provider;
mod settings;
mod signing;
mod upload;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig};
use tokio_util::io::StreamReader;

use self::error::{cannot_sign, failed, is_absent};
use self::names::Names;
use self::signing::Spelling;
use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::{Error, ErrorKind};

/// The longest validity of an address that Amazon and Google allow.
const LONGEST_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// The traits that this store needs from object_store.
trait Service: ObjectStore + PaginatedListStore + Signer {}

impl<S: ObjectStore + PaginatedListStore + Signer> Service for S {}

/// A store in Amazon S3 or a compatible service, Google Cloud Storage or Azure Blob Storage
/// (feature `cloud`). Clones share one client.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{CloudStore, KeyValueStore as _, KeyValueStoreExt as _};
///
/// let store = CloudStore::open("s3://my-bucket/some/prefix?region=eu-central-1")?;
/// store.put_file("report.pdf", "out/report.pdf").await?;
/// println!("for the next hour at {}", store.url_for("report.pdf").await?);
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// A key is the name of its object, after the store's prefix and a `/`, so that other programs can
/// find it. Only characters that are not allowed everywhere are written as `%XX`: the percent sign;
/// a slash at the beginning, at the end or after another slash; and a dot at the end or before a
/// slash. Objects with other names are not listed.
///
/// # Size
///
/// Values of up to 8 MiB are sent in one request. Longer ones are sent in parts of 8 MiB, with at
/// most four parts (32 MiB) in memory. Services accept 10,000 parts. So the parts of a value that
/// is known to be longer than 70 GiB are larger, and a value of unknown length may have at most 78
/// GiB. Amazon copies values of up to 5 GiB.
///
/// # Consistency
///
/// These services are consistent: a reader that asks after a `put` sees the value. `rename` copies
/// and then deletes, so both keys may be seen meanwhile, and both remain if it fails in between.
///
/// If an upload in parts is dropped half-way, it is aborted in the background. After a crash its
/// parts remain, invisible but billed: let the bucket's lifecycle rules abort incomplete uploads.
/// Azure removes such parts after a week.
///
/// # Addresses
///
/// `url_for` signs an address: anyone who has it can read the value, for an hour by default. It sends no request if
/// the credentials contain a key; otherwise (with Google's and Azure's roles) it asks the service. For Azure it
/// returns [`Unsupported`](ErrorKind::Unsupported) if the key has a character that must be encoded in an address,
/// such as a space, `%` or `#`, because object_store's signature is wrong for such keys.
///
/// # Listing
///
/// Keys are listed page by page, usually a thousand for each request. Each empty value needs one
/// more request, because it looks like the folder markers that consoles create. `iter_prefixes`
/// lists every key.
///
/// # Errors
///
/// A bucket that does not exist is [`Store`](ErrorKind::Store). Only `contains` cannot distinguish
/// it from an absent key, and returns `false`; with Azure, `delete` cannot either. A listing fails
/// if one of the objects has a name with an empty part, `.` or `..`, which object_store refuses.
///
/// # Runtime
///
/// Tokio, with I/O and time enabled.
#[derive(Clone)]
pub struct CloudStore {
    service: Arc<dyn Service>,
    names: Names,
    key_space: KeySpace,
    url_validity: Duration,
    can_sign: bool,
    spelling: Spelling,
}

impl CloudStore {
    /// Opens the store at a URL: `s3://bucket`, `gs://bucket` (or `gcs:`) or `az://container` (or `azure:`), with
    /// an optional `/prefix`.
    ///
    /// Settings are object_store's configuration keys: those of [`AmazonS3ConfigKey`],
    /// [`GoogleConfigKey`], [`AzureConfigKey`] and
    /// [`ClientConfigKey`](object_store::ClientConfigKey). They come from the URL's query, as in
    /// `?region=eu-central-1&endpoint=http://localhost:9000`, or otherwise from the environment, as
    /// in `AWS_REGION`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`. Credentials may be
    /// before the bucket, as in `s3://key:secret@bucket` and `az://account:key@container`, with
    /// special characters percent-encoded. If the URL has credentials, those of the environment are
    /// not used. With an endpoint that begins with `http://`, plain HTTP is used.
    ///
    /// The timeouts are 5 seconds for a connection and 15 for each read (`connect_timeout`,
    /// `read_timeout`). A failed request is retried 5 times, within 10 seconds. `open` itself sends
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](ErrorKind::InvalidUrl), which says what to write, and shows no credentials.
    pub fn open(url: &str) -> Result<Self, Error> {
        open::open(url)
    }

    fn on_s3(builder: AmazonS3Builder) -> Result<Self, Error> {
        let unsigned = is_set(builder.get_config_value(&AmazonS3ConfigKey::SkipSignature));
        let builder = builder.with_retry(retries()).with_disable_bulk_delete(true);
        Ok(Self { can_sign: !unsigned, ..Self::on(builder.build().map_err(unusable)?) })
    }

    fn on_gcs(builder: GoogleCloudStorageBuilder) -> Result<Self, Error> {
        let unsigned = is_set(builder.get_config_value(&GoogleConfigKey::SkipSignature));
        let built = builder.with_retry(retries()).build().map_err(unusable)?;
        Ok(Self { can_sign: !unsigned, ..Self::on(built) })
    }

    fn on_azure(builder: MicrosoftAzureBuilder) -> Result<Self, Error> {
        let has = |key: AzureConfigKey| builder.get_config_value(&key).is_some();
        let better = [AzureConfigKey::Token, AzureConfigKey::AccessKey, AzureConfigKey::ClientId];
        // A SAS token cannot sign addresses, and object_store tries it last.
        let by_sas = has(AzureConfigKey::SasKey) && !better.into_iter().any(has);
        let unsigned = is_set(builder.get_config_value(&AzureConfigKey::SkipSignature));
        let built = builder.with_retry(retries()).build().map_err(unusable)?;
        Ok(Self { can_sign: !unsigned && !by_sas, ..Self::on(built) })
    }

    fn on(service: impl ObjectStore + PaginatedListStore + Signer) -> Self {
        Self {
            spelling: Spelling::of(&service),
            service: Arc::new(service),
            names: Names::default(),
            key_space: KeySpace::Standard,
            url_validity: Duration::from_secs(3600),
            can_sign: true,
        }
    }

    /// Returns this store with a prefix for its objects' names, such as `some/folder`. Default: none.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](ErrorKind::InvalidConfig), if no object's name can begin with it.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, Error> {
        Ok(Self { names: Names::under(prefix)?, ..self })
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    ///
    /// Names are limited in length and characters, so [`KeySpace::Text`] is treated as
    /// [`KeySpace::Extended`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// Returns this store with this validity of addresses, from a second to seven days. Default: an
    /// hour.
    #[must_use]
    pub fn with_url_validity(self, validity: Duration) -> Self {
        let url_validity = validity.clamp(Duration::from_secs(1), LONGEST_VALIDITY);
        Self { url_validity, ..self }
    }
}

fn is_set(setting: Option<String>) -> bool {
    setting.is_some_and(|setting| setting == "true")
}

/// If a service is down, the error comes after some seconds.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(10) }
}

fn unusable(cause: object_store::Error) -> Error {
    Error::caused_by(
        ErrorKind::InvalidConfig,
        "the cloud store's settings are incomplete or contradict each other",
        cause,
    )
}

#[async_trait]
impl KeyValueStore for CloudStore {
    fn capabilities(&self) -> Capabilities {
        let capabilities = Capabilities::of(self.key_space).with_copy();
        if self.can_sign { capabilities.with_urls() } else { capabilities }
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.key_space.check("get", key)?;
        let path = self.names.path("get", key)?;
        let value = async { self.service.get(&path).await?.bytes().await };
        value.await.map_err(|error| failed("get", error))
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.key_space.check("open", key)?;
        let path = self.names.path("open", key)?;
        let value = self.service.get(&path).await.map_err(|error| failed("open", error))?;
        let len = value.meta.size;
        let slices = value.into_stream().map_err(|error| io::Error::other(failed("open", error)));
        Ok(Reader::new(StreamReader::new(slices)).with_len(len))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        upload::put_bytes(&*self.service, &self.names.path("put", key)?, value).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        upload::put_reader(&*self.service, &self.names.path("put", key)?, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.key_space.check("delete", key)?;
        match self.service.delete(&self.names.path("delete", key)?).await {
            Err(error) => match failed("delete", error) {
                error if error.kind() == ErrorKind::NotFound => Ok(()),
                error => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.key_space.check("contains", key)?;
        match self.service.head(&self.names.path("contains", key)?).await {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(failed("contains", error)),
        }
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        listing::keys(self, prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.copy_as("copy", source, destination).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.copy_as("rename", source, destination).await?;
        if source == destination {
            return Ok(());
        }
        let path = self.names.path("rename", source)?;
        match self.service.delete(&path).await {
            // Someone else has already deleted it.
            Err(error) if is_absent(&error) => Ok(()),
            deleted => deleted.map_err(|error| failed("rename", error)),
        }
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        if !self.can_sign {
            return Err(cannot_sign("url_for"));
        }
        let path = self.names.path("url_for", key)?;
        signing::address(self, &path).await
    }
}

impl CloudStore {
    async fn copy_as(
        &self,
        operation: &'static str,
        source: &str,
        destination: &str,
    ) -> Result<(), Error> {
        self.key_space.check(operation, source)?;
        self.key_space.check(operation, destination)?;
        let from = self.names.path(operation, source)?;
        let copied = if source == destination {
            // Amazon refuses to copy an object onto itself.
            self.service.head(&from).await.map(|_| ())
        } else {
            self.service.copy(&from, &self.names.path(operation, destination)?).await
        };
        copied.map_err(|error| failed(operation, error))
    }
}

impl fmt::Display for CloudStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.prefix() {
            "" => write!(f, "cloud({})", self.service),
            prefix => write!(f, "cloud({}/{prefix})", self.service),
        }
    }
}

impl fmt::Debug for CloudStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The service's own `Debug` form would show more than its name.
        f.debug_struct("CloudStore")
            .field("service", &self.service.to_string())
            .field("prefix", &self.names.prefix())
            .field("key_space", &self.key_space)
            .field("url_validity", &self.url_validity)
            .field("can_sign", &self.can_sign)
            .finish_non_exhaustive()
    }
}
