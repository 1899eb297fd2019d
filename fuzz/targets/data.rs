//! libFuzzer's entry to [`fuzz::data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::data(bytes));
