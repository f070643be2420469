//! What differs between the services.

use object_store::ClientConfigKey;
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;

/// One of the services: its URLs' form, and its settings.
pub(super) struct Provider<K: 'static> {
    pub(super) form: &'static str,
    /// The name of the setting for a server's address.
    pub(super) endpoint: &'static str,
    /// Which variables of the environment are settings.
    pub(super) variables: &'static str,
    pub(super) bucket: K,
    /// The settings for user and secret before the bucket, if the service's URLs have them.
    pub(super) userinfo: Option<(K, K)>,
    /// Whether a user without a secret is allowed there.
    pub(super) user_alone: bool,
    /// Groups of settings that must come either from the URL or from the environment.
    pub(super) together: &'static [&'static [K]],
    /// The settings to list in errors about unknown ones.
    pub(super) known: &'static str,
    pub(super) client: fn(ClientConfigKey) -> K,
}

pub(super) const AMAZON: Provider<AmazonS3ConfigKey> = Provider {
    form: "s3://[key:secret@]bucket[/prefix][?setting=…&…]",
    endpoint: "endpoint",
    variables: "AWS_",
    bucket: AmazonS3ConfigKey::Bucket,
    userinfo: Some((AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey)),
    user_alone: false,
    together: &[
        &[
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::SecretAccessKey,
            AmazonS3ConfigKey::Token,
        ],
        &[AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint],
        &[AmazonS3ConfigKey::Region, AmazonS3ConfigKey::DefaultRegion],
    ],
    known: "`region`, `endpoint`, `access_key_id`, `secret_access_key`, `allow_http`, \
            `virtual_hosted_style_request`, `skip_signature`, `connect_timeout`, `read_timeout` and \
            the others of object_store's `AmazonS3ConfigKey` and `ClientConfigKey`",
    client: AmazonS3ConfigKey::Client,
};

pub(super) const GOOGLE: Provider<GoogleConfigKey> = Provider {
    form: "gs://bucket[/prefix][?setting=…&…]",
    endpoint: "base_url",
    variables: "GOOGLE_",
    bucket: GoogleConfigKey::Bucket,
    userinfo: None,
    user_alone: false,
    together: &[&[
        GoogleConfigKey::ServiceAccount,
        GoogleConfigKey::ServiceAccountKey,
        GoogleConfigKey::ApplicationCredentials,
        GoogleConfigKey::BearerToken,
    ]],
    known: "`service_account_path`, `service_account_key`, `base_url`, `skip_signature`, \
            `connect_timeout`, `read_timeout` and the others of object_store's `GoogleConfigKey` \
            and `ClientConfigKey`",
    client: GoogleConfigKey::Client,
};

pub(super) const AZURE: Provider<AzureConfigKey> = Provider {
    form: "az://[account:key@]container[/prefix][?setting=…&…]",
    endpoint: "endpoint",
    variables: "AZURE_",
    bucket: AzureConfigKey::ContainerName,
    userinfo: Some((AzureConfigKey::AccountName, AzureConfigKey::AccessKey)),
    user_alone: true,
    together: &[&[
        AzureConfigKey::AccessKey,
        AzureConfigKey::ClientId,
        AzureConfigKey::ClientSecret,
        AzureConfigKey::SasKey,
        AzureConfigKey::Token,
        AzureConfigKey::FederatedTokenFile,
        AzureConfigKey::UseAzureCli,
        AzureConfigKey::CredentialType,
    ]],
    known: "`account_name`, `access_key`, `sas_token`, `client_id`, `client_secret`, `tenant_id`, \
            `endpoint`, `allow_http`, `skip_signature`, `connect_timeout`, `read_timeout` and the \
            others of object_store's `AzureConfigKey` and `ClientConfigKey`",
    client: AzureConfigKey::Client,
};
