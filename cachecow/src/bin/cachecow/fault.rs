//! Errors of the program, each with a message of one line and an exit code.

use std::error::Error as StdError;
use std::process::ExitCode;

use cachecow::{BackendError, BackendErrorKind, Error, ErrorKind};

use crate::shown;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Done,
    /// `inspect` found nothing, or `doctor` found a fault.
    Negative,
    /// The arguments, the URL or the manifest are wrong. The code is the same as clap's.
    Usage,
    /// The cache cannot be reached.
    Unreachable,
    /// The cache refused the command.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Negative => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
        })
    }
}

/// Why the program ends early.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    message: String,
}

impl Fault {
    /// The arguments are wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, message: message.into() }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, message: message.into() }
    }

    /// The reader of the output has closed the pipe, as `head` does. This is not an error.
    pub(crate) fn reader_gone() -> Self {
        Self { exit: Exit::Done, message: String::new() }
    }

    /// Something failed at this server.
    pub(crate) fn at(server: &str, error: &BackendError) -> Self {
        let mut fault = Self::from(error);
        fault.message = format!("{server}: {}", fault.message);
        fault
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Prints it, in one line.
    pub(crate) fn tell(&self) {
        use std::io::Write as _;
        if !self.message.is_empty() {
            // If printing the error fails, there is no other place to report it.
            let _ = writeln!(std::io::stderr(), "cachecow: {}", shown::line(&self.message));
        }
    }
}

impl From<&BackendError> for Fault {
    fn from(error: &BackendError) -> Self {
        match error.kind() {
            BackendErrorKind::Rejected | BackendErrorKind::Unsupported => {
                Self::refused(error.to_string())
            }
            _ => Self::unreachable(error.to_string()),
        }
    }
}

impl From<BackendError> for Fault {
    fn from(error: BackendError) -> Self {
        Self::from(&error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if matches!(error.kind(), ErrorKind::InvalidUrl | ErrorKind::InvalidConfig) {
            return Self::usage(error.to_string());
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(error) = cause {
            if let Some(backend) = error.downcast_ref::<BackendError>() {
                return Self::from(backend);
            }
            cause = error.source();
        }
        Self::unreachable(error.to_string())
    }
}
