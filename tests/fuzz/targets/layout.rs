//! Any directory is read without a panic. File names and texts, including script options, come from the
//! input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate_core::directory;
use migrate_core::directory::source::SourceFile;

fuzz_target!(|files: Vec<(String, Vec<u8>)>| {
    let files = files.into_iter().map(|(path, bytes)| SourceFile::new(path, bytes)).collect();
    match directory::Reading::default().placeholders(["a"]).read(files) {
        Ok(directory) => {
            let versions: Vec<_> = directory.migrations.iter().map(|m| migrate_core::Migration::version(m)).collect();
            assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
});
