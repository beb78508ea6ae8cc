//! Feeds `howdah_pgwire::fuzzing::backend`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pgwire::fuzzing::backend(bytes));
