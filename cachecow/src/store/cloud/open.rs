//! Opens a cloud store by its URL.

use std::time::Duration;

use object_store::ClientOptions;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;

use super::CloudStore;
use super::address::{Address, invalid, parse};
use super::provider::{AMAZON, AZURE, GOOGLE};
use super::settings::settings;
use crate::error::Error;

const FORM: &str = "write s3://bucket[/prefix], gs://bucket[/prefix] or az://container[/prefix]";

pub(super) fn open(url: &str) -> Result<CloudStore, Error> {
    open_with(url, &std::env::vars_os().filter_map(text).collect::<Vec<_>>())
}

fn text((key, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((key.into_string().ok()?, value.into_string().ok()?))
}

fn open_with(url: &str, environment: &[(String, String)]) -> Result<CloudStore, Error> {
    let Some((scheme, _)) = url.split_once("://") else {
        return Err(invalid(&format!("it has no scheme; {FORM}")));
    };
    match scheme {
        "s3" | "s3a" => {
            let address = parse(url, &AMAZON)?;
            let builder = AmazonS3Builder::new().with_client_options(client());
            let builder = settings(&address, &AMAZON, environment)?
                .into_iter()
                .fold(builder, |builder, (key, value)| builder.with_config(key, value))
                .with_bucket_name(&address.bucket);
            built(CloudStore::on_s3(builder), &address)
        }
        "gs" | "gcs" => {
            let address = parse(url, &GOOGLE)?;
            // Like the builder's own client: the metadata server supports only HTTP.
            let client = client().with_allow_http(true);
            let builder = GoogleCloudStorageBuilder::new().with_client_options(client);
            let builder = settings(&address, &GOOGLE, environment)?
                .into_iter()
                .fold(builder, |builder, (key, value)| builder.with_config(key, value))
                .with_bucket_name(&address.bucket);
            built(CloudStore::on_gcs(builder), &address)
        }
        "az" | "azure" => {
            let address = parse(url, &AZURE)?;
            let builder = MicrosoftAzureBuilder::new().with_client_options(client());
            let builder = settings(&address, &AZURE, environment)?
                .into_iter()
                .fold(builder, |builder, (key, value)| builder.with_config(key, value))
                .with_container_name(&address.bucket);
            built(CloudStore::on_azure(builder), &address)
        }
        _ => Err(invalid(&format!("its scheme is unknown; {FORM}"))),
    }
}

/// Timeouts for a silent connection, not for the whole transfer, which may be large.
fn client() -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(15))
}

fn built(store: Result<CloudStore, Error>, address: &Address) -> Result<CloudStore, Error> {
    let store = store.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        // object_store's error message may quote the value.
        let quoted = address.secrets().any(|secret| cause.contains(secret));
        let cause = if quoted { "a credential in it cannot be used" } else { &cause };
        invalid(&format!(
            "no store can be opened with its settings and those of the environment: {cause}"
        ))
    })?;
    store.with_prefix(&address.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn open(url: &str, environment: &[(&str, &str)]) -> Result<CloudStore, Error> {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        open_with(url, &environment.iter().map(own).collect::<Vec<_>>())
    }

    const KEY: &str = "c2VjcmV0";

    #[test]
    fn good_urls_name_their_stores() {
        for (url, shown) in [
            ("s3://bucket", "cloud(AmazonS3(bucket))"),
            ("s3a://bucket/", "cloud(AmazonS3(bucket))"),
            ("s3://bucket/a/b%20c/", "cloud(AmazonS3(bucket)/a/b c)"),
            ("s3://key:c2VjcmV0@bucket?region=eu-central-1", "cloud(AmazonS3(bucket))"),
            ("s3://bucket?endpoint=http://localhost:1&timeout=3s", "cloud(AmazonS3(bucket))"),
            ("gs://a.bucket/p", "cloud(GoogleCloudStorage(a.bucket)/p)"),
            ("gcs://bucket?skip_signature=true", "cloud(GoogleCloudStorage(bucket))"),
        ] {
            let store = open(url, &[]).unwrap();
            assert_eq!(store.to_string(), shown, "{url}");
            assert!(!format!("{store:?}").contains(KEY));
        }
        for url in [
            "az://account:c2VjcmV0@container/p",
            "azure://container/p?account_name=account&access_key=c2VjcmV0",
        ] {
            let shown = "cloud(MicrosoftAzure { account: account, container: container }/p)";
            let store = open(url, &[]).unwrap();
            assert_eq!(store.to_string(), shown, "{url}");
            assert!(!format!("{store:?}").contains(KEY));
        }
    }

    #[test]
    fn bad_urls_say_what_may_stand_there() {
        for (url, says) in [
            ("bucket", "s3://bucket"),
            ("http://bucket", "s3://bucket"),
            ("s3://", "names no bucket"),
            ("s3:///prefix", "names no bucket"),
            ("s3://bucket:9000", "`endpoint=…`"),
            ("gs://bucket:9000", "`base_url=…`"),
            ("s3://key:c2Vj/cmV0@bucket", "percent-encode"),
            ("s3://key:c2VjcmV0@bucket#x", "%23"),
            ("s3://bucket/a//b", "empty part"),
            ("s3://bucket/%FF", "invalid UTF-8"),
            ("s3://key@bucket", "s3://[key:secret@]bucket"),
            ("s3://:c2VjcmV0@bucket", "s3://[key:secret@]bucket"),
            ("s3://bucket?frob=c2VjcmV0", "`frob`"),
            ("s3://bucket?frob=1", "`region`"),
            ("s3://bucket?c2VjcmV0", "setting that is unknown"),
            ("s3://bucket?bucket=other", "`bucket`"),
            ("s3://bucket?region=a&aws_region=b", "twice"),
            ("s3://key:c2VjcmV0@bucket?access_key_id=k", "twice"),
            ("s3://bucket?access_key_id=k", "SecretAccessKey"),
            ("s3://bucket?allow_http=c2VjcmV0", "credential"),
            ("gs://key:c2VjcmV0@bucket", "`service_account_path`"),
            ("gs://bucket?service_account_key=c2VjcmV0", "no store can be opened"),
            ("az://container", "Account must be specified"),
            ("az://:c2VjcmV0@container", "az://[account:key@]container"),
            ("az://account:c2VjcmV0*@container", "no store can be opened"),
            ("az://c2VjcmV0=&k%01@container?access_key=a2V5", "credential"),
        ] {
            let error = open(url, &[]).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
            assert!(error.to_string().contains(says), "{url}: {error}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(KEY) && !shown.contains("c2Vj"), "{url}: {shown}");
        }
    }

    #[test]
    fn the_url_goes_before_the_environment() {
        let environment = [("AWS_SKIP_SIGNATURE", "true"), ("HOME", "/"), ("AWS_PROFILE", "p")];
        assert!(!open("s3://bucket", &environment).unwrap().can_sign);
        assert!(open("s3://bucket?skip_signature=false", &environment).unwrap().can_sign);
        // Half of a pair of credentials, which object_store would refuse.
        let half = [("AWS_ACCESS_KEY_ID", "other")];
        assert!(open("s3://bucket", &half).is_err());
        assert!(open("s3://key:c2VjcmV0@bucket", &half).is_ok());
        let account = [("AZURE_STORAGE_ACCOUNT_NAME", "mine"), ("AZURE_STORAGE_ACCESS_KEY", "*")];
        assert!(open("az://container", &account).is_err());
        let store = open("az://container?access_key=c2VjcmV0", &account).unwrap();
        assert!(store.to_string().contains("account: mine"));
    }
}
