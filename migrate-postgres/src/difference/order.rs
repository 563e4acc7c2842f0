//! The order of nodes in a graph.

use std::collections::{BTreeMap, BTreeSet};

/// Sorts nodes so that each follows those that it needs; among those that are ready, the smallest comes first. In a
/// cycle, the smallest one goes first.
pub(super) fn sort<N: Ord + Clone>(nodes: &BTreeSet<N>, needs: impl Fn(&N) -> Vec<N>) -> Vec<N> {
    let mut waiting: BTreeMap<N, BTreeSet<N>> = BTreeMap::new();
    let mut followers: BTreeMap<N, Vec<N>> = BTreeMap::new();
    for node in nodes {
        let needed: BTreeSet<N> =
            needs(node).into_iter().filter(|other| other != node && nodes.contains(other)).collect();
        for other in &needed {
            followers.entry(other.clone()).or_default().push(node.clone());
        }
        waiting.insert(node.clone(), needed);
    }
    let is_ready = |(_, needed): &(&N, &BTreeSet<N>)| needed.is_empty();
    let mut ready: BTreeSet<N> = waiting.iter().filter(is_ready).map(|(node, _)| node.clone()).collect();
    let mut sorted = Vec::with_capacity(nodes.len());
    while let Some(next) = ready.pop_first().or_else(|| waiting.keys().next().cloned()) {
        waiting.remove(&next);
        for follower in followers.remove(&next).unwrap_or_default() {
            let Some(needed) = waiting.get_mut(&follower) else { continue };
            needed.remove(&next);
            if needed.is_empty() {
                ready.insert(follower);
            }
        }
        sorted.push(next);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::sort;
    use std::collections::BTreeSet;

    #[test]
    fn each_follows_what_it_needs_and_a_cycle_ends() {
        let needs = |node: &u8| match node {
            1 => vec![3],
            2 => vec![1, 9],
            4 => vec![5],
            5 => vec![4],
            _ => vec![],
        };
        let nodes: BTreeSet<u8> = (1..=5).collect();
        assert_eq!(sort(&nodes, needs), [3, 1, 2, 4, 5]);
    }
}
