//! The order of nodes in a graph.

use std::collections::{BTreeMap, BTreeSet};

/// Sorts nodes so that each follows those that it needs and, where that leaves a choice, those that it
/// prefers to follow; among those that are ready, the smallest comes first. In a cycle, the smallest one goes
/// first.
pub(super) fn sort<N: Ord + Clone>(
    nodes: &BTreeSet<N>,
    needs: impl Fn(&N) -> Vec<N>,
    wishes: impl Fn(&N) -> Vec<N>,
) -> Vec<N> {
    let mut waiting: BTreeMap<N, [BTreeSet<N>; 2]> = BTreeMap::new();
    let mut followers: BTreeMap<N, Vec<N>> = BTreeMap::new();
    for node in nodes {
        let others = |others: Vec<N>| -> BTreeSet<N> {
            others.into_iter().filter(|other| other != node && nodes.contains(other)).collect()
        };
        let both = [others(needs(node)), others(wishes(node))];
        for other in both.iter().flatten() {
            followers.entry(other.clone()).or_default().push(node.clone());
        }
        waiting.insert(node.clone(), both);
    }
    let is_ready = |(_, both): &(&N, &[BTreeSet<N>; 2])| both.iter().all(BTreeSet::is_empty);
    let mut ready: BTreeSet<N> = waiting.iter().filter(is_ready).map(|(node, _)| node.clone()).collect();
    let mut sorted = Vec::with_capacity(nodes.len());
    while let Some(next) = ready.pop_first().or_else(|| least(&waiting)) {
        waiting.remove(&next);
        for follower in followers.remove(&next).unwrap_or_default() {
            let Some(both) = waiting.get_mut(&follower) else { continue };
            both.iter_mut().for_each(|others| {
                others.remove(&next);
            });
            if both.iter().all(BTreeSet::is_empty) {
                ready.insert(follower);
            }
        }
        sorted.push(next);
    }
    sorted
}

/// The node to take from a cycle: one that waits only for nodes that it prefers to follow, if any.
fn least<N: Ord + Clone>(waiting: &BTreeMap<N, [BTreeSet<N>; 2]>) -> Option<N> {
    let mut willing = waiting.iter().filter(|(_, [needed, _])| needed.is_empty());
    willing.next().or_else(|| waiting.iter().next()).map(|(node, _)| node.clone())
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
        assert_eq!(sort(&nodes, needs, |_| vec![4]), [3, 1, 2, 4, 5]);
        let wishes = |node: &u8| if *node == 1 { vec![2] } else { Vec::new() };
        assert_eq!(sort(&BTreeSet::from([1, 2]), |_| Vec::new(), wishes), [2, 1]);
    }
}
