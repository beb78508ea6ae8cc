//! Feeds `howdah_pocket::fuzzing::body`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| howdah_pocket::fuzzing::body(bytes));
