//! The way to a counterexample, in words.

use cachecow::protocol::Command;
use stateright::Path;

use crate::cache::Version;
use crate::caller::{Caller, Fetch};
use crate::world::{CallerDoes, Event, Fate, World, WriterDoes};
use crate::writer::{Writer, WriterStage};

/// One line for each event.
pub(crate) fn lines(path: &Path<World, Event>) -> Vec<String> {
    let steps = path.clone().into_vec();
    steps.iter().filter_map(|(world, event)| event.map(|event| line(world, event))).collect()
}

fn line(world: &World, event: Event) -> String {
    match event {
        Event::Caller(number, does) => {
            let caller = world.callers[number].as_ref();
            let process = caller.map_or(0, |caller| caller.process);
            format!("caller {number} of process {process} {}", of_caller(caller, does))
        }
        Event::Writer(number, does) => {
            let writer = &world.writers[number];
            format!("writer {number} of process {} {}", writer.process, of_writer(writer, does))
        }
        Event::Arrives(at) => {
            format!("the cache carries out late: {}", name(&world.late[at].command))
        }
        Event::Retries(process, key) => {
            format!("process {process} retries to invalidate key {key}")
        }
        Event::Hears(process, key) => format!("process {process} hears that key {key} has changed"),
        Event::HearsAgain(process) => format!("process {process} hears of changes again"),
        Event::ValueVanishes(key) => format!("the value of key {key} expires or is evicted"),
        Event::FlagVanishes(key) => format!("the flag of key {key} expires or is evicted"),
        Event::GoesDeaf(process) => format!("process {process} hears of changes no more"),
        Event::Crashes(process) => format!("process {process} dies"),
    }
}

fn of_caller(caller: Option<&Caller>, does: CallerDoes) -> String {
    match does {
        CallerDoes::Begin => "begins to read".into(),
        CallerDoes::Send(fate) => {
            let commands = caller.into_iter().flat_map(Caller::sent);
            let names: Vec<String> = commands.map(|(_, command)| name(command)).collect();
            format!("sends {}{}", names.join(" and "), of(fate))
        }
        CallerDoes::TakeAnswers => "takes the answer".into(),
        CallerDoes::Fetch => "fetches: its function reads the database".into(),
        CallerDoes::FetchElse(Fetch::Failed | Fetch::FailedUnfenced) => {
            "fetches, and its function fails".into()
        }
        CallerDoes::FetchElse(_) => "fetches what cannot be stored".into(),
        CallerDoes::TakeFetched => "takes what its function has read".into(),
        CallerDoes::Wake => "is told how the load ended that it follows".into(),
        CallerDoes::AskAgain(_) => "asks again for what another is to fill".into(),
        CallerDoes::LosePatience(_) => "waits for the other no longer".into(),
        CallerDoes::GiveUp(_) => "gives up the load that it follows".into(),
        CallerDoes::Cancel => "is cancelled".into(),
    }
}

fn of_writer(writer: &Writer, does: WriterDoes) -> String {
    match (does, &writer.stage) {
        (WriterDoes::Begin, _) => "begins".into(),
        (WriterDoes::Send(fate), WriterStage::Sent(command)) => {
            format!("sends {}{}", name(command), of(fate))
        }
        (WriterDoes::Send(_), _) => "sends nothing".into(),
        (WriterDoes::TakeAnswer, _) => "takes the answer".into(),
        (WriterDoes::Work, _) => "changes the database".into(),
        (WriterDoes::Cancel, _) => "is cancelled".into(),
    }
}

fn of(fate: Fate) -> &'static str {
    match fate {
        Fate::Sound => "",
        Fate::AnswerLost => "; it is carried out, and the answer is lost",
        Fate::NeverArrive => "; it is lost",
        Fate::ArriveLater => "; it is given up, and will be carried out later",
        Fate::ArriveTwice => "; it is carried out, and will be a second time",
    }
}

fn name(command: &Command<Version>) -> String {
    match command {
        Command::Fill { value, .. } => format!("the fill of version {value}"),
        Command::Lookup => "a lookup".into(),
        Command::Claim { .. } => "a claim".into(),
        Command::Abandon { .. } => "an abandon".into(),
        Command::Invalidate => "an invalidation".into(),
        Command::Hold { .. } => "a hold".into(),
        Command::Release { .. } => "a release".into(),
        Command::ReleaseAndStore { value, .. } => format!("a release that stores version {value}"),
        Command::ReadEpoch
        | Command::TakeEpoch { .. }
        | Command::EndEpoch
        | Command::HoldEpoch { .. }
        | Command::ReleaseEpoch { .. } => "a command about a tag".into(),
    }
}
