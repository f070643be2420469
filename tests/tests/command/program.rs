//! Runs the program, and makes what it prints comparable.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use cachecow::{Answer, CacheCow};
use cachecow_tests::members::{Member, Members};
use cachecow_tests::patient::patient;
use cachecow_tests::posts::Post;
use serde_json::Value;
use tempfile::NamedTempFile;

/// How many members there are, of the type that is tagged.
#[cachecow::query(key = "members:in:{org}", ttl = "1m", tag = Member::tag_org(org))]
pub(crate) async fn members_in(_ctx: &Members, org: u32) -> Result<u32, std::convert::Infallible> {
    Ok(org)
}

/// The program on one cache.
pub(crate) struct Program {
    url: String,
    manifest: NamedTempFile,
}

/// How it ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    pub(crate) fn on(url: &str) -> Self {
        let manifest = NamedTempFile::new().expect("a file");
        let text = cachecow::manifest::<(Member, Post, Answer<members_in>)>();
        std::fs::write(manifest.path(), text).expect("a file of ours");
        Self { url: url.to_owned(), manifest }
    }

    /// With the URL in the environment, and as the arguments say.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-command"));
        let variables = ["CACHECOW_NAMESPACE", "CACHECOW_MANIFEST", "COLUMNS"];
        variables.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        command.env("CACHECOW_URL", &self.url).args(arguments).stdin(Stdio::null());
        command
    }

    /// Without a manifest.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("what it prints is text");
        let code = output.status.code().expect("no signal");
        Ran { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// With the manifest of [`Member`], [`Post`] and [`members_in`].
    pub(crate) fn run_known(&self, arguments: &[&str]) -> Ran {
        let manifest = self.manifest.path().to_str().expect("UTF-8");
        self.run(&[&["--manifest", manifest], arguments].concat())
    }

    /// The JSON that it prints with the manifest.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run_known(&[&["--json"], arguments].concat()).json()
    }

    /// Starts it, and waits until it says on standard error that it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut err = BufReader::new(child.stderr.take().expect("piped"));
        let mut ready = String::new();
        err.read_line(&mut ready).expect("text");
        assert!(ready.starts_with("watching "), "{ready}");
        Running { child }
    }
}

/// The program under way; killed when dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Waits until it ends by itself; what it printed.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut out = String::new();
        let mut stdout = self.child.stdout.take().expect("piped");
        stdout.read_to_string(&mut out).expect("text");
        (self.child.wait().expect("a child").code().expect("no signal"), out)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    /// Asserts that it ended like this.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of each line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        self.out.lines().map(parse).collect()
    }

    /// What it printed, with a word for each time, socket and fingerprint, and one space for many.
    pub(crate) fn masked(&self) -> String {
        let lines = self.out.lines().map(masked_line);
        lines.map(|line| line + "\n").collect()
    }
}

fn masked_line(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_end_matches([',', ';']);
        let rest = &word[bare.len()..];
        let is_unit = matches!(bare, "ms" | "s" | "min" | "h" | "d");
        let is_number = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.') && word != "."
        };
        if is_unit && words.last().is_some_and(|last| is_number(last)) {
            words.pop();
            if words.last().is_some_and(|last| last == "TIME") {
                words.pop();
            }
            words.push(format!("TIME{rest}"));
        } else if bare.starts_with("/tmp/cow") {
            words.push(format!("SERVER{rest}"));
        } else if bare.len() == 16 && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
            words.push(format!("FINGERPRINT{rest}"));
        } else {
            words.push(word.to_owned());
        }
    }
    indent + &words.join(" ")
}

/// A cache on the same server.
pub(crate) async fn open(url: &str) -> CacheCow {
    patient().open(url).await.expect("a valid address")
}
