//! The release after this one, whose history has a column more: applies the migrations of a folder.
//!
//! Arguments: a URL and the folder. Prints how many steps the run took.

use migrate_postgres::{Migrator, Set};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, folder] = arguments.as_slice() else { return Err("usage: URL FOLDER".into()) };
    let report = Migrator::new(Set::from_folder(folder)?).run(url.as_str()).await?;
    println!("{} steps", report.steps.len());
    Ok(())
}
