//! The lines between agent and guard. A command has a number, and is answered with it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use howdah_postgres::Process;

/// The longest line.
pub(super) const LONGEST: usize = 128;

/// What the agent wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// This is the postmaster from now on.
    Watch(Process),
    /// Kill at this time, in nanoseconds of the clock that counts from the boot of the machine.
    Arm(u64),
    /// Never kill.
    Disarm,
}

/// A command with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) number: u64,
    pub(super) command: Command,
}

/// What the guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The command with this number is in force.
    Taken(u64),
    /// It killed.
    Fired(Fired),
}

/// How a kill went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// How long after the deadline everything was gone, or given up.
    pub after: Duration,
    /// How many processes were killed.
    pub killed: u64,
    /// How many are still there, as a process is that waits for a disk.
    pub left: u64,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.command {
            Command::Watch(Process { pid, start }) => write!(f, "{number} watch {pid} {start}"),
            Command::Arm(nanos) => write!(f, "{number} arm {nanos}"),
            Command::Disarm => write!(f, "{number} disarm"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(number) => write!(f, "taken {number}"),
            Self::Fired(fired) => {
                let micros = fired.after.as_micros();
                write!(f, "fired {micros} {} {}", fired.killed, fired.left)
            }
        }
    }
}

/// A line that is none of those above.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown;

impl FromStr for Order {
    type Err = Unknown;

    fn from_str(line: &str) -> Result<Self, Unknown> {
        let mut words = line.split(' ');
        let number = next(&mut words)?;
        let command = match words.next().ok_or(Unknown)? {
            "watch" => Command::Watch(Process {
                pid: next(&mut words)?,
                start: next(&mut words)?,
            }),
            "arm" => Command::Arm(next(&mut words)?),
            "disarm" => Command::Disarm,
            _ => return Err(Unknown),
        };
        end(words)?;
        Ok(Self { number, command })
    }
}

impl FromStr for Report {
    type Err = Unknown;

    fn from_str(line: &str) -> Result<Self, Unknown> {
        let mut words = line.split(' ');
        let report = match words.next().ok_or(Unknown)? {
            "taken" => Self::Taken(next(&mut words)?),
            "fired" => Self::Fired(Fired {
                after: Duration::from_micros(next(&mut words)?),
                killed: next(&mut words)?,
                left: next(&mut words)?,
            }),
            _ => return Err(Unknown),
        };
        end(words)?;
        Ok(report)
    }
}

fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Result<T, Unknown> {
    words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or(Unknown)
}

fn end<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<(), Unknown> {
    words.next().map_or(Ok(()), |_| Err(Unknown))
}

/// Cuts what comes over a pipe into lines, without memory of its own.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: [u8; LONGEST],
    filled: usize,
    /// The line in the buffer is too long, and its rest is not wanted.
    skipping: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            buffer: [0; LONGEST],
            filled: 0,
            skipping: false,
        }
    }
}

impl Lines {
    /// Takes in bytes and hands on every line that is complete, understood as a `T`; others are ignored.
    pub(super) fn take<T: FromStr>(&mut self, bytes: &[u8], mut each: impl FnMut(T)) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::str::from_utf8(&self.buffer[..self.filled]);
                if let Some(item) = line.ok().and_then(|line| line.parse().ok())
                    && !self.skipping
                {
                    each(item);
                }
                self.filled = 0;
                self.skipping = false;
            } else if let Some(place) = self.buffer.get_mut(self.filled) {
                *place = *byte;
                self.filled += 1;
            } else {
                self.skipping = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let start = u64::MAX;
        for command in [
            Command::Watch(Process { pid: 7, start }),
            Command::Arm(u64::MAX),
            Command::Disarm,
        ] {
            let order = Order { number: 3, command };
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        let fired = Fired {
            after: Duration::from_micros(1500),
            killed: 4,
            left: 1,
        };
        for report in [Report::Taken(9), Report::Fired(fired)] {
            assert_eq!(report.to_string().parse(), Ok(report));
        }
        for line in [
            "",
            "1",
            "1 arm",
            "1 arm x",
            "1 arm 2 3",
            "x disarm",
            "1 kill",
            "1 watch 5",
        ] {
            assert_eq!(line.parse::<Order>(), Err(Unknown), "{line:?}");
        }
    }

    #[test]
    fn pieces_make_lines_and_what_is_too_long_is_left_out() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let long = format!("{} arm 1\n", "9".repeat(LONGEST));
        for piece in [
            "1 ar",
            "m 5\n2 dis",
            "arm\n",
            &long,
            "nonsense\n\n4 disarm\n",
        ] {
            lines.take(piece.as_bytes(), |order: Order| seen.push(order.number));
        }
        assert_eq!(seen, [1, 2, 4]);
    }
}
