//! Small runnable programs, one for each use of the library.
