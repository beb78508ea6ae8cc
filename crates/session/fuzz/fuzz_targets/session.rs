//! Feeds `howdah_session::fuzzing::session`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_session::fuzzing::session(bytes));
