//! The head of a report: what was measured, where and when.

use crate::Result;
use crate::stage::{Stage, connect};
use std::process::Command;

/// The versions in the lock file that the bench is built with.
const LOCK: &str = include_str!("../Cargo.lock");

pub(crate) async fn describe(stage: &Stage) -> Result<String> {
    let client = connect(&stage.server.config("postgres")).await?;
    let row = client.query_one("SELECT current_setting('server_version'), now()::date::text", &[]).await?;
    let (server, date): (String, String) = (row.get(0), row.get(1));
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions: Vec<String> = ["sqlx", "refinery", "diesel_migrations", "tokio-postgres"]
        .iter()
        .map(|name| format!("{name} {}", version(name).unwrap_or("?")))
        .collect();
    let rustc = Command::new("rustc").arg("--version").output()?;
    let quick = if stage.options.quick {
        "\n\n**Quick: small sizes, one turn. These times mean nothing.**"
    } else {
        ""
    };
    Ok(format!(
        "# migrate-postgres beside its peers\n\n\
         Measured on {date} by `cargo run --release --manifest-path migrate-postgres/benches/Cargo.toml`, on {cores} \
         processors ({}), PostgreSQL {server} with `fsync` off on a socket of its own, {}, {}. Contenders take turns; times \
         are medians of {} turns or more. 0 ms of latency is the socket itself; 1 ms and 10 ms are what a proxy takes in \
         each direction, so a round trip takes 2 ms and 20 ms more. Round trips are counted by the proxy in the same \
         run, those that open the connection left out.{quick}\n",
        model.map_or("unknown", |(_, model)| model),
        versions.join(", "),
        String::from_utf8_lossy(&rustc.stdout).trim(),
        stage.options.runs,
    ))
}

/// The version of a package in the lock file.
fn version(name: &str) -> Option<&'static str> {
    let (_, package) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    package.split('"').next()
}
