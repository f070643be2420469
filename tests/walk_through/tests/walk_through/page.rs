//! A page that is written while its commands run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cachecow_tests::servers::Process;

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was said and done so far.
pub(crate) struct Page {
    text: String,
    shell: Shell,
}

/// Where the commands run.
pub(crate) struct Shell {
    /// The present folder; the programs are in its folder `bin`.
    pub(crate) folder: PathBuf,
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What is only so on this machine, and what the page has for it.
    pub(crate) names: Vec<(String, &'static str)>,
}

impl Page {
    pub(crate) fn new(shell: Shell) -> Self {
        Self { text: String::new(), shell }
    }

    pub(crate) fn shell(&mut self) -> &mut Shell {
        &mut self.shell
    }

    /// Says something between the commands.
    pub(crate) fn say(&mut self, text: &str) {
        self.text += text;
        self.text += "\n\n";
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, line: &str) {
        let output = self.shell.run(line);
        self.show(line, &output);
    }

    /// Runs commands one after the other, in one block.
    pub(crate) fn run_all(&mut self, lines: &[&str]) {
        let mut block = String::new();
        for line in lines {
            let output = self.shell.masked(&self.shell.run(line));
            let _ = write!(block, "$ {line}\n{output}");
        }
        self.block(&block);
    }

    /// Runs a command again and again, until its output is as it should be. Meanwhile clients go on reading, by this
    /// other command.
    pub(crate) fn run_until(&mut self, line: &str, reads: &str, is_so: impl Fn(&str) -> bool) {
        let output = self.shell.wait(line, reads, is_so);
        self.show(line, &output);
    }

    /// Starts a program, and waits until it prints a line that begins like this; what follows in that line.
    pub(crate) fn start(&mut self, line: &str, beginning: &str) -> (Process, String) {
        let command = self.shell.command(&format!("exec {line}"));
        let after = |line: &str| line.strip_prefix(beginning).map(|rest| rest.trim().to_owned());
        Process::start(command, after)
    }

    /// The whole page.
    pub(crate) fn finish(self) -> String {
        self.text.trim_end().to_owned() + "\n"
    }

    /// Shows what a command printed.
    pub(crate) fn show(&mut self, line: &str, output: &str) {
        let output = self.shell.masked(output);
        self.block(&format!("$ {line}\n{output}"));
    }

    fn block(&mut self, text: &str) {
        let _ = write!(self.text, "```console\n{text}```\n\n");
    }
}

impl Shell {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let programs = self.folder.join("bin");
        let path = std::env::var("PATH").expect("there is a path");
        command
            .args(["-c", line])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("LC_ALL", "C")
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null());
        command
    }

    /// What the command prints.
    pub(crate) fn run(&self, line: &str) -> String {
        let output =
            self.command(&format!("{{ {line}\n}} 2>&1")).output().expect("there is a shell");
        let mut text = String::from_utf8(output.stdout).expect("what they print is text");
        // `curl` ends no line, and `promtool` prints an empty one for nothing.
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if text.trim().is_empty() { String::new() } else { text }
    }

    /// Runs a command again and again, and clients' reads in between, until its output is as it should be.
    pub(crate) fn wait(&self, line: &str, reads: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let output = self.run(line);
            if is_so(&output) {
                return output;
            }
            assert!(began.elapsed() < PATIENCE, "$ {line}\n{output}");
            self.run(reads);
        }
    }

    /// Without what is another each time.
    fn masked(&self, output: &str) -> String {
        let named = self.names.iter().fold(output.to_owned(), |text, (of_machine, of_page)| {
            text.replace(of_machine, of_page)
        });
        named.lines().map(|line| masked_line(line) + "\n").collect()
    }

    /// Makes a program callable by this name.
    pub(crate) fn link(&self, program: &Path, name: &str) {
        let folder = self.folder.join("bin");
        std::fs::create_dir_all(&folder).expect("a folder of the test's own");
        std::os::unix::fs::symlink(program, folder.join(name)).expect("nothing is there");
    }
}

/// A line with `…` for each time and duration.
fn masked_line(line: &str) -> String {
    let line =
        [("@[", "]"), ("\"since\":", ",}"), ("age=", " ")].iter().fold(line.to_owned(), after);
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let mut words: Vec<String> = Vec::new();
    for (at, word) in line.split(' ').enumerate() {
        let bare = word.trim_end_matches([',', ';']);
        let is_time =
            at == 0 && bare.ends_with('Z') && bare.starts_with(|c: char| c.is_ascii_digit());
        let is_unit = matches!(bare, "ms" | "s" | "min" | "h" | "d");
        if is_time {
            words.push("…".to_owned());
        } else if is_unit && words.last().is_some_and(|last| is_number(last)) {
            words.pop();
            if words.last().is_none_or(|last| last != "…") {
                words.push(String::new());
            }
            let last = words.last_mut().expect("it was just pushed");
            *last = format!("…{}", &word[bare.len()..]);
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// The line with `…` for what stands between this beginning and one of these ends.
fn after(line: String, (beginning, ends): &(&str, &str)) -> String {
    let Some((before, rest)) = line.split_once(beginning) else { return line };
    format!("{before}{beginning}…{}", rest.trim_start_matches(|c| !ends.contains(c)))
}
