//! Feeds `howdah_pgwire::fuzzing::frontend`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pgwire::fuzzing::frontend(bytes));
