//! The words of the command line.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use howdah_e2e::faults::{Fault, Mode, Route};
use howdah_testkit::bench::read_arguments;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// A cluster of ours on pocket.
    Ours,
    /// Patroni as it comes.
    Patroni,
    /// Patroni with the shortest periods that it accepts.
    PatroniFast,
}

impl Contender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Patroni => "patroni",
            Self::PatroniFast => "patroni-fast",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Ours, Self::Patroni, Self::PatroniFast];
        all.into_iter().find(|it| it.name() == name)
    }
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) runs: u32,
    pub(crate) faults: Vec<Fault>,
    pub(crate) modes: Vec<Mode>,
    pub(crate) sides: Vec<Contender>,
    pub(crate) route: Route,
    pub(crate) writers: u32,
    pub(crate) hold: Duration,
    pub(crate) seed: u64,
    pub(crate) json: Option<String>,
    pub(crate) explain: bool,
}

impl Arguments {
    /// `None` when help is asked for.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut arguments = Self {
            runs: 3,
            faults: list("1,3p,5,30", Fault::of_row)?,
            modes: vec![Mode::StrictSync],
            sides: vec![Contender::Ours],
            route: Route::Members,
            writers: 4,
            hold: Duration::from_secs(10),
            seed: 1,
            json: None,
            explain: false,
        };
        let mut explain = false;
        let alone = |word: &str| {
            explain |= word == "--explain";
            word == "--explain"
        };
        let read = read_arguments(words, alone, |word, value| arguments.set(word, value))?;
        arguments.explain = explain;
        Ok(read.then_some(arguments))
    }

    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        match word {
            "--runs" => self.runs = value.parse()?,
            "--rows" if value == "all" => self.faults = Fault::all().collect(),
            "--rows" => self.faults = list(value, Fault::of_row)?,
            "--mode" => self.modes = list(value, Mode::of)?,
            "--side" => self.sides = list(value, Contender::of)?,
            "--route" => {
                self.route = match value {
                    "members" => Route::Members,
                    "service" => Route::Service,
                    _ => bail!("--route is members or service"),
                }
            }
            "--writers" => self.writers = value.parse()?,
            "--hold" => self.hold = Duration::from_secs(value.parse()?),
            "--seed" => self.seed = value.parse()?,
            "--json" => self.json = Some(value.to_owned()),
            _ => bail!("{word} is not known; --help lists what is"),
        }
        ensure!(
            self.writers > 0 && self.writers <= 50,
            "1 to 50 writers fit"
        );
        Ok(())
    }
}

fn list<T>(value: &str, of: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    value
        .split(',')
        .map(|name| of(name).with_context(|| format!("{name} is not known; --help lists what is")))
        .collect()
}

pub(crate) fn help() -> String {
    let mut text = "faults [--runs 3] [--rows 1,3p,5,30|all] [--mode strict-sync,sync,async] \
                    [--side ours,patroni,patroni-fast]\n       \
                    [--route members|service] [--writers 4] [--hold 10] [--seed 1] [--json FILE] [--explain]\n\n\
                    hold: seconds for which a fault lasts that writers are expected not to feel; a lease lasts 5.\n\
                    members: writers know all members and go to the one that said last that it takes writes (asked \
                    every 25 ms).\nservice: writers use the address that the system offers; Patroni offers none.\n\n\
                    rows:\n"
        .to_owned();
    for fault in Fault::all() {
        text.push_str(&format!("  {:<4} {}\n", fault.row(), fault.title()));
    }
    text
}
