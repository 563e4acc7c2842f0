//! Folders in the file system: the only module of this crate that reads files.

use crate::directory::source::SourceFile;
use crate::directory::{self, Reading};
use crate::set::Set;
use crate::set::companion::{ASSERTIONS, BESIDE, SEED_FILE, SEEDS};
use crate::set::problem::Problems;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The reason why a folder gave no set.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder does not exist.
    #[error("{}", crate::clean!("there is no folder `{}`", path.display()))]
    NotFound {
        /// The path of the folder.
        path: PathBuf,
    },
    /// The folder, or a file in it, can't be read.
    #[error("{}", crate::clean!("can't read `{}`: {source}", path.display()))]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A device, a pipe or a socket with the name of a script.
    #[error("{}", crate::clean!("`{}` is {what}, not a file, so it is not read", path.display()))]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// Its type.
        what: &'static str,
    },
    /// A file that is larger than the server accepts.
    #[error("{}", crate::clean!("`{}` has more than {limit} bytes, the most that the server accepts in one message", path.display()))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The maximum size of a script in bytes.
        limit: u64,
    },
    /// Its files are not valid migrations.
    #[error("{}", crate::clean!("{} problem{} in `{}`:\n{problems}", problems.len(), if problems.len() == 1 { "" } else { "s" }, path.display()))]
    Problems {
        /// The folder.
        path: PathBuf,
        /// Every problem with its files.
        problems: Problems,
    },
}

crate::debug_as_display!(FolderError);

impl Set {
    /// Reads the migrations of a folder at run time: the same set that `migrate!` embeds.
    ///
    /// # Errors
    ///
    /// If the folder or a file in it can't be read, or if the files have problems: all of them at once.
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

    /// Does the same with other options, such as placeholders.
    ///
    /// # Errors
    ///
    /// As for [`Set::from_folder`].
    pub fn from_folder_as(folder: impl AsRef<Path>, reading: &Reading) -> Result<Set, FolderError> {
        let folder = folder.as_ref();
        let directory = reading.read(collect(folder)?).map_err(|problems| FolderError::Problems {
            path: folder.to_owned(),
            problems: problems.under(&folder.to_string_lossy()),
        })?;
        Ok(directory.into())
    }
}

/// Lists the files of a folder and of its direct subfolders, sorted by path. Deeper folders are included if
/// names like Flyway's were found. The assertions and seeds beside the folder follow, with paths that begin
/// with `../`.
///
/// Symbolic links are followed. Hidden files are listed but not read, and other files are read only if a
/// layout might read them, so that an editor's dangling link or a large stray file does no harm.
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
        let depth = usize::from(name == SEEDS);
        below(&name, &path, depth, &mut files)?;
    }
    if directory::has_depth(files.iter().map(|file| file.path.as_str())) {
        files = deepened(folder, files)?;
    }
    beside(folder, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Adds the files of a folder, and of the folders in it down to a depth.
fn below(name: &str, path: &Path, depth: usize, files: &mut Vec<SourceFile>) -> Result<(), FolderError> {
    let inner = entries(path)?;
    if inner.is_empty() {
        files.push(SourceFile::folder(name));
    }
    for (inner_name, inner_path) in inner {
        let inner_name = format!("{name}/{inner_name}");
        if is_hidden(&inner_path) || !is_dir(&inner_path)? {
            files.push(file(inner_name, &inner_path)?);
        } else if depth > 0 {
            below(&inner_name, &inner_path, depth - 1, files)?;
        } else {
            files.push(SourceFile::folder(&inner_name));
        }
    }
    Ok(())
}

/// Adds the assertions and seeds beside a folder, with paths that begin with `../`. Migrations do without them, so one that
/// can't be read is listed with the reason.
fn beside(folder: &Path, files: &mut Vec<SourceFile>) {
    for (name, depth) in [(ASSERTIONS, 0), (SEEDS, 1)] {
        let name = format!("{BESIDE}{name}");
        let path = place(folder, &name);
        if path.is_dir() {
            let mut found = Vec::new();
            match below(&name, &path, depth, &mut found) {
                Ok(()) => files.extend(found),
                Err(error) => files.push(SourceFile::unreadable(&format!("{name}/"), reason(&error))),
            }
        }
    }
    let seed = format!("{BESIDE}{SEED_FILE}");
    let path = place(folder, &seed);
    if path.is_file() {
        let read = file(seed.clone(), &path);
        files.push(read.unwrap_or_else(|error| SourceFile::unreadable(&seed, reason(&error))));
    }
}

/// The reason why a file is not known, without the file that a problem begins with.
fn reason(error: &FolderError) -> String {
    match error {
        FolderError::Io { path, source } => format!("`{}`: {source}", path.display()),
        error => error.to_string(),
    }
}

/// The path of a file that [`collect`] lists for a folder: in it, or beside it.
pub fn place(folder: &Path, path: &str) -> PathBuf {
    match path.strip_prefix(BESIDE) {
        None => folder.join(path),
        // Behind a symbolic link, `..` is not the folder that the path names.
        Some(name) if folder.file_name().is_some() => folder.with_file_name(name),
        Some(_) => folder.join(path),
    }
}

/// Adds the files of the folders that were not searched yet.
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
        // If the path can't be resolved, its name is the problem: bytes that are not UTF-8.
        let Ok(identity) = fs::canonicalize(&path) else {
            all.push(found);
            continue;
        };
        if !seen.insert(identity) {
            // A folder beside the files: it is empty, or a link.
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

/// The names and paths in a folder. In a name that is not UTF-8, U+FFFD replaces the invalid bytes; no layout
/// accepts it.
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

/// Reads the bytes of a regular file. Reading a pipe would block, and a device may have no end.
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
    // The file may grow, or be in `/proc`, where files have no length.
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
