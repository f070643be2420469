//! A server's process.

use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

const NOBODY: u32 = 65_534;

/// A child process, killed and waited for when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts the command, and reads what it prints until `ready` makes something of a line.
    ///
    /// # Panics
    ///
    /// With all that it printed, if it ends before.
    pub fn start<T>(mut command: Command, ready: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let name = command.get_program().to_string_lossy().into_owned();
        let (output, input) = io::pipe().expect("a pipe");
        let error = input.try_clone().expect("the same pipe");
        let child = command
            .stdin(Stdio::null())
            .stdout(input)
            .stderr(error)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        // The command holds the pipe's other end open.
        drop(command);
        let process = Self(child);
        let mut log = String::new();
        let mut output = BufReader::new(output);
        loop {
            let start = log.len();
            let read = output.read_line(&mut log).expect("what the server prints is text");
            assert!(read > 0, "{name} did not start:\n{log}");
            if let Some(found) = ready(&log[start..]) {
                // Someone must read on, or the server blocks once the pipe is full.
                std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
                return (process, found);
            }
        }
    }

    /// The memory that the process has had at most, in bytes.
    ///
    /// # Panics
    ///
    /// If the system does not tell.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.expect("the process runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.expect("Linux tells").trim().trim_end_matches("kB").trim();
        peak.parse::<u64>().expect("a number") * 1024
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("the server's own process");
    }

    /// Sends the process a signal that ends it, and waits until it has: for servers whose own children
    /// would outlive a kill.
    ///
    /// # Panics
    ///
    /// If there is no such process.
    pub fn end(mut self, signal: Signal) {
        self.signal(signal);
        self.0.wait().expect("the server's own process");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes the command run as nobody, whom the folder is given, if this is root: some servers refuse to
/// be root's.
///
/// # Panics
///
/// If the folder cannot be given away.
pub fn not_as_root(command: &mut Command, folder: &Path) {
    give_away(folder);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Gives a file to the user that servers run as by [`not_as_root`], if this is root.
///
/// # Panics
///
/// If it cannot be given away.
pub(super) fn give_away(file: &Path) {
    if geteuid().is_root() {
        chown(file, Some(NOBODY), Some(NOBODY)).expect("root may give a file away");
    }
}

/// Runs a command that prepares something for a server.
///
/// # Panics
///
/// With all that it printed, if it fails.
pub fn run(command: &mut Command) {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{name} failed:\n{}", String::from_utf8_lossy(&printed));
}
