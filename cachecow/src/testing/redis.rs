//! A real Redis server for a test.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind};

/// The variable that names a program.
const VARIABLE: &str = "CACHECOW_REDIS_SERVER";
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// Starts a Redis server of a test's own: empty, on a Unix socket in a temporary folder, without persistence. It is
/// killed, and its folder removed, when it is dropped.
///
/// The program is the one that the variable `CACHECOW_REDIS_SERVER` names, or else `redis-server` or
/// `valkey-server` from the `PATH`. It starts in some 50 ms, during which the calling thread waits. On Unix only.
///
/// ```no_run
/// # async fn example() -> Result<(), cachecow::Error> {
/// let server = cachecow::testing::redis()?;
/// let cow = cachecow::CacheCow::open(&server.url()).await?;
/// cow.ping().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Unavailable`]: no server is installed, and how to get one; or it did not start, with what it said.
pub fn redis() -> Result<RedisServer, Error> {
    let program = program(std::env::var_os(VARIABLE), std::env::var_os("PATH").as_ref())?;
    RedisServer::start(program)
}

/// A Redis server on a Unix socket in a folder of its own; [`redis()`] starts one.
///
/// ```no_run
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db;
/// use cachecow::Source;
/// use cachecow::testing::RedisServer;
///
/// let mut server = RedisServer::start("/usr/bin/valkey-server")?;     // or `testing::redis()?`, which looks for one
/// let cow = CacheCow::open(&server.url()).await?;
/// cow.with(&db).get(User::by_id(1)).await?;
///
/// server.kill();
/// let read = cow.with(&db).read(User::by_id(1)).await?;
/// assert_eq!(read.source, Source::Fetched);
///
/// server.restart()?;
/// cow.ping().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
pub struct RedisServer {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: TempDir,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts this program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], with what it said.
    pub fn start(program: impl Into<PathBuf>) -> Result<Self, Error> {
        let mut server = Self::stopped(program, [""; 0])?;
        server.restart()?;
        Ok(server)
    }

    /// A server of this program with more arguments (`["--maxmemory", "1mb"]`), which has an address and is not started yet:
    /// [`restart`](Self::restart) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`]: no temporary folder can be made.
    pub fn stopped<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        // A socket's path must be short: the system's folder for temporary files may have a long one.
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp");
        let folder = folder.or_else(|_| tempfile::Builder::new().prefix("cow").tempdir());
        let folder = folder.map_err(|error| {
            let message = "testing::redis: no temporary folder can be made";
            Error::caused_by(ErrorKind::Unavailable, message, error)
        })?;
        let arguments = arguments.into_iter().map(Into::into).collect();
        Ok(Self { program: program.into(), arguments, folder, process: None })
    }

    /// The number of its process, to send it a signal; `None` while it is stopped.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(|Process(child)| child.id())
    }

    /// The address, for [`CacheCow::open`](crate::CacheCow::open).
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The socket's path, for other clients: `redis-cli -s PATH`.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("r.sock")
    }

    /// Kills the server, as a crash would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process = None;
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts the server again, empty, at the same address; kills it first if it runs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], with what it said.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.kill();
        let mut command = Command::new(&self.program);
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "notice"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments);
        self.process = Some(Process::start(command, &self.program)?);
        Ok(())
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// A child process, killed and waited for when dropped.
struct Process(Child);

impl Process {
    /// Starts it, and reads what it prints until it is ready.
    fn start(mut command: Command, program: &Path) -> Result<Self, Error> {
        let failed = |what: String| {
            let program = program.display();
            let message = format!("testing::redis: `{program}` did not start: {what}");
            Error::new(ErrorKind::Unavailable, message)
        };
        let not_started = |error: io::Error| failed(error.to_string());
        let (output, input) = io::pipe().map_err(not_started)?;
        let errors = input.try_clone().map_err(not_started)?;
        command.stdin(Stdio::null()).stdout(input).stderr(errors);
        let process = Self(command.spawn().map_err(not_started)?);
        // The command holds the pipe's other end open.
        drop(command);
        let mut said = String::new();
        let mut output = BufReader::new(output);
        loop {
            let line_at = said.len();
            if output.read_line(&mut said).map_err(not_started)? == 0 {
                return Err(failed(said));
            }
            if said[line_at..].to_lowercase().contains("ready to accept connections") {
                // Somebody must read on, or the server blocks once the pipe is full.
                std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
                return Ok(process);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program to start: the one that is named, or else one that is found.
fn program(named: Option<OsString>, path: Option<&OsString>) -> Result<PathBuf, Error> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return Ok(PathBuf::from(named));
    }
    let folders: Vec<PathBuf> = path.into_iter().flat_map(std::env::split_paths).collect();
    let in_folder = |folder: &PathBuf| PROGRAMS.map(|program| folder.join(program));
    folders.iter().flat_map(in_folder).find(|program| program.is_file()).ok_or_else(|| {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "testing::redis: no Redis server is installed: there is neither `redis-server` nor `valkey-server` in \
                 the PATH; install one (Debian and Ubuntu: `apt install redis-server`; macOS: `brew install redis`; \
                 Fedora: `dnf install valkey`), or name a program in the variable {VARIABLE}"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_or_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = &OsString::from(folder.path());
        let error = program(None, Some(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("apt install redis-server"), "{error}");
        assert!(program(Some(OsString::new()), Some(path)).is_err(), "an empty name is none");
        let valkey = folder.path().join("valkey-server");
        std::fs::write(&valkey, "").unwrap();
        assert_eq!(program(None, Some(path)).unwrap(), valkey);
        assert_eq!(
            program(Some("/opt/redis".into()), Some(path)).unwrap(),
            Path::new("/opt/redis")
        );
    }

    #[test]
    fn what_does_not_start_says_why() {
        let error = RedisServer::start("/nowhere/redis-server").unwrap_err();
        assert!(error.to_string().contains("`/nowhere/redis-server` did not start"), "{error}");
        // It takes no such arguments, says so and ends.
        let error = RedisServer::start("/bin/ls").unwrap_err();
        assert!(error.to_string().contains("`/bin/ls` did not start"), "{error}");
    }
}
