//! A folder of the file system: the one place of this crate that reads files.

use crate::directory::source::SourceFile;
use crate::directory::{self, Reading};
use crate::set::Set;
use crate::set::problem::Problems;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why a folder gave no set.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// There is no such folder.
    #[error("{}", crate::clean!("there is no folder `{}`", path.display()))]
    NotFound {
        /// The folder, as it was looked for.
        path: PathBuf,
    },
    /// The folder, or a file in it, can't be read.
    #[error("{}", crate::clean!("can't read `{}`: {source}", path.display()))]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// Why it can't be.
        source: io::Error,
    },
    /// A device, a pipe or a socket under the name of a script.
    #[error("{}", crate::clean!("`{}` is {what}, and not a file: it is not read", path.display()))]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// Its type.
        what: &'static str,
    },
    /// A file that is larger than a server takes.
    #[error("{}", crate::clean!("`{}` has more than {limit} bytes, the most that a server takes in one message", path.display()))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that a script may have.
        limit: u64,
    },
    /// Its files are no migrations.
    #[error("{}", crate::clean!("{} problem{} in `{}`:\n{problems}", problems.len(), if problems.len() == 1 { "" } else { "s" }, path.display()))]
    Problems {
        /// The folder.
        path: PathBuf,
        /// All that is wrong with its files.
        problems: Problems,
    },
}

crate::debug_as_display!(FolderError);

impl Set {
    /// The migrations of a folder, read at run time: the same set that `migrate!` embeds.
    ///
    /// # Errors
    ///
    /// When the folder or a file in it can't be read, and when something is wrong with the files: all of it at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("migrate-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::fs::write(folder.join("0001_create_users.sql"), "CREATE TABLE users (id bigint PRIMARY KEY);")?;
    /// let set = migrate_core::Set::from_folder(&folder)?;
    /// assert_eq!(set.get(0).unwrap().name(), "0001_create_users");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Set, FolderError> {
        Set::from_folder_as(folder, &Reading::default())
    }

    /// The same, read in another way: with placeholders, say.
    ///
    /// # Errors
    ///
    /// As [`Set::from_folder`].
    pub fn from_folder_as(folder: impl AsRef<Path>, reading: &Reading) -> Result<Set, FolderError> {
        let folder = folder.as_ref();
        let directory = reading.read(collect(folder)?).map_err(|problems| FolderError::Problems {
            path: folder.to_owned(),
            problems: problems.under(&folder.to_string_lossy()),
        })?;
        Ok(directory.into())
    }
}

/// The files of a folder and of the folders in it, sorted by path; of the folders in those too, where names like Flyway's
/// were found.
///
/// Symbolic links are followed. Hidden files are named and not read, and of the others only what a layout may read, so
/// that a link of an editor that leads nowhere, or a large file that strayed here, does no harm.
///
/// # Errors
///
/// [`FolderError::NotFound`] and [`FolderError::Io`].
pub fn collect(folder: &Path) -> Result<Vec<SourceFile>, FolderError> {
    let is_folder = fs::metadata(folder).map(|metadata| metadata.is_dir());
    match is_folder {
        Ok(true) => {}
        Ok(false) => return Err(FolderError::NotFound { path: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::NotFound { path: folder.to_owned() });
        }
        Err(source) => return Err(FolderError::Io { path: folder.to_owned(), source }),
    }
    let mut files = Vec::new();
    for (name, path) in entries(folder)? {
        if name.starts_with('.') || !is_dir(&path)? {
            files.push(file(name, &path)?);
            continue;
        }
        let inner = entries(&path)?;
        if inner.is_empty() {
            files.push(SourceFile::folder(&name));
        }
        for (inner_name, inner_path) in inner {
            let inner_name = format!("{name}/{inner_name}");
            if !is_hidden(&inner_path) && is_dir(&inner_path)? {
                files.push(SourceFile::folder(&inner_name));
            } else {
                files.push(file(inner_name, &inner_path)?);
            }
        }
    }
    if directory::has_depth(files.iter().map(|file| file.path.as_str())) {
        files = deepened(folder, files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The same files, with those of the folders that were not looked into.
fn deepened(folder: &Path, files: Vec<SourceFile>) -> Result<Vec<SourceFile>, FolderError> {
    // A link may lead back up.
    let known = files.iter().filter_map(|file| Some(folder.join(file.path.split_once('/')?.0)));
    let known = std::iter::once(folder.to_owned()).chain(known);
    let mut seen: HashSet<PathBuf> = known.filter_map(|path| fs::canonicalize(path).ok()).collect();
    let mut all = Vec::new();
    let mut open: Vec<SourceFile> = files;
    while let Some(found) = open.pop() {
        let Some(name) = found.path.strip_suffix('/') else {
            all.push(found);
            continue;
        };
        let path = folder.join(name);
        // Where it can't be told, its name is the problem: bytes that are no UTF-8.
        let Ok(identity) = fs::canonicalize(&path) else {
            all.push(found);
            continue;
        };
        if !seen.insert(identity) {
            // One beside the files, which is empty, or a link.
            if !name.contains('/') {
                all.push(found);
            }
            continue;
        }
        let inner = entries(&path)?;
        if inner.is_empty() {
            all.push(found);
            continue;
        }
        for (inner_name, inner_path) in inner {
            let inner_name = format!("{name}/{inner_name}");
            if !is_hidden(&inner_path) && is_dir(&inner_path)? {
                open.push(SourceFile::folder(&inner_name));
            } else {
                open.push(file(inner_name, &inner_path)?);
            }
        }
    }
    Ok(all)
}

/// Names and paths. A name that is not UTF-8 keeps U+FFFD in place of what is not, which no layout takes.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, FolderError> {
    let failed = |source| FolderError::Io { path: folder.to_owned(), source };
    fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| {
            let entry = entry.map_err(failed)?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
        })
        .collect()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with('.'))
}

fn is_dir(path: &Path) -> Result<bool, FolderError> {
    let metadata = fs::metadata(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
    Ok(metadata.is_dir())
}

fn file(name: String, path: &Path) -> Result<SourceFile, FolderError> {
    if is_hidden(path) || !directory::may_read(&name) {
        return Ok(SourceFile::new(name, Vec::new()));
    }
    Ok(SourceFile::new(name, read(path)?))
}

/// The bytes of a regular file. A pipe would be waited for, and a device may have no end.
fn read(path: &Path) -> Result<Vec<u8>, FolderError> {
    let failed = |source| FolderError::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(FolderError::NotAFile { path: path.to_owned(), what: kind(metadata.file_type()) });
    }
    let limit = directory::SIZE_LIMIT as u64;
    let too_large = || FolderError::TooLarge { path: path.to_owned(), limit };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow, or be one of those of `/proc`, which have no length.
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(unix)]
fn kind(file_type: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if file_type.is_fifo() {
        "a named pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(_: fs::FileType) -> &'static str {
    "a device"
}
