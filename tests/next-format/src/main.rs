//! The next release, whose history has one more column: applies the migrations of a folder.
//!
//! Arguments: a URL and the folder. Prints the number of steps that the run took. Built without features.

use migrate_postgres::{Migrator, Set};
use std::error::Error;

/// A method that the feature `histories` would hide behind its own: with the feature, the call in `main` has
/// another type.
trait WithoutHistories {
    fn adopt(&self) {}
}

impl WithoutHistories for Migrator {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, folder] = arguments.as_slice() else { return Err("usage: URL FOLDER".into()) };
    let migrator = Migrator::new(Set::from_folder(folder)?);
    let () = migrator.adopt();
    let report = migrator.run(url.as_str()).await?;
    println!("{} steps", report.steps.len());
    Ok(())
}
