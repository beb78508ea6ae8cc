//! The words of the command line.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use howdah_testkit::bench::read_arguments;

pub(crate) const HELP: &str = "operator [--empty 1000] [--single 50] [--triple 1] [--changes 300] [--pace 100] \
                               [--settle 20] [--rest 60]

  --empty    clusters without instances
  --single   clusters of one instance
  --triple   clusters of three
  --changes  changes of a spec that are timed in each group; 0 for none
  --pace     milliseconds between two changes
  --settle   seconds between the last change and the look at rest
  --rest     seconds of that look

Examples:

  operator                                           all of it; needs 3 GB of disk
  operator --single 0 --triple 0                     the operator alone
  operator --empty 0 --single 0 --changes 0          what one cluster of three asks of the API server at rest
";

#[derive(Debug)]
pub(crate) struct Arguments {
    empty: usize,
    single: usize,
    triple: usize,
    pub(crate) changes: usize,
    pub(crate) pace: Duration,
    pub(crate) settle: Duration,
    pub(crate) rest: Duration,
}

impl Arguments {
    /// `None` when help is asked for.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut arguments = Self {
            empty: 1000,
            single: 50,
            triple: 1,
            changes: 300,
            pace: Duration::from_millis(100),
            settle: Duration::from_secs(20),
            rest: Duration::from_secs(60),
        };
        let read = read_arguments(words, |_| false, |word, value| arguments.set(word, value))?;
        Ok(read.then_some(arguments))
    }

    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        let number = || value.parse().with_context(|| format!("{word} is a number"));
        match word {
            "--empty" => self.empty = number()?,
            "--single" => self.single = number()?,
            "--triple" => self.triple = number()?,
            "--changes" => self.changes = number()?,
            "--pace" => self.pace = Duration::from_millis(number()?.max(1) as u64),
            "--settle" => self.settle = Duration::from_secs(number()? as u64),
            "--rest" => self.rest = Duration::from_secs(number()?.max(1) as u64),
            _ => bail!("{word} is not known; --help lists what is"),
        }
        Ok(())
    }

    /// Name, instances of each cluster, and number of clusters.
    pub(crate) const fn groups(&self) -> [(&'static str, u32, usize); 3] {
        [
            ("empty", 0, self.empty),
            ("single", 1, self.single),
            ("triple", 3, self.triple),
        ]
    }
}
