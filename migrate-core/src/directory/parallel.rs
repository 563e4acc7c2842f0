//! Parallel processing of many files.

use std::thread;

/// The number of items from which threads pay off.
const WORTH_A_THREAD: usize = 32;

/// Applies `each` to the items, keeping their order, on as many threads as the machine has cores.
///
/// `migrate!` reads a directory during a build, and a procedural macro is usually compiled without
/// optimization: with a thousand files, that is noticeable.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len() / WORTH_A_THREAD);
    if threads < 2 {
        return items.into_iter().map(each).collect();
    }
    let size = items.len().div_ceil(threads);
    let mut items = items.into_iter();
    let parts = std::iter::from_fn(|| Some(items.by_ref().take(size).collect::<Vec<T>>()));
    let parts: Vec<Vec<T>> = parts.take_while(|part| !part.is_empty()).collect();
    let each = &each;
    thread::scope(|scope| {
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || part.into_iter().map(each).collect::<Vec<R>>()))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<R>>| match thread.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().flat_map(join).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_in_order() {
        for count in [0, 1, 31, 64, 65, 1000] {
            let expected: Vec<usize> = (0..count).map(|n| 2 * n).collect();
            assert_eq!(map((0..count).collect(), |n| 2 * n), expected);
        }
    }
}
