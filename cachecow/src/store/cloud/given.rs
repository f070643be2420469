//! Stores from clients that a program builds with object_store itself.

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::signer::Signer;

use super::CloudStore;
use crate::error::Error;

/// With object_store 0.14's own types (feature `object_store-0_14`).
impl CloudStore {
    /// Makes a store in Amazon S3 or a compatible service.
    ///
    /// The builder is used as it is, except for its retries, which are set to 5 within 10 seconds,
    /// and bulk deletes, which are turned off. To choose these too, build the client and pass it to
    /// [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn s3(builder: AmazonS3Builder) -> Result<Self, Error> {
        Self::on_s3(builder)
    }

    /// Makes a store in Google Cloud Storage.
    ///
    /// The builder is used as it is, except for its retries, which are set to 5 within 10 seconds.
    /// To choose these too, build the client and pass it to [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn gcs(builder: GoogleCloudStorageBuilder) -> Result<Self, Error> {
        Self::on_gcs(builder)
    }

    /// Makes a store in Azure Blob Storage.
    ///
    /// The builder is used as it is, except for its retries, which are set to 5 within 10 seconds.
    /// To choose these too, build the client and pass it to [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn azure(builder: MicrosoftAzureBuilder) -> Result<Self, Error> {
        Self::on_azure(builder)
    }

    /// Makes a store from a client that object_store has built: an
    /// [`AmazonS3`](object_store::aws::AmazonS3), a
    /// [`GoogleCloudStorage`](object_store::gcp::GoogleCloudStorage) or a
    /// [`MicrosoftAzure`](object_store::azure::MicrosoftAzure).
    pub fn new(service: impl ObjectStore + PaginatedListStore + Signer) -> Self {
        Self::on(service)
    }
}
