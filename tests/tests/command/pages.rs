//! Help, the manual page and completions.

use cachecow_tests::servers::RedisServer;
use expect_test::expect_file;

use crate::program::Program;

#[test]
fn help() {
    let program = Program::on("redis://127.0.0.1/");
    let commands = ["inspect", "list", "invalidate", "invalidate-tag", "stats", "watch", "doctor"];
    let mut all = vec![program.run(&["--help"]).ended(0).out];
    for command in commands {
        all.push(format!("\n# {command}\n"));
        all.push(program.run(&[command, "--help"]).ended(0).out);
    }
    let all = all.join("\n");
    let trimmed: String = all.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    expect_file!["snapshots/help.txt"].assert_eq(&trimmed);
}

#[test]
fn the_manual_page_and_completions_are_generated() {
    let program = Program::on("redis://127.0.0.1/");
    let page = program.run(&["man"]).ended(0).out;
    assert!(page.contains(".TH cachecow 1"), "{page}");
    for word in ["inspect", "invalidate\\-tag", "doctor", "Exit codes"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = program.run(&["completions", shell]).ended(0).out;
        assert!(script.contains("invalidate-tag") && script.contains("show-values"), "{shell}");
    }
}

/// As with `cachecow man | head`.
#[test]
fn a_reader_that_has_gone_is_no_fault() {
    let program = Program::on("redis://127.0.0.1/");
    for arguments in [&["man"][..], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = program.command(arguments).stdout(writer).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {output:?}");
    }
    // The other commands print line by line.
    let server = RedisServer::start();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut doctor = Program::on(&server.url()).command(&["doctor"]);
    let output = doctor.stdout(writer).output().expect("the program runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// Not even in help, which names the variable that has it.
#[test]
fn help_shows_no_password() {
    let program = Program::on("redis://user:secret@127.0.0.1:1/");
    for arguments in [&["--help"][..], &["inspect", "--help"], &["man"], &["list", "--wrong"]] {
        let ran = program.run(arguments);
        assert!(!format!("{ran:?}").contains("secret"), "{ran:?}");
    }
}
