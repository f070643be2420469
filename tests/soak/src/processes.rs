//! The processes of the load, as the one that starts them sees them.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::faults::Fault;
use crate::history::History;
use crate::worker::Settings;

/// How long a process that was told to stop, or to kill itself, may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// How long a process may take for what it is ordered to: so long only if it hangs.
const DEADLINE: Duration = Duration::from_secs(150);

/// Killed and waited for when dropped.
pub(crate) struct Processes {
    program: PathBuf,
    running: Vec<(Settings, Child)>,
    /// How processes ended that nobody had told to.
    pub(crate) crashes: Vec<String>,
}

impl Processes {
    pub(crate) fn start(program: PathBuf, settings: Vec<Settings>) -> Self {
        let running = settings.into_iter().map(|settings| {
            let child = spawn(&program, &settings);
            (settings, child)
        });
        Self { running: running.collect(), program, crashes: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Kills a process, and starts another in its place.
    pub(crate) fn kill(&mut self, process: usize) {
        let child = &self.running[process].1;
        kill_process(Pid::from_child(child), Signal::KILL).expect("our own child");
        self.replace(process, Some(Signal::KILL));
    }

    /// Waits until a process has killed itself, and starts another in its place.
    pub(crate) async fn replace_once_dead(&mut self, process: usize) {
        if !self.has_ended(process).await {
            self.crashes.push(format!("process {process} wrote nothing for {PATIENCE:?}"));
            return self.kill(process);
        }
        self.replace(process, Some(Signal::KILL));
    }

    /// Has a process bring a fault about in itself, and waits until it has.
    pub(crate) async fn order(&mut self, process: usize, fault: Fault, history: &History) {
        history.order(process, fault.number());
        let began = Instant::now();
        while history.ordered(process).is_some() {
            if let Ok(Some(_)) = self.running[process].1.try_wait() {
                history.obeyed(process);
                return self.replace(process, None);
            }
            if began.elapsed() > DEADLINE {
                let (fault, stage) = (fault.name(), history.stage(process).name());
                let crash = format!("process {process} hangs ({fault}): for {DEADLINE:?} {stage}");
                self.crashes.push(crash);
                history.obeyed(process);
                return self.kill(process);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Notes which processes have ended untold, and starts others in their place.
    pub(crate) fn look(&mut self) {
        for process in 0..self.running.len() {
            if matches!(self.running[process].1.try_wait(), Ok(Some(_))) {
                self.replace(process, None);
            }
        }
    }

    /// Waits until all have ended, as they were told to.
    pub(crate) async fn end(&mut self) {
        for process in 0..self.running.len() {
            if !self.has_ended(process).await {
                self.crashes.push(format!("process {process} did not end within {PATIENCE:?}"));
                continue;
            }
            let status = self.running[process].1.wait().expect("our own child");
            if !status.success() {
                self.crashes.push(format!("process {process} ended badly: {status}"));
            }
        }
    }

    async fn has_ended(&mut self, process: usize) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if matches!(self.running[process].1.try_wait(), Ok(Some(_))) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Starts another in the place of one that has ended, as it should by this signal.
    fn replace(&mut self, process: usize, by: Option<Signal>) {
        let (settings, child) = &mut self.running[process];
        let status = child.wait().expect("our own child");
        if by.is_none() || status.signal() != by.map(Signal::as_raw) {
            self.crashes.push(format!("process {process} ended by itself: {status}"));
        }
        *child = spawn(&self.program, settings);
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            // Fails only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(program: &PathBuf, settings: &Settings) -> Child {
    let mut command = Command::new(program);
    command
        .args(["--worker", &settings.process.to_string(), "--url", &settings.url])
        .arg("--history")
        .arg(&settings.history)
        .arg("--traces")
        .arg(&settings.traces)
        // Ends with this process, however it ends.
        .stdin(Stdio::piped());
    if let Some(near_url) = &settings.near_url {
        command.args(["--near-url", near_url]);
    }
    if let Some(socket) = &settings.socket {
        command.arg("--socket").arg(socket);
    }
    if settings.replica_acks > 0 {
        command.args(["--replica-acks", &settings.replica_acks.to_string()]);
    }
    if settings.tokenless {
        command.arg("--tokenless");
    }
    command.spawn().expect("this program can be started")
}
