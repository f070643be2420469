//! The `git` program, to look at repositories with other eyes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::install::{debian, named, on_path};

const REMEDY: &str = "These tests need the git program (2.36 or later), and none could be found \
or installed.\nInstall it (`apt-get install git`, `dnf install git`, `brew install git`, …),\nor \
name a binary in the environment variable CACHECOW_GIT.";

/// The program: the one that `CACHECOW_GIT` names, one on the path, or Debian's.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = || on_path("git");
        named("CACHECOW_GIT")
            .or_else(found)
            .or_else(|| debian(&["git"]).then(found).flatten())
            .unwrap_or_else(|| panic!("{REMEDY}"))
    })
}

/// Runs git in this folder; what it prints, without the last line's end.
///
/// # Panics
///
/// With all that it printed, if it fails; with what to do, if there is no git.
pub fn git<const N: usize>(folder: &Path, arguments: [&str; N]) -> String {
    let output = Command::new(program())
        .current_dir(folder)
        .args(["-c", "user.name=Someone", "-c", "user.email=someone@example.org"])
        .args(arguments)
        // The person's own settings are no part of a test.
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}
