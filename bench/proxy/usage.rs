//! What processes have used so far.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// A tick of /proc/PID/stat in nanoseconds: Linux has 100 of them a second on every platform (proc(5), time(7)).
const TICK: u64 = 10_000_000;

/// Nanoseconds of CPU that the threads of a process have used; threads that have ended are not in it.
pub(crate) fn threads(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // It may have ended since it was listed.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        sum += first(&text)?;
    }
    Ok(sum)
}

/// Nanoseconds of CPU that a process, its children and those of them that have ended have used.
pub(crate) fn family(pid: u32) -> Result<u64> {
    let mut sum = ticks(pid)?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    for child in children.split_whitespace() {
        sum += ticks(child.parse()?).unwrap_or_default();
    }
    Ok(sum * TICK)
}

fn ticks(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in front may hold anything but ends with the last bracket.
    let (_, fields) = text.rsplit_once(") ").context("a stat line")?;
    let numbers = fields.split(' ').skip(11).take(4);
    numbers
        .map(|field| field.parse::<u64>().context("ticks"))
        .sum()
}

/// The bytes of memory that a process has to itself or shares.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let fields: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let resident = fields.get("VmRSS").context("VmRSS is there")?;
    Ok(first(resident.trim())? * 1024)
}

fn first(text: &str) -> Result<u64> {
    let number = text.split_whitespace().next().context("a number")?;
    Ok(number.parse()?)
}
