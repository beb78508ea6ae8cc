//! Feeds `howdah_pocket::fuzzing::cel`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pocket::fuzzing::cel(bytes));
