//! Feeds `howdah_pgwire::fuzzing::startup`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pgwire::fuzzing::startup(bytes));
