//! The words of the command line.

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use howdah_testkit::bench::read_arguments;

use super::load::{Protocol, Script};
use super::stack::Way;

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) ways: Vec<Way>,
    pub(crate) scripts: Vec<Script>,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) clients: Vec<u32>,
    pub(crate) seconds: u32,
    pub(crate) rounds: usize,
    pub(crate) scale: u32,
    pub(crate) idle: usize,
    pub(crate) filter: Utf8PathBuf,
}

impl Arguments {
    /// `None` when help is asked for.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut arguments = Self {
            ways: Way::ALL.to_vec(),
            scripts: Script::ALL.to_vec(),
            protocols: Protocol::ALL.to_vec(),
            clients: vec![1, 16, 200],
            seconds: 5,
            rounds: 3,
            scale: 10,
            idle: 100,
            filter: library()?,
        };
        if !read_arguments(words, |_| false, |word, value| arguments.set(word, value))? {
            return Ok(None);
        }
        ensure!(
            arguments.filter.is_file(),
            "{} is missing: --filter says which library is meant",
            arguments.filter
        );
        Ok(Some(arguments))
    }

    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        match word {
            "--ways" => self.ways = list(value, &Way::ALL, Way::name)?,
            "--scripts" => self.scripts = list(value, &Script::ALL, Script::name)?,
            "--protocols" => self.protocols = list(value, &Protocol::ALL, Protocol::name)?,
            "--clients" if value == "none" => self.clients.clear(),
            "--clients" => {
                let numbers = value.split(',').map(str::parse);
                self.clients = numbers.collect::<Result<_, _>>()?;
                let fit = self.clients.iter().all(|count| (1..=250).contains(count));
                ensure!(fit, "1 to 250 clients fit");
            }
            "--seconds" => self.seconds = positive(value)?,
            "--rounds" => self.rounds = usize::try_from(positive(value)?)?,
            "--scale" => self.scale = positive(value)?,
            "--idle" => {
                self.idle = value.parse()?;
                ensure!(self.idle <= 5000, "up to 5000 idle clients fit");
            }
            "--filter" => self.filter = value.into(),
            _ => bail!("{word} is not known; --help lists what is"),
        }
        Ok(())
    }
}

fn positive(value: &str) -> Result<u32> {
    let number = value.parse()?;
    ensure!(number > 0, "0 is too few");
    Ok(number)
}

fn list<T: Copy>(value: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<Vec<T>> {
    let of = |word| all.iter().copied().find(|one| name(*one) == word);
    value
        .split(',')
        .map(|word| of(word).with_context(|| format!("{word} is not known; --help lists what is")))
        .collect()
}

/// The library as it was built with the benchmark: cargo leaves it beside the benchmark's own program.
fn library() -> Result<Utf8PathBuf> {
    let program = Utf8PathBuf::try_from(std::env::current_exe()?)?;
    let folder = program.parent().context("it is in a folder")?;
    Ok(folder.join("libhowdah_envoy_filter.so"))
}

pub(crate) fn help() -> String {
    let mut text = "proxy [--ways LIST] [--scripts select,tpcb] [--protocols simple,prepared] [--clients 1,16,200|none]\n      \
         [--seconds 5] [--rounds 3] [--scale 10] [--idle 100] [--filter FILE]\n\n\
         All of it takes about an hour. FILE is a libhowdah_envoy_filter.so; otherwise it is the one of this build.\n\
         Percentiles are those of all transactions, CPU is for each transaction. For example:\n  \
         what the filter costs   proxy --ways envoy,filter --scripts select --clients 16 --rounds 9 --idle 0\n  \
         the whole path, short   proxy --ways direct,full,full-tls --clients 16 --seconds 3 --idle 0\n  \
         memory alone            proxy --clients none --idle 2000\n\n\
         ways:\n"
        .to_owned();
    for way in Way::ALL {
        text.push_str(&format!("  {:<14} {}\n", way.name(), way.title()));
    }
    text
}
