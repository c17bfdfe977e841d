//! The simulator as a program: prints the address it listens on, and serves until it is ended.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;
use gateway_simulator::{Simulator, SimulatorOptions};

/// Fake LLM providers over real HTTP, with faults on demand (`POST /__set`).
#[derive(Debug, Parser)]
#[command(name = "gateway-simulator", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// A key that no provider accepts; may be repeated.
    #[arg(long = "refuse-key", value_name = "KEY")]
    refused_keys: Vec<String>,
    /// How many of the last requests `GET /__requests` shows; 0 keeps none.
    #[arg(long, default_value_t = 256)]
    captured_requests: usize,
}

fn main() -> io::Result<()> {
    let Arguments { listen, workers, refused_keys, captured_requests } = Arguments::parse();
    let simulator = Simulator::start(SimulatorOptions { listen, workers, refused_keys, captured_requests })?;
    let mut out = io::stdout();
    writeln!(out, "{}", simulator.url())?;
    out.flush()?;
    simulator.wait()
}
