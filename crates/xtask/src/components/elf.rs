//! Just enough of the ELF format to tell programs from libraries and other files.
//!
//! Layout: System V ABI, chapter 4 (object files) and 5 (program header). Both word sizes' headers differ; only
//! 64-bit little-endian files are looked into, which are all that Howdah runs on.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use anyhow::{Context, Result};
use camino::Utf8Path;

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PT_INTERP: u32 = 3;

/// The dynamic loader that a program names (`PT_INTERP`); `None` for libraries, static programs and other files.
pub(crate) fn interpreter(path: &Utf8Path) -> Result<Option<String>> {
    let mut file = File::open(path).with_context(|| format!("open {path}"))?;
    read_interpreter(&mut file).with_context(|| format!("read {path}"))
}

fn read_interpreter(file: &mut (impl Read + Seek)) -> Result<Option<String>> {
    let mut header = [0; HEADER];
    if !read_at(file, 0, &mut header)? || header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(None);
    }
    let table = number(&header[32..40]);
    let count = number(&header[56..58]);
    for index in 0..count {
        let mut entry = [0; PROGRAM_HEADER];
        let offset = table.saturating_add(index * PROGRAM_HEADER as u64);
        if !read_at(file, offset, &mut entry)? {
            return Ok(None);
        }
        if number(&entry[..4]) == u64::from(PT_INTERP) {
            // A path is never longer than this; more would be a broken file.
            let mut name = vec![0; usize::try_from(number(&entry[32..40]))?.min(4096)];
            read_at(file, number(&entry[8..16]), &mut name)?;
            let name = String::from_utf8(name).context("the loader's name is not UTF-8")?;
            return Ok(Some(name.trim_end_matches('\0').to_owned()));
        }
    }
    Ok(None)
}

/// Fills the buffer from an offset; false where the file ends before.
fn read_at(file: &mut (impl Read + Seek), offset: u64, buffer: &mut [u8]) -> Result<bool> {
    file.seek(SeekFrom::Start(offset))?;
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A program with one program header of this kind, followed by the name of a loader.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + PROGRAM_HEADER];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes[72..80].copy_from_slice(&120_u64.to_le_bytes());
        bytes[96..104].copy_from_slice(&11_u64.to_le_bytes());
        bytes.extend(b"/lib/ld.so\0");
        bytes
    }

    fn read(bytes: Vec<u8>) -> Option<String> {
        read_interpreter(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn the_loader_of_a_program_is_found() {
        assert_eq!(read(program(PT_INTERP)).unwrap(), "/lib/ld.so");
    }

    #[test]
    fn libraries_scripts_and_cut_off_files_have_none() {
        assert_eq!(read(program(1)), None);
        assert_eq!(read(b"#!/bin/sh\n".to_vec()), None);
        assert_eq!(read(program(PT_INTERP)[..70].to_vec()), None);
        assert_eq!(read(Vec::new()), None);
    }
}
