//! The simulator over real sockets.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod asks;
mod client;
mod faults;
mod refusals;
mod siem;

use gateway_simulator::{Running, Simulator, SimulatorOptions};

fn simulator() -> Running {
    let options =
        SimulatorOptions { refused_keys: vec!["revoked-key-1234".into()], ..SimulatorOptions::default() };
    Simulator::start(options).expect("a free port")
}
