//! A long test's items, several at once.

use std::panic::resume_unwind;
use std::thread::{ScopedJoinHandle, scope};
use tokio::runtime::Builder;

/// The number of workers. Most items wait for a server more than they compute.
const WORKERS: usize = 4;

/// The items of a long test that an ordinary run takes: one in so many, other ones with each of two successive
/// major versions of PostgreSQL, which `.ci/run` has both. With `MIGRATE_TEST_EVERY_POINT` in the environment,
/// all of them.
pub fn sample<T>(items: impl IntoIterator<Item = T>, one_in: usize, version_num: u32) -> Vec<T> {
    let (first, step) = match std::env::var_os("MIGRATE_TEST_EVERY_POINT") {
        Some(_) => (0, 1),
        None => (version_num as usize / 10_000 % one_in, one_in),
    };
    items.into_iter().skip(first).step_by(step).collect()
}

/// Runs a part of a test on each of several workers, and returns what each found. A worker takes every fourth
/// item, on a thread and a runtime of its own.
///
/// # Panics
///
/// With the panic of a worker.
pub fn spread<T, R: Send>(items: &[T], test: impl AsyncFn(Vec<&T>) -> R + Sync) -> Vec<R>
where
    T: Sync,
{
    let work = |worker: usize| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mine = items.iter().skip(worker).step_by(WORKERS).collect();
        runtime.expect("a runtime can be built").block_on(test(mine))
    };
    scope(|scope| {
        let workers: Vec<ScopedJoinHandle<'_, R>> =
            (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        let results =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn each_item_is_taken_once() {
        let items: Vec<usize> = (0..11).collect();
        let taken =
            spread(&items, async |mine: Vec<&usize>| mine.into_iter().copied().collect::<Vec<usize>>());
        let mut taken: Vec<usize> = taken.into_iter().flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, items);
    }

    #[test]
    #[should_panic(expected = "item 7")]
    fn a_panic_is_the_tests() {
        spread(&[7], async |mine: Vec<&i32>| assert!(mine.is_empty(), "item {}", mine[0]));
    }
}
