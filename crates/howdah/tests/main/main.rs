//! The program as a process.

mod guard;
